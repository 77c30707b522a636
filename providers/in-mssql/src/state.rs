//! What a checkpoint holds of a table.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lsn::Lsn;

/// How far a table was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The commit up to which all changes are out, itself included unless `seq` is there.
    pub(crate) lsn: Lsn,
    /// Of that commit only the changes up to this one are out. The original writes such places; this
    /// input does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seq: Option<Lsn>,
    /// The rows as they stood are still being read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) snapshot: Option<Reading>,
}

/// How far the rows of a table were read; the changes since `lsn` follow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reading {
    /// The last key that was read, as it stands in an envelope; `None`: nothing yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<Vec<Value>>,
    /// How many rows were read.
    #[serde(default)]
    pub(crate) rows: u64,
    /// Rows of an earlier reading are out: they are to be removed first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) anew: bool,
    /// The epoch of the lease under which they are read, where only this instance's host knows this
    /// place: behind a takeover it says nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) epoch: Option<u64>,
}

impl State {
    /// Everything up to and with this commit is out.
    pub(crate) fn at(lsn: Lsn) -> Self {
        Self { lsn, seq: None, snapshot: None }
    }

    /// Whether this one is further than another.
    pub(crate) fn is_beyond(&self, other: &Self) -> bool {
        // Without a part, the whole commit is out.
        let part = |state: &Self| (state.lsn, state.seq.unwrap_or(Lsn([0xff; 10])));
        match (&self.snapshot, &other.snapshot) {
            (None, Some(_)) => true,
            (Some(_), None) => false,
            (Some(ours), Some(theirs)) if self.lsn == other.lsn => ours.rows > theirs.rows,
            _ => part(self) > part(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_survive_json_and_the_further_one_is_known() {
        let lsn: Lsn = "0000002A:000001F0:0003".parse().unwrap();
        let whole = State::at(lsn);
        let part = State { seq: Some(lsn), ..whole.clone() };
        let reading = |rows: u64| State {
            snapshot: Some(Reading { after: Some(vec![rows.into()]), rows, ..Reading::default() }),
            ..whole.clone()
        };
        for state in [&whole, &part, &reading(3)] {
            let json = serde_json::to_string(state).unwrap();
            assert_eq!(serde_json::from_str::<State>(&json).unwrap(), *state, "{json}");
        }
        assert_eq!(serde_json::to_string(&whole).unwrap(), r#"{"lsn":"0000002A:000001F0:0003"}"#);
        assert!(whole.is_beyond(&part) && !part.is_beyond(&whole));
        assert!(State::at(lsn.next()).is_beyond(&whole) && !whole.is_beyond(&whole));
        assert!(reading(4).is_beyond(&reading(3)) && whole.is_beyond(&reading(4)));
    }
}
