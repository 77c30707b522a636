//! What a version-2 input is told: what is saved, what it may claim, when to stop.

use dstream_protocol::{Committed, Control};
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::{mpsc, watch};

/// Writes to an input's stdin until it is released, then closes it. Acknowledgements are gathered:
/// only the newest matters. Nothing of the host ever waits for this.
pub(crate) async fn speak(
    mut stdin: ChildStdin,
    mut saved: watch::Receiver<u64>,
    mut replies: mpsc::UnboundedReceiver<String>,
    mut released: watch::Receiver<bool>,
) {
    loop {
        let line = tokio::select! {
            biased;
            Some(line) = replies.recv() => line,
            Ok(()) = saved.changed() => {
                let id = *saved.borrow_and_update();
                Control::Committed(Committed { id, ..Committed::default() }).to_line()
            }
            _ = released.wait_for(|released| *released) => return,
        };
        if stdin.write_all(line.as_bytes()).await.is_err() {
            // It has closed its stdin. How it ends says whether that matters.
            return;
        }
    }
}
