//! Takes stdin and stdout away from the rest of the process: they are the protocol.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dstream_protocol::{Control, Progress, Startup};

mod guarded;
mod source;

pub(crate) use source::Source;

/// How often a provider that is idle, or busy with one thing, says that it is alive.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(5);

/// The host is gone: there is nobody to tell anything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostGone;

/// The real stdin and stdout, once this has been called.
///
/// File descriptor 1 then leads to stderr, so that a stray `println!`, here or in a library or a
/// child process, is a log line; 0 leads nowhere, so that no child eats the protocol.
#[cfg(unix)]
pub(crate) fn take_over() -> io::Result<(Stdin, Stdout)> {
    use std::os::fd::AsFd;

    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    rustix::stdio::dup2_stdout(io::stderr().as_fd())?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok((Stdin::new(stdin), Stdout::new(stdout)))
}

/// Here the standard library has no way to point stdout elsewhere, so a stray `println!` does
/// disturb the protocol; the host then names the line.
#[cfg(windows)]
pub(crate) fn take_over() -> io::Result<(Stdin, Stdout)> {
    use std::os::windows::io::AsHandle;

    let stdin = File::from(io::stdin().as_handle().try_clone_to_owned()?);
    let stdout = File::from(io::stdout().as_handle().try_clone_to_owned()?);
    Ok((Stdin::new(stdin), Stdout::new(stdout)))
}

/// The real stdin, and what was read behind the command line.
#[derive(Debug)]
pub(crate) struct Stdin {
    pub(crate) file: File,
    pub(crate) rest: Vec<u8>,
}

impl Stdin {
    fn new(file: File) -> Self {
        Self { file, rest: Vec::new() }
    }

    /// Reads one line, or all there is; blocks.
    pub(crate) fn first_line(&mut self) -> io::Result<Vec<u8>> {
        let mut chunk = vec![0; 64 << 10];
        let mut line = Vec::new();
        loop {
            let read = self.file.read(&mut chunk)?;
            match memchr::memchr(b'\n', &chunk[..read]) {
                Some(end) => {
                    line.extend_from_slice(&chunk[..end]);
                    self.rest.extend_from_slice(&chunk[end + 1..read]);
                    return Ok(line);
                }
                None if read == 0 => return Ok(line),
                None => line.extend_from_slice(&chunk[..read]),
            }
        }
    }
}

/// The real stdout. Everything is written whole, and at once.
#[derive(Debug)]
pub(crate) struct Stdout {
    file: File,
    /// Whether the first line, the handshake, is out.
    started: Arc<AtomicBool>,
    /// Whether the host is one of version 1, which knows no control lines.
    plain: Arc<AtomicBool>,
    /// Whether the last line is a piece, and has to stay one: whatever followed would end it.
    torn: Arc<AtomicBool>,
    /// When something was sent last.
    last: Instant,
}

impl Stdout {
    fn new(file: File) -> Self {
        let (started, plain, torn) = Default::default();
        Self { file, started, plain, torn, last: Instant::now() }
    }

    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        let (started, plain) = (self.started.clone(), self.plain.clone());
        let (file, torn) = (self.file.try_clone()?, self.torn.clone());
        Ok(Self { file, started, plain, torn, last: self.last })
    }

    /// Writes whole lines. Blocks while the host does not read: that is what slows a source down.
    pub(crate) fn send(&mut self, lines: &[u8]) -> Result<(), HostGone> {
        if self.torn.load(Ordering::Acquire) {
            return Err(HostGone);
        }
        self.last = Instant::now();
        self.file.write_all(lines).map_err(|error| {
            tracing::debug!(%error, "stdout is closed, the host is gone");
            HostGone
        })
    }

    /// The same, as long as `valid` says yes; `false`: the rest was not written. Where a line is half
    /// out, nothing is written any more: the host drops half a line at the end of a stream, and
    /// would take it with what follows for a line.
    pub(crate) fn send_while(
        &mut self,
        lines: &[u8],
        valid: &dyn Fn() -> bool,
    ) -> Result<bool, HostGone> {
        self.last = Instant::now();
        let written = guarded::write(&mut self.file, lines, valid).map_err(|error| {
            tracing::debug!(%error, "stdout is closed, the host is gone");
            HostGone
        })?;
        if written < lines.len() {
            let is_torn = written > 0 && lines[written - 1] != b'\n';
            self.torn.store(is_torn, Ordering::Release);
        }
        Ok(written == lines.len())
    }

    pub(crate) fn startup(&mut self, startup: &Startup) -> Result<(), HostGone> {
        self.started.store(true, Ordering::Release);
        self.send(format!("{}\n", startup.to_line()).as_bytes())
    }

    /// From here on the host is one of version 1.
    pub(crate) fn speak_v1(&mut self) {
        self.plain.store(true, Ordering::Release);
    }

    /// Sends a control line, where the host knows them.
    pub(crate) fn control(&mut self, control: &Control) -> Result<(), HostGone> {
        if self.plain.load(Ordering::Acquire) {
            return Ok(());
        }
        self.send(control.to_line().as_bytes())
    }

    pub(crate) fn is_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    /// A sign of life, where nothing was sent for a while.
    pub(crate) fn heartbeat(&mut self) -> Result<(), HostGone> {
        if self.last.elapsed() < HEARTBEAT {
            return Ok(());
        }
        self.last = Instant::now();
        self.control(&Control::Progress(Progress::default()))
    }
}
