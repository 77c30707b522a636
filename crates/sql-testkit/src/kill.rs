//! Runs that are killed, and go on from what the database says.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use dstream_testkit::serde_json::{self, Value, json};

use crate::TestDatabase;

/// How many rows there are to be in the end.
pub const ROWS: u64 = 3000;
const INTERVAL: u64 = 150;

/// When a run is to die.
#[derive(Debug, Clone, Copy)]
pub enum Kill {
    /// At a fail point, by itself; or not at all.
    At(Option<&'static str>),
    /// So long after it was ready, in the middle of whatever it does.
    After(Duration),
}

/// A program that is fed by hand.
#[derive(Debug)]
pub struct Run {
    /// The process.
    pub child: Child,
    /// What it reads.
    pub stdin: ChildStdin,
    /// What it says.
    pub stdout: Lines<BufReader<ChildStdout>>,
}

impl Run {
    /// Starts it with a command and a fail point; and its ready line.
    pub fn start<D: TestDatabase>(command: &Value, point: &str) -> (Self, Value) {
        let mut run =
            Self::begin(Command::new(D::PROGRAM).env("DSTREAM_FAIL_POINT", point), command);
        let ready: Value = serde_json::from_str(&run.stdout.next().unwrap().unwrap()).unwrap();
        assert_eq!(ready["status"], "ready", "{ready}");
        (run, ready)
    }

    /// Starts a program with a command, and waits for nothing.
    pub fn begin(program: &mut Command, command: &Value) -> Self {
        let mut child = program
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        writeln!(stdin, "{command}").unwrap();
        Self { child, stdin, stdout }
    }

    /// Sends text with a checkpoint at its end, and waits until something is said; whether it was.
    pub fn step(&mut self, text: &str) -> bool {
        self.stdin.write_all(text.as_bytes()).is_ok() && matches!(self.stdout.next(), Some(Ok(_)))
    }

    /// Closes its stdin and waits; whether it ended well.
    pub fn end(mut self) -> bool {
        drop(self.stdin);
        self.child.wait().unwrap().success()
    }
}

/// Sends what the database says is missing of the rows; whether it was killed before the end.
pub fn one_run<D: TestDatabase>(db: &D, mode: &str, kill: Kill) -> bool {
    let point = if let Kill::At(Some(point)) = kill { point } else { "none" };
    let command = db.command("run", &json!({"mode": mode, "key": ["id"]}));
    let (mut run, ready) = Run::start::<D>(&command, point);
    let mut next = ready["checkpoint"]["in"][""].as_u64().unwrap_or(0);
    let ready = Instant::now();
    let mut id = 0;
    while next < ROWS {
        let mut text = String::new();
        for _ in 0..INTERVAL {
            text += &format!("{{\"data\":{{\"id\":{next}}},\"metadata\":{{\"stream\":\"s\"}}}}\n");
            next += 1;
        }
        id += 1;
        text += &format!("{{\"@checkpoint\":{{\"id\":{id},\"state\":{{\"\":{next}}}}}}}\n");
        if let Kill::After(time) = kill
            && ready.elapsed() > time
        {
            // In the middle of whatever it does with the first half.
            run.stdin.write_all(&text.as_bytes()[..text.len() / 2]).unwrap();
            run.child.kill().unwrap();
            break;
        }
        if !run.step(&text) {
            break;
        }
    }
    !run.end()
}
