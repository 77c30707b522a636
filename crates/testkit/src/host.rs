//! A host with one provider: sends lines, reads lines, waits no longer than it says.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::failure::{Failure, Result};

/// How long one answer may take. Generous: tests share their machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a provider may go on in all: one that only shows signs of life would hold a test for ever.
const LIFE: Duration = Duration::from_secs(600);

/// A provider's process, with its three streams. Killed when dropped.
#[derive(Debug)]
pub struct FakeHost {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: Arc<Mutex<String>>,
    stderr_reader: Option<JoinHandle<()>>,
    patience: Duration,
    begun: Instant,
}

impl FakeHost {
    /// Starts a provider without arguments.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start(program: impl AsRef<OsStr>) -> Result<Self> {
        Self::start_with(program, &[])
    }

    /// Starts a provider.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start_with(program: impl AsRef<OsStr>, args: &[&str]) -> Result<Self> {
        let program = program.as_ref();
        let mut child = Command::new(program)
            .args(args)
            .env("DSTREAM_LOG_LEVEL", "trace")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| Failure(format!("cannot start {}: {e}", program.display())))?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let lines = read_lines(stdout);
        let (stderr, reader) = read_all(stderr);
        let (patience, begun) = (PATIENCE, Instant::now());
        Ok(Self { child, stdin, lines, stderr, stderr_reader: reader, patience, begun })
    }

    /// Waits this long for an answer.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The same, in place.
    pub fn patience_mut(&mut self, patience: Duration) -> &mut Self {
        self.patience = patience;
        self
    }

    /// The provider's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a line.
    ///
    /// # Errors
    /// Where the provider has closed its stdin.
    pub fn send(&mut self, line: &str) -> Result {
        self.send_raw(format!("{line}\n").as_bytes())
    }

    /// Sends a value as a line.
    ///
    /// # Errors
    /// Where the provider has closed its stdin.
    pub fn send_json(&mut self, value: &Value) -> Result {
        self.send(&value.to_string())
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// Where the provider has closed its stdin.
    pub fn send_raw(&mut self, bytes: &[u8]) -> Result {
        let stdin = self.stdin.as_mut().ok_or_else(|| Failure::new("stdin is closed already"))?;
        let sent = stdin.write_all(bytes).and_then(|()| stdin.flush());
        sent.map_err(|e| self.failure(format!("the provider does not read its stdin: {e}")))
    }

    /// Closes the provider's stdin.
    pub fn close(&mut self) {
        self.stdin = None;
    }

    /// Sends SIGTERM.
    ///
    /// # Errors
    /// Where the system refuses it.
    #[cfg(unix)]
    pub fn terminate(&self) -> Result {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let pid = pid.ok_or_else(|| Failure::new("the process has no id"))?;
        let sent = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        sent.map_err(|e| Failure(format!("SIGTERM: {e}")))
    }

    /// Ends the process at once, as a crash would.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(|_| ()).unwrap_or_default();
    }

    /// The next line, or `None` when stdout has ended. Signs of life (`{"@progress":{}}`) are
    /// passed over.
    ///
    /// # Errors
    /// Where none comes in time, or the provider has been going on for ten minutes.
    pub fn line(&mut self) -> Result<Option<String>> {
        if self.begun.elapsed() > LIFE {
            return Err(self.failure("it goes on and on".to_owned()));
        }
        let deadline = Instant::now() + self.patience;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if line == r#"{"@progress":{}}"# => {}
                Ok(line) => return Ok(Some(line)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {
                    let seconds = self.patience.as_secs_f32();
                    return Err(self.failure(format!("no line came in {seconds} seconds")));
                }
            }
        }
    }

    /// The next line, which must be there and be JSON.
    ///
    /// # Errors
    /// Where it is not.
    pub fn json(&mut self) -> Result<Value> {
        let line = self.line()?.ok_or_else(|| self.failure("stdout ended too early"))?;
        serde_json::from_str(&line).map_err(|e| self.failure(format!("{e} in the line {line}")))
    }

    /// Every line up to the end of stdout.
    ///
    /// # Errors
    /// Where it does not end in time.
    pub fn rest(&mut self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        while let Some(line) = self.line()? {
            lines.push(line);
        }
        Ok(lines)
    }

    /// Waits until the process has ended.
    ///
    /// # Errors
    /// Where it does not in time.
    pub fn exit(&mut self) -> Result<ExitStatus> {
        let deadline = Instant::now() + self.patience;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(2));
        }
        Err(self.failure("the provider does not end"))
    }

    /// Waits for the end and wants this exit code.
    ///
    /// # Errors
    /// Where it is another one.
    pub fn exits_with(&mut self, code: i32) -> Result {
        let status = self.exit()?;
        if status.code() == Some(code) {
            return Ok(());
        }
        Err(self.failure(format!("the exit should be {code}, and is: {status}")))
    }

    /// What the provider wrote to stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All of stderr; waits for its end, so call it when the provider has ended.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn stderr_to_end(&mut self) -> Result<String> {
        let reader = self.stderr_reader.take().map(JoinHandle::join);
        reader.transpose().map_err(|_| Failure::new("stderr cannot be read"))?;
        Ok(self.stderr())
    }

    /// A failure that shows stderr.
    pub fn failure(&self, text: impl Into<String>) -> Failure {
        Failure(format!("{}\n--- stderr of the provider ---\n{}", text.into(), self.stderr()))
    }
}

impl Drop for FakeHost {
    fn drop(&mut self) {
        self.kill();
    }
}

fn read_lines(stdout: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = channel();
    if let Some(stdout) = stdout {
        thread::spawn(move || {
            let mut lines = BufReader::new(stdout);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line));
                if sender.send(text.into_owned()).is_err() {
                    return;
                }
                line.clear();
            }
        });
    }
    receiver
}

type Collected = (Arc<Mutex<String>>, Option<JoinHandle<()>>);

fn read_all(stderr: Option<impl Read + Send + 'static>) -> Collected {
    let collected = Arc::new(Mutex::new(String::new()));
    let text = collected.clone();
    let reader = stderr.map(|mut stderr| {
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(read @ 1..) = stderr.read(&mut chunk) {
                let mut text = text.lock().unwrap_or_else(PoisonError::into_inner);
                text.push_str(&String::from_utf8_lossy(&chunk[..read]));
            }
        })
    });
    (collected, reader)
}
