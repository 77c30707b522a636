//! Sees to it that a server never outlives the test: a shell is its parent, and kills it when the
//! pipe from this process closes, which it does however this process ends.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::processes;

/// Starts the server, prints its pid, waits for the pipe. `keep`: the folder stays. What the server prints
/// goes to the log: one that writes to a pipe that nobody reads would end.
const SCRIPT: &str = r#"
folder=$1; shift
"$@" </dev/null >&2 & server=$!
echo $server
exec >/dev/null
read -r word
for child in $(cat /proc/$server/task/*/children 2>/dev/null); do kill -9 "$child" 2>/dev/null; done
kill -9 $server 2>/dev/null
wait
[ "$word" = keep ] || rm -rf "$folder"
"#;

/// A running server.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
    pub(crate) pid: u32,
}

impl Guard {
    /// Starts the command; what it prints is appended to the log. With the guard goes the folder.
    pub(crate) fn start(command: &Command, folder: &Path, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).expect("the log is ours");
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(folder)
            .arg(command.get_program())
            .args(command.get_args())
            // Where root's own folders cannot be entered.
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .expect("sh starts");
        let mut line = String::new();
        let mut said = BufReader::new(shell.stdout.take().expect("piped"));
        said.read_line(&mut line).expect("the shell says the pid");
        let pid = line.trim().parse().expect("a pid");
        Self { shell, pid }
    }

    /// Whether the server's process runs.
    pub(crate) fn lives(&self) -> bool {
        processes::lives(self.pid)
    }

    /// SIGKILL for the server and its children; returns when all are gone. The folder stays.
    pub(crate) fn kill(mut self) {
        processes::kill_tree(self.pid);
        let mut stdin = self.shell.stdin.take().expect("piped");
        stdin.write_all(b"keep\n").expect("the shell listens");
        self.shell.wait().expect("our child");
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ended = self.shell.wait();
    }
}
