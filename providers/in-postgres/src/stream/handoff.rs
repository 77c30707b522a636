//! What the stream has to do with the snapshot that went before it.

use std::collections::BTreeMap;

use dstream_cdc::{Change, Key, TableState, Verdict};
use dstream_sdk::Result;

use crate::lsn::Lsn;
use crate::stream::pgoutput::{Old, Tuple};
use crate::table::Table;

/// The tables' snapshots, by stream.
#[derive(Debug, Default)]
pub(crate) struct Handoff(pub(crate) BTreeMap<String, TableState<Lsn>>);

/// A change as it came.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Came<'a> {
    Insert(Tuple<'a>),
    Update(Option<Old<'a>>, Tuple<'a>),
    Delete(Old<'a>),
    Truncate,
}

impl Handoff {
    /// Whether changes of this table have to be judged. One that is not known came while the
    /// stream ran: its changes all count.
    pub(crate) fn is_open(&self, stream: &str) -> bool {
        self.0.get(stream).is_some_and(|state| !state.done)
    }

    pub(crate) fn judge(&self, table: &Table, commit: Lsn, came: Came<'_>) -> Result<Verdict> {
        let Some(state) = self.0.get(table.stream()) else { return Ok(Verdict::Apply) };
        let era = state.era(&commit);
        if era != dstream_cdc::Era::Between {
            let verdict = match era {
                dstream_cdc::Era::Before => Verdict::Drop,
                _ => Verdict::Apply,
            };
            return Ok(verdict);
        }
        let (stream, now) = (table.stream(), &table.schema.key);
        let key_of = |tuple: Tuple<'_>| {
            state.require_key(stream, now)?;
            table.key_of(|at| tuple.text(at)).ok_or_else(|| state.other_key(stream, now))
        };
        let verdict = match came {
            Came::Insert(new) => state.judge(&commit, Change::Insert(&key_of(new)?)),
            Came::Delete(old) => state.judge(&commit, Change::Delete(&key_of(old.tuple)?)),
            Came::Truncate => state.judge(&commit, Change::Truncate),
            Came::Update(old, new) => {
                let new: Key = key_of(new)?;
                let old = old.map_or_else(|| Ok(new.clone()), |old| key_of(old.tuple))?;
                state.judge(&commit, Change::Update { old: &old, new: &new })
            }
        };
        Ok(verdict)
    }
}
