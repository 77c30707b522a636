//! Hashing beside the download, on a thread of its own: it takes about as long as everything else of it.

use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use bytes::Bytes;

use crate::digest::{Digest, Hasher};

/// How many pieces may wait. A line that is faster than the hash is slowed down to it.
const WAITING: usize = 64;

/// A digest that is being computed.
pub(super) struct Hashing {
    pieces: SyncSender<Bytes>,
    thread: JoinHandle<Digest>,
}

impl Hashing {
    /// Of nothing yet.
    pub(super) fn start() -> io::Result<Self> {
        let (pieces, given) = sync_channel::<Bytes>(WAITING);
        let thread = Builder::new().name("hash".to_owned()).spawn(move || {
            let mut hasher = Hasher::default();
            given.iter().for_each(|piece| hasher.update(&piece));
            hasher.finish()
        })?;
        Ok(Self { pieces, thread })
    }

    /// Adds a piece.
    pub(super) fn update(&self, piece: Bytes) {
        // The thread ends after its channel only, or in a panic, which `finish` passes on.
        self.pieces.send(piece).ok();
    }

    /// The digest of all that was added.
    pub(super) fn finish(self) -> Digest {
        drop(self.pieces);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}
