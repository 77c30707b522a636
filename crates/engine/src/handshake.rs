//! A provider's first word: ready, an error, its end, or too late.

use std::time::Duration;

use dstream_protocol::{Role, Startup};
use tokio::time::{Instant, timeout_at};

use crate::failure::{Failure, FailureKind};
use crate::lines::{LineError, LineReader};
use crate::mask::Mask;
use crate::process::{Stdout, describe_status};
use crate::startup::{LINGER, Live};

/// How much of a line is quoted in a message.
const QUOTED: usize = 200;

/// Waits for the first line, the end, or too late, and takes the handshake off the stream.
pub(crate) async fn first_word(
    live: &mut Live,
    mask: &Mask,
    deadline: Instant,
    grace: Option<Duration>,
    limit: Duration,
) -> Result<(), Failure> {
    let Some(mut stdout) = live.stdout.take() else { return Ok(()) };
    let until = grace.map_or(deadline, |g| deadline.min(Instant::now() + g));
    let outcome = timeout_at(until, first_line(&mut stdout)).await;
    let result = match outcome {
        Ok(Ok(true)) => handshake(live, &mut stdout, mask),
        Ok(Ok(false)) => ended_early(live, stdout.rest()).await,
        Ok(Err(LineError::Io(e))) => {
            Err(live.failure(FailureKind::Startup, format!("its stdout cannot be read: {e}")))
        }
        Ok(Err(error)) => Err(live.failure(FailureKind::Protocol, error.to_string())),
        Err(_) if grace.is_some() => {
            live.handshake_pending = true;
            Ok(())
        }
        Err(_) => Err(late(live, limit)),
    };
    live.stdout = Some(stdout);
    let Err(mut failure) = result else { return Ok(()) };
    // Its last words may still be in the pipe.
    drop(tokio::time::timeout(LINGER, live.stderr_read.wait_for(|read| *read)).await);
    failure.stderr = live.tail.lines();
    Err(failure)
}

/// Reads until there is a whole line. `false`: the stream ended without one.
async fn first_line(stdout: &mut LineReader<Stdout>) -> Result<bool, LineError> {
    while stdout.first().is_none() {
        if !stdout.fill().await? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn handshake(live: &mut Live, stdout: &mut LineReader<Stdout>, mask: &Mask) -> Result<(), Failure> {
    let line = stdout.first().unwrap_or_default();
    match Startup::read(line) {
        Startup::Ready(ready) => {
            if live.v2 && ready.protocol != Some(dstream_protocol::VERSION) {
                return Err(live
                    .failure(FailureKind::Startup, "it is ready, but does not speak protocol 2")
                    .help("take `protocol = 2` out of its block, or answer {\"status\":\"ready\",\"protocol\":2}"));
            }
            let length = line.len() + 1;
            live.ready = *ready;
            // It is shown where it has changed, and kept with the state.
            live.ready.fingerprint = live.ready.fingerprint.take().map(|f| mask.apply(&f));
            stdout.consume(length);
            Ok(())
        }
        Startup::Failed(error) => Err(live.reported(mask.error(error))),
        Startup::Data if live.v2 => {
            let message = format!("its first line is no handshake: {}", quote(line, mask));
            Err(live
                .failure(FailureKind::Startup, message)
                .help("a version-2 provider first writes {\"status\":\"ready\",\"protocol\":2}"))
        }
        Startup::Data => Ok(()),
    }
}

/// An input of version 1 may have nothing to say; any other end before `ready` is a failure.
async fn ended_early(live: &mut Live, rest: &[u8]) -> Result<(), Failure> {
    let legacy_input = !live.v2 && live.role == Role::Input;
    if legacy_input && !rest.is_empty() {
        return Ok(());
    }
    let exited = tokio::time::timeout(LINGER, live.exit.wait_for(Option::is_some)).await;
    let status = exited.ok().and_then(|r| r.ok().and_then(|s| *s));
    if legacy_input && status.is_some_and(|s| s.success()) {
        return Ok(());
    }
    let how = status
        .map_or("closed its stdout".to_owned(), |s| format!("ended with {}", describe_status(s)));
    Err(live.failure(FailureKind::Startup, format!("it {how} before it was ready")))
}

fn late(live: &Live, limit: Duration) -> Failure {
    let message = format!("it was not ready within {limit:?}");
    live.failure(FailureKind::Startup, message)
        .help("if it needs longer, set `start_timeout` in the task")
}

/// The beginning of a line, as it can be shown.
pub(crate) fn quote(line: &[u8], mask: &Mask) -> String {
    let text = mask.apply(&String::from_utf8_lossy(line));
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("`{}…` ({} bytes)", &text[..end], line.len()),
        None => format!("`{text}`"),
    }
}
