//! SIGTERM, and SIGINT when a provider is run by hand.

use std::process;
use std::time::Duration;

use crate::stop::Stop;

/// 128 + SIGTERM, as a shell has it.
const EXIT_TERMINATED: i32 = 143;

/// Watches on a thread of its own, so that provider code that blocks cannot hold a signal up. The
/// first signal sets `stop`; a second one, or `grace` after the first, ends the process. That is
/// safe at any moment, as being killed is.
pub(crate) fn watch(stop: Stop, grace: Duration) {
    let (ready, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => runtime.block_on(async move {
                let mut signals = Signals::new();
                drop(ready);
                signals.next().await;
                stop.stop();
                tokio::select! {
                    () = signals.next() => {}
                    () = tokio::time::sleep(grace) => {}
                }
                process::exit(EXIT_TERMINATED);
            }),
            Err(error) => tracing::warn!(%error, "signals are not handled"),
        }
    });
    // The sender is dropped once the handlers stand.
    if let Ok(()) = wait.recv() {}
}

#[cfg(unix)]
struct Signals {
    terminate: Option<tokio::signal::unix::Signal>,
    interrupt: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self {
            terminate: signal(SignalKind::terminate()).ok(),
            interrupt: signal(SignalKind::interrupt()).ok(),
        }
    }

    async fn next(&mut self) {
        tokio::select! {
            () = Self::one(&mut self.terminate) => {}
            () = Self::one(&mut self.interrupt) => {}
        }
    }

    async fn one(signal: &mut Option<tokio::signal::unix::Signal>) {
        match signal {
            Some(signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Self {
        Self
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
