//! One `dstream` process, watched, with a time limit.

use std::io::Read;
use std::process::{Child, ExitStatus};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::processes;

/// Longer than anything here should take, shorter than anybody's patience.
const LIMIT: Duration = Duration::from_secs(60);

/// A process that runs. Dropped, it is killed.
pub struct Running {
    child: Child,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
}

/// A process that has ended.
pub struct Finished {
    /// Its exit status; -1 after a signal.
    pub code: i32,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Running {
    /// Takes over a process whose stdout and stderr are pipes.
    pub fn watch(mut child: Child) -> Self {
        let stdout = child.stdout.take().map(collect);
        let stderr = child.stderr.take().map(collect);
        Self { child, stdout, stderr }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.status().is_some()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        processes::kill(self.pid());
    }

    /// Waits for the end, at most a minute.
    pub fn wait(mut self) -> Finished {
        let deadline = Instant::now() + LIMIT;
        let status = loop {
            match self.status() {
                Some(status) => break Some(status),
                None if Instant::now() > deadline => break None,
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        if status.is_none() {
            self.kill();
        }
        let text = |thread: Option<JoinHandle<String>>| {
            thread.map(|t| t.join().unwrap_or_default()).unwrap_or_default()
        };
        let (stdout, stderr) = (text(self.stdout.take()), text(self.stderr.take()));
        let Some(status) = status else {
            panic!(
                "dstream did not end within {LIMIT:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
            );
        };
        Finished { code: status.code().unwrap_or(-1), stdout, stderr }
    }

    fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("its own child can be asked")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.kill();
            let _reaped = self.child.wait();
        }
    }
}

impl Finished {
    /// Fails the test where the status is another one, and shows everything.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit status\n{}", self.everything());
        self
    }

    /// Fails the test where one of these is not in what the user saw.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            let seen = self.stdout.contains(text) || self.stderr.contains(text);
            assert!(seen, "`{text}` is not in\n{}", self.everything());
        }
        self
    }

    /// Fails the test where the user saw this more than once, or never.
    #[track_caller]
    pub fn says_once(self, text: &str) -> Self {
        let times = self.stdout.matches(text).count() + self.stderr.matches(text).count();
        assert_eq!(times, 1, "how often `{text}` is in\n{}", self.everything());
        self
    }

    /// Both streams, for a message.
    pub fn everything(&self) -> String {
        format!("--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr)
    }
}

fn collect(mut stream: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // A stream that breaks off has still told what it told before.
        let _end = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
