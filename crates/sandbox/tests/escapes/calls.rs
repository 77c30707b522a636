//! System calls that lead around the rules.

use super::support::*;

#[test]
fn namespaces_cannot_be_made() {
    let place = Place::new();
    if is_root() {
        place.refuses(&["unshare"], EPERM, nothing);
        place.refuses(&["clone into a namespace"], EPERM, nothing);
    }
    // Its flags cannot be looked at: it does not exist, and libraries take `clone`.
    assert_eq!(run(&["clone3"], None), Ended::Refused(libc::EINVAL));
    assert_eq!(place.inside(&["clone3"]), Ended::Refused(ENOSYS));
    place.allows(&["start a thread"]);
}

#[test]
fn nothing_can_be_mounted_and_the_root_stays() {
    if is_root() {
        let place = Place::new();
        place.refuses(&["mount", &place.path("out")], EPERM, nothing);
        place.refuses(&["change root", &place.path("out")], EPERM, nothing);
    }
}

#[test]
fn the_kernels_own_calls_are_refused() {
    let place = Place::new();
    // Some fail without a sandbox, too, but for their arguments.
    let mut calls = vec!["io_uring", "key", "shared memory", "type for the user"];
    if is_root() {
        calls.extend(["bpf", "user fault"]);
    }
    for call in calls {
        let without = run(&[call], None);
        assert_ne!(without, Ended::Refused(EPERM), "{call}: the test proves nothing here");
        assert_eq!(place.inside(&[call]), Ended::Refused(EPERM), "{call}");
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn the_other_numbers_of_x86_64_do_not_exist() {
    // Also where the kernel has them.
    assert_eq!(Place::new().inside(&["x32"]), Ended::Refused(ENOSYS));
}
