//! What the host says to an input while it runs.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::sync::{Arc, Mutex, PoisonError};

use dstream_protocol::{ClaimedPart, Control, LineKind, classify};
use tokio::sync::Notify;

use crate::stdio::Stdin;
use crate::stop::Stop;

/// Filled by a thread, so that it is up to date however long provider code blocks.
#[derive(Debug, Clone, Default)]
pub(super) struct Inbox(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    mail: Mutex<Mail>,
    arrived: Notify,
}

/// What came since it was last looked at.
#[derive(Debug, Default)]
pub(super) struct Mail {
    /// The newest checkpoint that is saved.
    pub(super) committed: Option<u64>,
    pub(super) claimed: Vec<ClaimedPart>,
    /// The host has closed stdin: it is gone, or does not speak to inputs.
    pub(super) closed: bool,
}

impl Inbox {
    /// Reads until stdin ends, which means stop, as `@stop` does.
    pub(super) fn watch(stdin: Stdin, stop: Stop) -> Self {
        let inbox = Self::default();
        let filled = inbox.clone();
        std::thread::spawn(move || {
            let lines = BufReader::new(Cursor::new(stdin.rest).chain(stdin.file));
            filled.fill(lines, &stop);
            filled.change(|mail| mail.closed = true);
            stop.stop();
        });
        inbox
    }

    /// Takes what came; `closed` stays.
    pub(super) fn take(&self) -> Mail {
        let mut mail = self.0.mail.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = mail.closed;
        std::mem::replace(&mut *mail, Mail { closed, ..Mail::default() })
    }

    /// Returns when something came since this was last awaited.
    pub(super) async fn arrived(&self) {
        self.0.arrived.notified().await;
    }

    fn fill(&self, mut lines: BufReader<std::io::Chain<Cursor<Vec<u8>>, File>>, stop: &Stop) {
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            self.take_in(line.trim_ascii_end(), stop);
            line.clear();
        }
    }

    fn take_in(&self, line: &[u8], stop: &Stop) {
        if !matches!(classify(line), LineKind::Control(_)) {
            return;
        }
        match Control::read(line) {
            Ok(Control::Stop(_)) => stop.stop(),
            Ok(Control::Committed(committed)) => {
                self.change(|mail| mail.committed = mail.committed.max(Some(committed.id)));
            }
            Ok(Control::Claimed(part)) => self.change(|mail| mail.claimed.push(part)),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "a line of the host cannot be read"),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Mail)) {
        change(&mut self.0.mail.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.arrived.notify_one();
    }
}
