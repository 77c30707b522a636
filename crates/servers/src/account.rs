//! Whose account a server runs under: database servers refuse to run as root.

use std::path::Path;
use std::process::Command;

/// A command that runs as `user` where this process is root, and as this process's user elsewhere.
pub(crate) fn command(user: &str, program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--init-groups", "--"]);
    command.arg(program);
    command
}

/// Gives a folder to that user where this process is root.
pub(crate) fn give(folder: &Path, user: &str) {
    if rustix::process::geteuid().is_root() {
        let done = Command::new("chown").arg(format!("{user}:")).arg(folder).status();
        assert!(done.is_ok_and(|s| s.success()), "{} cannot be given to {user}", folder.display());
    }
}
