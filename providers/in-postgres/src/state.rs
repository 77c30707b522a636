//! What a checkpoint holds: where the stream is, and how far each table's snapshot has come.

use dstream_cdc::TableState;
use serde::{Deserialize, Serialize};

use crate::lsn::Lsn;
use crate::query::QueryState;

/// The state of a partition: `""` is the stream, any other a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum State {
    /// The stream.
    Stream(StreamState),
    /// A table in mode `query`.
    Query(QueryState),
    /// A table's snapshot.
    Table(TableState<Lsn>),
}

/// Everything that was committed before `lsn` has been handed on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StreamState {
    /// The end of the last transaction, or a place behind it with nothing of ours in between.
    pub(crate) lsn: Lsn,
    /// The server's system identifier: a copy or a restored backup has another history.
    pub(crate) system: String,
    /// The database.
    pub(crate) database: String,
    /// The replication slot.
    pub(crate) slot: String,
    /// The history of the server that the place is in; nothing where the server was a standby.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timeline: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use dstream_cdc::Key;

    #[test]
    fn both_states_survive_json_and_are_told_apart() {
        let mut table = TableState::new(vec!["id".into()], vec![Key::int(5)]);
        table.lanes[0].advance(Key::int(3), &Lsn(9));
        let stream = StreamState { lsn: Lsn(10), system: "7".into(), ..StreamState::default() };
        for state in [State::Stream(stream), State::Table(table), State::Table(TableState::done())]
        {
            let json = serde_json::to_string(&state).unwrap();
            assert_eq!(serde_json::from_str::<State>(&json).unwrap(), state, "{json}");
        }
    }
}
