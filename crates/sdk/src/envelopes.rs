//! A run of envelopes, borrowed from the lines that came in.

use std::borrow::Cow;

use dstream_protocol::{Metadata, Op};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::rejections::Rejections;
use crate::split::{Slot, Span};
use crate::{Error, Result};

/// Consecutive envelopes. Each is known to be JSON; nothing of it is parsed yet.
///
/// ```
/// # use dstream_sdk::{EnvelopeBuf, Error, Result};
/// # fn example(envelopes: &mut dstream_sdk::Envelopes<'_>) -> Result<()> {
/// for envelope in envelopes.iter() {
///     if envelope.data == "null" {
///         envelopes.reject(&envelope, Error::permanent("the row is null"))?;
///     }
/// }
/// # Ok(())
/// # }
/// # let mut lines = EnvelopeBuf::parse("{\"data\":null,\"metadata\":{}}\n").unwrap();
/// # example(&mut lines.envelopes()).unwrap();
/// # assert_eq!(lines.rejected().len(), 1);
/// ```
#[derive(Debug)]
pub struct Envelopes<'a> {
    text: &'a str,
    slots: &'a [Slot],
    rejections: &'a mut Rejections,
}

impl<'a> Envelopes<'a> {
    pub(crate) fn new(text: &'a str, slots: &'a [Slot], rejections: &'a mut Rejections) -> Self {
        Self { text, slots, rejections }
    }

    /// How many there are; at least one.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// One of them.
    pub fn get(&self, index: usize) -> Option<Envelope<'a>> {
        self.slots.get(index).map(|slot| Envelope::at(self.text, slot))
    }

    /// All of them, in order. What it yields does not borrow from `self`.
    pub fn iter(&self) -> Iter<'a> {
        Iter { text: self.text, slots: self.slots.iter() }
    }

    /// This one can never be written: it becomes a dead letter, and counts as rejected.
    ///
    /// # Errors
    /// Where the task keeps no dead letters: return it, the run ends without a commit. Ignoring it
    /// does not help, the SDK ends the run all the same.
    pub fn reject(&mut self, envelope: &Envelope<'_>, error: Error) -> Result<()> {
        self.rejections.reject(envelope.line.as_bytes(), error)
    }
}

impl<'a> IntoIterator for &Envelopes<'a> {
    type Item = Envelope<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The iterator of [`Envelopes::iter`].
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    text: &'a str,
    slots: std::slice::Iter<'a, Slot>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Envelope<'a>;

    #[inline]
    fn next(&mut self) -> Option<Envelope<'a>> {
        self.slots.next().map(|slot| Envelope::at(self.text, slot))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.slots.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

/// One envelope: JSON texts, borrowed from its line.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// The whole line, without its newline.
    pub line: &'a str,
    /// The row after the change; before it, for a delete. JSON.
    pub data: &'a str,
    /// The row before the change, where the source has it. JSON.
    pub before: Option<&'a str>,
    /// The metadata. JSON; see [`Envelope::meta`].
    pub metadata: Option<&'a str>,
}

impl<'a> Envelope<'a> {
    #[inline]
    fn at(text: &'a str, slot: &Slot) -> Self {
        let optional = |span: Span| (!span.is_empty()).then(|| span.of(text));
        Self {
            line: slot.line.of(text),
            data: slot.data.of(text),
            before: optional(slot.before),
            metadata: optional(slot.metadata),
        }
    }

    /// The row as a value; may borrow from the line.
    ///
    /// # Errors
    /// Where the row has another shape.
    pub fn data_as<T: Deserialize<'a>>(&self) -> Result<T> {
        serde_json::from_str(self.data).map_err(Error::from)
    }

    /// The metadata, borrowed: no allocation where no text has an escape.
    ///
    /// # Errors
    /// Where a known field has another type.
    pub fn meta(&self) -> Result<Meta<'a>> {
        match self.metadata {
            Some(json) => serde_json::from_str(json)
                .map_err(|e| Error::permanent(format!("the metadata cannot be read: {e}"))),
            None => Ok(Meta::default()),
        }
    }

    /// The metadata, owned.
    ///
    /// # Errors
    /// Where a known field has another type.
    pub fn metadata(&self) -> Result<Metadata> {
        match self.metadata {
            Some(json) => serde_json::from_str(json)
                .map_err(|e| Error::permanent(format!("the metadata cannot be read: {e}"))),
            None => Ok(Metadata::default()),
        }
    }
}

/// [`Metadata`], borrowed from the line.
#[derive(Debug, Clone, Default, Deserialize)]
#[non_exhaustive]
pub struct Meta<'a> {
    /// The stream: `dbo.orders`, `people`.
    #[serde(borrow, default, deserialize_with = "borrowed")]
    pub stream: Option<Cow<'a, str>>,
    /// What happened; `insert` where nothing is said, see [`Meta::op`].
    #[serde(default)]
    pub op: Option<Op>,
    /// When the source committed it, RFC 3339.
    #[serde(borrow, default, deserialize_with = "borrowed")]
    pub ts: Option<Cow<'a, str>>,
    /// Where in the source it stands.
    #[serde(borrow, default)]
    pub position: Option<&'a RawValue>,
    /// The source's transaction.
    #[serde(borrow, default)]
    pub tx: Option<&'a RawValue>,
    /// The key, for deletes and upserts; the old one where the key itself changed.
    #[serde(borrow, default)]
    pub key: Option<&'a RawValue>,
    /// Columns that changed nothing and were not sent.
    #[serde(borrow, default)]
    pub unchanged: Vec<Cow<'a, str>>,
}

impl Meta<'_> {
    /// The stream; `""` where there is none.
    pub fn stream(&self) -> &str {
        self.stream.as_deref().unwrap_or_default()
    }

    /// What happened; an insert where nothing is said.
    pub fn op(&self) -> Op {
        self.op.unwrap_or(Op::Insert)
    }
}

/// `Option<Cow>` does not borrow by itself.
fn borrowed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    Ok(Option::<Text<'de>>::deserialize(deserializer)?.map(|text| text.0))
}
