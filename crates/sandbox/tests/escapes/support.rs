//! Runs an attempt in a process of its own: this test program again, which then is the provider.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use dstream_sandbox::{Confinement, SandboxError, Wanted};
use dstream_task::{Connect, Sandbox};

use super::attempts::{ARGUMENTS, RESULT};

pub(crate) use libc::{EACCES, ENOSYS, EPERM};

/// How an attempt ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Succeeded,
    /// The error number of the call that failed.
    Refused(i32),
    /// The process died, or could not be started.
    Died(String),
}

/// A folder with a secret in it, and folders beside it that a sandbox may allow.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) sandbox: Sandbox,
}

impl Place {
    /// `data` may be read and `out` written; `secret` neither.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["data", "out", "private"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("secret"), "hunter2").unwrap();
        std::fs::write(folder.path().join("data/rows"), "1,2").unwrap();
        std::fs::write(folder.path().join("private/key"), "hunter3").unwrap();
        let texts = |name: &str| vec![name.to_owned()];
        let sandbox = Sandbox { read: texts("data"), write: texts("out"), ..Sandbox::default() };
        Self { folder, sandbox }
    }

    pub(crate) fn connecting(connect: Connect) -> Self {
        let mut place = Self::new();
        place.sandbox.connect = connect;
        place
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// With the sandbox.
    pub(crate) fn inside(&self, attempt: &[&str]) -> Ended {
        run(attempt, Some((self.folder.path(), Some(&self.sandbox))))
    }

    /// The attempt succeeds without a sandbox, and is refused with this number in it. `undo` puts
    /// back what the first one changed.
    pub(crate) fn refuses(&self, attempt: &[&str], number: i32, undo: impl Fn()) {
        assert_eq!(run(attempt, None), Ended::Succeeded, "{attempt:?}, without a sandbox");
        undo();
        assert_eq!(self.inside(attempt), Ended::Refused(number), "{attempt:?}, in the sandbox");
    }

    /// The attempt succeeds in the sandbox, too.
    pub(crate) fn allows(&self, attempt: &[&str]) {
        assert_eq!(self.inside(attempt), Ended::Succeeded, "{attempt:?}, in the sandbox");
    }

    pub(crate) fn prepare(&self) -> Result<Confinement, SandboxError> {
        prepare(self.folder.path(), Some(&self.sandbox))
    }
}

/// A copy that can be executed at once. Made by a program of its own: a descriptor of this process is
/// open in every process that another test is just starting, and a file that is being written is busy.
pub(crate) fn copy_program(from: &str, to: &str) {
    let copied = Command::new("cp").args(["-p", from, to]).status().unwrap();
    assert!(copied.success());
}

pub(crate) fn nothing() {}

/// Whether this runs as root: some attempts succeed without a sandbox only then.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs an attempt without a sandbox, but with what every provider from a registry gets.
pub(crate) fn from_a_registry(attempt: &[&str]) -> Ended {
    run(attempt, Some((Path::new("/"), None)))
}

pub(crate) fn run(attempt: &[&str], confined: Option<(&Path, Option<&Sandbox>)>) -> Ended {
    let program = program();
    let mut command = Command::new(&program);
    command.args(["--exact", "attempts::attempt", "--nocapture", "--test-threads=1"]);
    command.env(ARGUMENTS, attempt.join("\n")).current_dir("/");
    if let Some((folder, sandbox)) = confined {
        let mut confinement = prepare(folder, sandbox).unwrap_or_else(|e| panic!("{e}"));
        // SAFETY: `enter` is made for this place.
        #[allow(unsafe_code, reason = "as the engine does it")]
        unsafe {
            command.pre_exec(move || confinement.enter());
        }
    }
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return Ended::Died(format!("{}: {error}", program.display())),
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let result = text.lines().find_map(|l| l.split_once(RESULT)).map(|(_, r)| r.to_owned());
    match result.as_deref().map(str::parse) {
        Some(Ok(0)) => Ended::Succeeded,
        Some(Ok(number)) => Ended::Refused(number),
        _ => Ended::Died(format!(
            "{}: {text}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

fn program() -> PathBuf {
    std::env::current_exe().unwrap()
}

fn prepare(folder: &Path, sandbox: Option<&Sandbox>) -> Result<Confinement, SandboxError> {
    let program = program();
    Confinement::prepare(&Wanted { program: &program, folder, sandbox, read: &[], scratch: None })
}

/// What the last system call said.
pub(crate) fn checked(result: libc::c_long) -> io::Result<i64> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
