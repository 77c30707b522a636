//! Files outside of what the block names.

use std::fs;

use super::support::*;
use dstream_sandbox::SandboxError;

#[test]
fn what_is_named_can_be_used_as_it_is_named() {
    let place = Place::new();
    place.allows(&["read", &place.path("data/rows")]);
    place.allows(&["list", &place.path("data")]);
    place.allows(&["write", &place.path("out/a")]);
    place.allows(&["append", &place.path("out/a")]);
    place.allows(&["truncate", &place.path("out/a")]);
    place.allows(&["read", &place.path("out/a")]);
    place.allows(&["make folder", &place.path("out/b")]);
    place.allows(&["rename", &place.path("out/a"), &place.path("out/b/a")]);
    place.allows(&["hard link", &place.path("out/b/a"), &place.path("out/c")]);
    place.allows(&["permissions of an open file", &place.path("out/c")]);
    place.allows(&["remove", &place.path("out/c")]);
    place.allows(&["write", "/dev/null"]);
    place.allows(&["read", "/etc/hosts"]);
}

#[test]
fn what_is_not_named_cannot_be_read() {
    let place = Place::new();
    place.refuses(&["read", &place.path("secret")], EACCES, nothing);
    place.refuses(&["read", "/etc/passwd"], EACCES, nothing);
    place.refuses(&["list", &place.path("private")], EACCES, nothing);
    place.refuses(&["list", "/"], EACCES, nothing);
    place.refuses(&["list", "/tmp"], EACCES, nothing);
}

#[test]
fn the_hosts_environment_cannot_be_read_from_proc() {
    let environment = format!("/proc/{}/environ", std::process::id());
    Place::new().refuses(&["read", &environment], EACCES, nothing);
    // Where /proc may be read the kernel still keeps other processes' apart.
    let mut place = Place::new();
    place.sandbox.read.push("/proc".into());
    place.refuses(&["read", &environment], EACCES, nothing);
    place.allows(&["read", "/proc/self/status"]);
}

#[test]
fn what_may_be_read_cannot_be_written() {
    let place = Place::new();
    let rows = place.path("data/rows");
    let restore = || fs::write(&rows, "1,2").unwrap();
    place.refuses(&["write", &rows], EACCES, restore);
    place.refuses(&["append", &rows], EACCES, restore);
    place.refuses(&["truncate", &rows], EACCES, restore);
    place.refuses(&["remove", &rows], EACCES, restore);
    let (from, to) = (place.path("data/rows"), place.path("data/other"));
    place.refuses(&["rename", &from, &to], EACCES, || fs::rename(&to, &from).unwrap());
    let made = place.path("data/new");
    place.refuses(&["make folder", &made], EACCES, || fs::remove_dir(&made).unwrap());
    assert_eq!(fs::read_to_string(&rows).unwrap(), "1,2");
}

#[test]
fn nothing_outside_can_be_made_changed_or_removed() {
    let place = Place::new();
    let secret = place.path("secret");
    let restore = || fs::write(&secret, "hunter2").unwrap();
    place.refuses(&["write", &secret], EACCES, restore);
    place.refuses(&["truncate", &secret], EACCES, restore);
    place.refuses(&["remove", &secret], EACCES, restore);
    let new = place.path("private/new");
    place.refuses(&["write", &new], EACCES, || fs::remove_file(&new).unwrap());
    assert_eq!(fs::read_to_string(&secret).unwrap(), "hunter2");
}

#[test]
fn a_symbolic_link_leads_nowhere() {
    let place = Place::new();
    let link = place.path("out/link");
    let remove = || fs::remove_file(&link).unwrap();
    place.refuses(&["read by a link", &place.path("secret"), &link], EACCES, remove);
    // One that somebody else has put there does not, either.
    std::os::unix::fs::symlink(place.path("secret"), place.path("data/link")).unwrap();
    place.refuses(&["read", &place.path("data/link")], EACCES, nothing);
}

#[test]
fn a_file_cannot_be_linked_or_moved_in_or_out() {
    let place = Place::new();
    let (secret, taken) = (place.path("secret"), place.path("out/taken"));
    place
        .refuses(&["hard link", &secret, &taken], libc::EXDEV, || fs::remove_file(&taken).unwrap());
    place.refuses(&["rename", &secret, &taken], EACCES, || fs::rename(&taken, &secret).unwrap());
    fs::write(&taken, "x").unwrap();
    let given = place.path("private/given");
    place.refuses(&["rename", &taken, &given], EACCES, || fs::rename(&given, &taken).unwrap());
}

#[test]
fn permissions_and_times_cannot_be_changed_by_path() {
    let place = Place::new();
    place.refuses(&["permissions", &place.path("secret")], EPERM, nothing);
    place.refuses(&["times", &place.path("secret")], EPERM, nothing);
}

#[test]
fn a_device_cannot_be_made() {
    let place = Place::new();
    let device = place.path("out/null");
    if is_root() {
        let undo = || fs::remove_file(&device).unwrap();
        place.refuses(&["make a device", &device], EACCES, undo);
    }
}

#[test]
fn a_program_outside_cannot_be_started() {
    let place = Place::new();
    place.refuses(&["execute", "/usr/bin/id"], EACCES, nothing);
    copy_program("/usr/bin/id", &place.path("out/id"));
    place.refuses(&["execute", &place.path("out/id")], EACCES, nothing);
}

#[test]
fn a_folder_that_holds_the_task_file_cannot_be_written() {
    let mut place = Place::new();
    for way in [".", "..", "out/.."] {
        place.sandbox.write = vec![way.to_owned()];
        let error = place.prepare().unwrap_err();
        assert!(matches!(error, SandboxError::WayOut { what: "the task file", .. }), "{error}");
    }
    let link = place.path("link");
    std::os::unix::fs::symlink(place.folder.path(), &link).unwrap();
    place.sandbox.write = vec![link];
    assert!(matches!(place.prepare(), Err(SandboxError::WayOut { .. })));
    let program = std::env::current_exe().unwrap();
    place.sandbox.write = vec![program.parent().unwrap().display().to_string()];
    let error = place.prepare().unwrap_err();
    assert!(matches!(error, SandboxError::WayOut { what: "the provider itself", .. }), "{error}");
}

#[test]
fn a_path_that_is_the_hosts_own_or_is_missing_is_refused() {
    let mut place = Place::new();
    for own in ["/proc/self", "/proc/self/environ", "/proc/thread-self/fd"] {
        place.sandbox.read = vec![own.to_owned()];
        let error = place.prepare().unwrap_err();
        assert!(matches!(error, SandboxError::HostsOwn { .. }), "{own}: {error}");
    }
    place.sandbox.read = vec!["missing".to_owned()];
    let error = place.prepare().unwrap_err();
    assert!(error.to_string().contains(&place.path("missing")), "{error}");
    assert!(error.help().contains("make it"), "{error}");
}
