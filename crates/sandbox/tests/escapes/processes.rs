//! Other processes: the host, other providers, what root may.

use std::process::{Child, Command, Stdio};

use super::support::*;

/// A process of the same user that is not in the sandbox.
struct Bystander(Child);

impl Bystander {
    fn new() -> Self {
        Self(Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap())
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn another_process_cannot_be_signalled() {
    let other = Bystander::new();
    // Landlock ABI 6, Linux 6.12.
    Place::new().refuses(&["signal", &other.pid()], EPERM, nothing);
}

#[test]
fn another_process_cannot_be_traced_read_or_limited() {
    let place = Place::new();
    // A process of its own each: what traces one keeps it until it ends.
    let traced = Bystander::new();
    if is_root() {
        place.refuses(&["trace", &traced.pid()], EPERM, nothing);
        place.refuses(&["read memory", &Bystander::new().pid()], EPERM, nothing);
    }
    place.refuses(&["limit another", &Bystander::new().pid()], EPERM, nothing);
}

#[test]
fn a_program_gets_no_new_privileges_and_root_is_root_by_name() {
    let place = Place::new();
    assert_eq!(run(&["no new privileges"], None), Ended::Refused(libc::ENOENT));
    place.allows(&["no new privileges"]);
    if is_root() {
        place.refuses(&["capabilities"], libc::ENOENT, nothing);
    }
}

#[test]
fn one_from_a_registry_has_no_new_privileges_and_limits_without_a_block() {
    assert_eq!(from_a_registry(&["no new privileges"]), Ended::Succeeded);
    assert_eq!(from_a_registry(&["core files"]), Ended::Refused(libc::ENOENT));
    assert_eq!(from_a_registry(&["read", "/etc/passwd"]), Ended::Succeeded);
}

#[test]
fn limits_are_kept() {
    let mut place = Place::new();
    place.refuses(&["core files"], libc::ENOENT, nothing);
    place.allows(&["open files", "100"]);
    place.sandbox.max_open_files = Some(40);
    place.refuses(&["open files", "100"], libc::EMFILE, nothing);
    place.allows(&["open files", "10"]);
    let (much, little) = ((2_u64 << 30).to_string(), (1 << 20).to_string());
    place.sandbox.max_memory_bytes = Some(1 << 30);
    place.refuses(&["memory", &much], libc::ENOMEM, nothing);
    place.allows(&["memory", &little]);
}

#[test]
fn a_limit_above_the_hosts_own_is_refused_before_anything_starts() {
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let Some(most) = most else { return };
    let mut place = Place::new();
    place.sandbox.max_open_files = Some(most + 1);
    let error = place.prepare().unwrap_err().to_string();
    assert!(error.contains("max_open_files") && error.contains(&most.to_string()), "{error}");
}
