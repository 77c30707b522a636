//! Envelopes that own their lines, for the unit tests of outputs and transforms.

use dstream_protocol::Rejected;

use crate::rejections::Rejections;
use crate::split::{self, Slot};
use crate::{Envelopes, Error, Result};

/// Lines that were split: what [`OutputProvider::write`](crate::OutputProvider::write) is called
/// with, in a test that needs no host.
#[derive(Debug)]
pub struct EnvelopeBuf {
    text: String,
    slots: Vec<Slot>,
    rejections: Rejections,
}

impl EnvelopeBuf {
    /// Splits the lines; dead letters are kept.
    ///
    /// # Errors
    /// Where one of them is no envelope.
    pub fn parse(text: &str) -> Result<Self> {
        let mut slots = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let found = split::envelope(text.as_bytes(), at);
            let (slot, next) =
                found.ok_or_else(|| Error::permanent(format!("no envelope at byte {at}")))?;
            slots.push(slot);
            at = next;
        }
        let rejections = Rejections::new(true);
        Ok(Self { text: text.to_owned(), slots, rejections })
    }

    /// The envelopes.
    pub fn envelopes(&mut self) -> Envelopes<'_> {
        Envelopes::new(&self.text, &self.slots, &mut self.rejections)
    }

    /// What was rejected since this was last asked.
    pub fn rejected(&mut self) -> Vec<Rejected> {
        self.rejections.take().unwrap_or_default()
    }
}
