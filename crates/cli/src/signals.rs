//! Ctrl-C and SIGTERM, heard on a thread of their own, so that a host that waits for a slow reader
//! of its stdout hears them too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use dstream_engine::{Cancel, Stop};

use crate::exit::Exit;

/// How long a run that was told to stop at once may take for it before the process just ends.
/// Providers die with their host.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was heard so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signals(Arc<AtomicU8>);

const INTERRUPT: u8 = 1;
#[cfg(unix)]
const TERMINATE: u8 = 2;

impl Signals {
    /// Begins to listen. The first Ctrl-C and the first SIGTERM drain, the second of either stops
    /// at once, a third ends the process.
    pub(crate) fn listen(cancel: &Cancel) -> std::io::Result<Self> {
        let heard = Self::default();
        let (signals, cancel) = (heard.clone(), cancel.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            runtime.block_on(async {
                // Where no handler can be installed, the system ends the process as it always did.
                let _refused = signals.hear(&cancel).await.is_err();
            });
        })?;
        Ok(heard)
    }

    /// Whether Ctrl-C was pressed.
    pub(crate) fn interrupted(&self) -> bool {
        self.0.load(Ordering::SeqCst) & INTERRUPT != 0
    }

    async fn hear(&self, cancel: &Cancel) -> std::io::Result<()> {
        let mut source = Source::new()?;
        self.0.fetch_or(source.next().await, Ordering::SeqCst);
        cancel.stop(Stop::Drain);
        self.0.fetch_or(source.next().await, Ordering::SeqCst);
        cancel.stop(Stop::Now);
        tokio::select! {
            _ = source.next() => {}
            () = tokio::time::sleep(PATIENCE) => {}
        }
        let exit = if self.interrupted() { Exit::Interrupted } else { Exit::Failed };
        std::process::exit(exit.code().into());
    }
}

#[cfg(unix)]
struct Source {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Source {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => INTERRUPT,
            _ = self.terminate.recv() => TERMINATE,
        }
    }
}

/// Windows has no SIGTERM: Ctrl-C is the only way to have a run finish what is begun.
#[cfg(not(unix))]
struct Source;

#[cfg(not(unix))]
impl Source {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> u8 {
        match tokio::signal::ctrl_c().await {
            Ok(()) => INTERRUPT,
            Err(_) => std::future::pending().await,
        }
    }
}
