//! What a sandbox costs, and that programs of all kinds run in it.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use dstream_sandbox::{Confinement, SandboxError, Wanted};
use dstream_task::Sandbox;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

use super::support::{Place, copy_program};

/// Runs a program in a sandbox.
fn confined(program: &str, args: &[&str], read: &[&str]) -> std::io::Result<Output> {
    let sandbox =
        Sandbox { read: read.iter().map(|r| (*r).to_owned()).collect(), ..Sandbox::default() };
    let wanted = Wanted {
        program: Path::new(program),
        folder: Path::new("/"),
        sandbox: Some(&sandbox),
        read: &[],
        scratch: None,
    };
    let mut confinement = Confinement::prepare(&wanted).unwrap();
    let mut command = Command::new(program);
    command.args(args).env_clear().env("PATH", "/usr/bin:/bin");
    // SAFETY: `enter` is made for this place.
    #[allow(unsafe_code, reason = "as the engine does it")]
    unsafe {
        command.pre_exec(move || confinement.enter());
    }
    command.output()
}

#[test]
fn a_shell_runs_with_its_programs_when_their_folder_may_be_read() {
    let script =
        "tr a-z A-Z <<< \"$(echo shout | cat)\"; while read -r x; do echo $x; done < <(echo sub)";
    let output = confined("/bin/bash", &["-c", script], &["/usr/bin"]).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(text, "SHOUT\nsub\n", "{}", String::from_utf8_lossy(&output.stderr));
    let without = confined("/bin/bash", &["-c", "/usr/bin/id"], &[]).unwrap();
    assert!(String::from_utf8_lossy(&without.stderr).contains("Permission denied"));
}

/// Where there is one: it is no part of what the project needs.
#[test]
fn python_runs_with_threads_and_names_of_this_machine() {
    if !Path::new("/usr/bin/python3").exists() {
        return;
    }
    let script = "import threading, subprocess, ssl, json, sqlite3
t = threading.Thread(target=lambda: print('thread')); t.start(); t.join()
print(subprocess.run(['/usr/bin/env', 'echo', 'child'], capture_output=True, text=True).stdout, end='')
try: open('/etc/passwd'); print('read')
except PermissionError: print('refused')";
    let output =
        confined("/usr/bin/python3", &["-c", script], &["/usr/bin", "/usr/share"]).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(text, "thread\nchild\nrefused\n", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_script_whose_interpreter_may_not_be_read_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    std::fs::write(&text, "#!/bin/bash\necho started\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&text, mode).unwrap();
    let script = folder.path().join("p.sh").display().to_string();
    copy_program(&text.display().to_string(), &script);
    let error = confined(&script, &[], &[]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
    assert_eq!(confined(&script, &[], &["/usr/bin/bash"]).unwrap().stdout, b"started\n");
}

#[test]
fn a_start_takes_a_few_milliseconds_longer() {
    let time = |start: &dyn Fn()| {
        let begin = Instant::now();
        (0..20).for_each(|_| start());
        begin.elapsed() / 20
    };
    let plain = time(&|| drop(Command::new("/bin/true").output().unwrap()));
    let inside = time(&|| drop(confined("/bin/true", &[], &[]).unwrap()));
    println!("a start takes {plain:?}, in a sandbox {inside:?}");
    // A loaded machine is no reason to fail; a filter of a thousand steps would be.
    assert!(inside < plain + Duration::from_millis(50), "{plain:?}, in a sandbox {inside:?}");
}

/// A filter of seccomp belongs to a thread: in this one there is no Landlock.
#[test]
fn where_the_kernel_has_no_landlock_nothing_is_started_and_the_message_names_what_has_it() {
    let without = || {
        let number = libc::SYS_landlock_create_ruleset;
        let filter = SeccompFilter::new(
            [(number, Vec::new())].into(),
            SeccompAction::Allow,
            SeccompAction::Errno(libc::ENOSYS as u32),
            std::env::consts::ARCH.try_into().unwrap(),
        );
        seccompiler::apply_filter(&BpfProgram::try_from(filter.unwrap()).unwrap()).unwrap();
        Place::new().prepare().unwrap_err()
    };
    let error = std::thread::spawn(without).join().unwrap();
    assert!(matches!(error, SandboxError::Kernel { abi: 3, .. }), "{error}");
    assert!(error.to_string().contains("Linux 6.2") && error.help().contains("lsm="), "{error}");
}
