//! What a pump does around its lines: how a stream may end, and who judges a process that is gone.

use std::process::ExitStatus;
use std::sync::Arc;

use tokio::sync::watch;

use crate::failure::FailureKind;
use crate::hub::{Hub, Index, Signal};
use crate::process::Group;
use crate::relay::pump::{Pump, PumpRules};
use crate::relay::rules::LegacyRules;
use crate::relay::sink::SinkError;
use crate::startup::{LINGER, Live};

/// A version-2 provider: its stream ends with `@end`, or how its process ends says why not.
pub(super) async fn run<R: PumpRules>(
    mut pump: Pump<R>,
    mut exit: watch::Receiver<Option<ExitStatus>>,
    done: watch::Sender<()>,
) {
    let ran = pump.run().await;
    let failed = ran.is_err();
    if let Err(error) = ran {
        complain(&pump.hub, error);
        pump.discard().await;
    }
    drop(done);
    if !failed && !pump.rules.has_ended() {
        let gone = tokio::time::timeout(LINGER * 4, exit.wait_for(Option::is_some)).await.is_ok();
        if !gone {
            let message = "it closed its stdout without `@end`, and stays";
            let failure = pump.hub.seats[pump.seat].failure(FailureKind::Protocol, message);
            pump.hub.signal(Signal::Failed(failure));
        }
    }
    pump.keep_the_turn().await;
}

/// A version-1 input: its stream has ended well if its process has.
pub(super) async fn run_legacy(
    mut pump: Pump<LegacyRules>,
    mut exit: watch::Receiver<Option<ExitStatus>>,
    group: Arc<Group>,
    stopping: watch::Receiver<bool>,
    done: watch::Sender<()>,
) {
    if let Err(error) = pump.run().await {
        complain(&pump.hub, error);
        pump.discard().await;
        drop(done);
        return pump.keep_the_turn().await;
    }
    let in_time = tokio::time::timeout(LINGER * 10, exit.wait_for(Option::is_some)).await.is_ok();
    if !in_time {
        // It has closed its stdout and stays: nothing more can come from it.
        group.terminate();
        drop(tokio::time::timeout(LINGER * 4, exit.wait_for(Option::is_some)).await);
        group.kill();
    }
    let status = exit.wait_for(Option::is_some).await.ok().and_then(|status| *status);
    let well = status.is_some_and(|s| s.success());
    if !well && !*stopping.borrow() && in_time {
        drop(done);
        return pump.keep_the_turn().await;
    }
    pump.take_the_turn().await;
    let mut pieces = Vec::new();
    if well {
        pieces.extend(pump.rules.last_line(pump.stdout.rest()));
    }
    pieces.extend(pump.rules.insert(true));
    match pump.add(&pieces).await {
        Ok(()) => pump.hub.signal(Signal::Ended(pump.seat)),
        Err(error) => complain(&pump.hub, error),
    }
    drop(done);
}

fn complain(hub: &Hub, error: SinkError) {
    hub.signal(match error {
        SinkError::Broken(seat) => Signal::Broken(seat),
        SinkError::Failed(failure) => Signal::Failed(failure),
    });
}

/// Says that a process is gone, once everything that it wrote has been read.
pub(super) fn judge(hub: &Arc<Hub>, seat: Index, live: &Live, mut read: watch::Receiver<()>) {
    let hub = hub.clone();
    let (mut exit, mut stderr) = (live.exit.clone(), live.stderr_read.clone());
    tokio::spawn(async move {
        let status = match exit.wait_for(Option::is_some).await {
            Ok(status) => *status,
            Err(_) => None,
        };
        // Its sender is dropped when stdout has been read to the end.
        while read.changed().await.is_ok() {}
        drop(stderr.wait_for(|read| *read).await);
        if let Some(status) = status {
            hub.signal(Signal::Exited(seat, status));
        }
    });
}
