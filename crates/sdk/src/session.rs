//! One run of a provider: what it was told, and how it talks to the host.

use std::future::Future;

use dstream_protocol::{Command, Control, Ready, Startup, limits};

use crate::Error;
use crate::rejections::Rejections;
use crate::stdio::{HEARTBEAT, HostGone, Stdin, Stdout};
use crate::stop::Stop;

/// What the loops of all roles share.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) command: Command,
    /// Whether the host knows control lines.
    pub(crate) v2: bool,
    pub(crate) stdin: Stdin,
    pub(crate) stdout: Stdout,
    pub(crate) stop: Stop,
}

/// Why a run did not end as it should.
#[derive(Debug)]
pub(crate) enum Failure {
    /// To be told to the host.
    Error(Error),
    /// Nobody is there to be told.
    HostGone,
    /// A signal: what is open is given up, as it should be.
    Stopped,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<HostGone> for Failure {
    fn from(_: HostGone) -> Self {
        Self::HostGone
    }
}

impl Session {
    pub(crate) fn max_line_bytes(&self) -> usize {
        self.command.max_line_bytes.unwrap_or(limits::MAX_LINE_BYTES)
    }

    pub(crate) fn rejections(&self) -> Rejections {
        let command = &self.command;
        Rejections::new(command.dead_letter && self.v2)
    }

    /// Says `ready`, with what its version knows.
    pub(crate) fn ready(&mut self, mut ready: Ready) -> Result<(), HostGone> {
        if self.v2 {
            ready.protocol = Some(dstream_protocol::VERSION);
        } else {
            ready = Ready::default();
        }
        self.stdout.startup(&Startup::Ready(Box::new(ready)))
    }
}

/// Waits for provider code, and tells the host meanwhile that it is alive.
pub(crate) async fn alive<T>(
    stdout: &mut Stdout,
    work: impl Future<Output = T>,
) -> Result<T, HostGone> {
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            () = tokio::time::sleep(HEARTBEAT) => stdout.heartbeat()?,
        }
    }
}

/// Tells the host why it ends: in the handshake where that is not out yet.
pub(crate) fn report(stdout: &mut Stdout, error: &Error) -> Result<(), HostGone> {
    tracing::error!(kind = %error.kind(), path = error.path(), "{error}");
    if !stdout.is_started() {
        return stdout.startup(&Startup::Failed(error.clone().into()));
    }
    stdout.control(&Control::Error(error.clone().into()))
}
