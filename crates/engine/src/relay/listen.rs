//! The stdout of an output: what it has committed and rejected, and what it shows the user.

use std::sync::Arc;

use dstream_protocol::{ClaimedPart, Control, LineKind, ProviderError, Startup, classify};

use super::pump::unreadable;
use super::rules::{misplaced, read};
use crate::event::EventKind;
use crate::failure::{Failure, FailureKind};
use crate::hub::{Hub, Index, Signal};
use crate::lines::LineReader;
use crate::process::Stdout;

/// Reads an output's stdout to its end. After something went wrong it goes on reading, and forgets.
pub(crate) async fn listen(
    hub: Arc<Hub>,
    seat: Index,
    mut stdout: LineReader<Stdout>,
    mut handshake_pending: bool,
) {
    let mut failed = false;
    loop {
        let line = match stdout.next().await {
            Ok(Some(line)) => line,
            Ok(None) => break,
            Err(error) => {
                if !failed {
                    hub.signal(Signal::Failed(unreadable(&hub, seat, error)));
                }
                return drain(stdout).await;
            }
        };
        if failed {
            continue;
        }
        let heard = if hub.seats[seat].v2 {
            hear(&hub, seat, &line)
        } else {
            hear_legacy(&hub, seat, &line, std::mem::take(&mut handshake_pending))
        };
        if let Err(failure) = heard {
            failed = true;
            hub.signal(Signal::Failed(failure));
        }
    }
    if !failed && !stdout.rest().is_empty() && !hub.seats[seat].v2 {
        show(&hub, seat, stdout.rest());
    }
}

async fn drain(mut stdout: LineReader<Stdout>) {
    loop {
        let all = stdout.lines().len() + stdout.rest().len();
        stdout.consume(all);
        if !stdout.fill().await.unwrap_or(false) {
            return;
        }
    }
}

fn hear(hub: &Hub, seat: Index, line: &[u8]) -> Result<(), Failure> {
    if matches!(classify(line), LineKind::Data | LineKind::Blank) {
        show(hub, seat, line);
        return Ok(());
    }
    match read(hub, seat, line)? {
        Control::Committed(committed) => hub.committed(seat, committed),
        Control::Rejected(rejected) => hub.reject(seat, rejected),
        Control::Progress(progress) => {
            hub.progress(seat, progress);
            Ok(())
        }
        Control::Error(error) => {
            hub.last_words(seat, error);
            Ok(())
        }
        Control::Claimed(claimed) => answer_claim(hub, seat, claimed),
        Control::Checkpoint(_)
        | Control::Claim(_)
        | Control::Schema(_)
        | Control::Stop(_)
        | Control::End(_) => Err(misplaced(hub, seat, line)),
    }
}

fn answer_claim(hub: &Hub, seat: Index, claimed: ClaimedPart) -> Result<(), Failure> {
    let asked = |s: &&crate::hub::Seat| {
        s.role == dstream_protocol::Role::Input
            && claimed.from.as_ref().is_none_or(|name| *name == s.name)
    };
    let Some(input) = hub.seats.iter().find(asked) else {
        let message = "it answered a claim of an input that is not there";
        return Err(hub.seats[seat].failure(FailureKind::Protocol, message));
    };
    let reply = Control::Claimed(ClaimedPart { from: None, ..claimed });
    drop(hub.replies[input.place].send(reply.to_line()));
    Ok(())
}

fn hear_legacy(hub: &Hub, seat: Index, line: &[u8], first: bool) -> Result<(), Failure> {
    if first {
        match Startup::read(line) {
            Startup::Ready(_) => return Ok(()),
            Startup::Failed(ProviderError { message, .. }) => {
                let message = hub.mask.apply(&message);
                return Err(hub.seats[seat].failure(FailureKind::Startup, message));
            }
            Startup::Data => {}
        }
    }
    show(hub, seat, line);
    Ok(())
}

fn show(hub: &Hub, seat: Index, line: &[u8]) {
    let text = String::from_utf8_lossy(line);
    let line = hub.mask.apply(text.trim_end_matches('\r'));
    hub.report.emit(EventKind::Output { provider: hub.seats[seat].name.clone(), line });
}
