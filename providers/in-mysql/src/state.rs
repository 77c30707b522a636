//! What a checkpoint holds.

use dstream_cdc::TableState;
use serde::{Deserialize, Serialize};

use crate::position::Position;

/// The state of a partition: `""` is the log, every other one a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum State {
    /// Where in the log to go on.
    Log(LogState),
    /// How much of a table's snapshot was read.
    Table(TableState<Position>),
}

/// Everything in front of here was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogState {
    /// The server that the position is of.
    pub(crate) server: String,
    /// The end of the last transaction that was read.
    pub(crate) position: Position,
    /// The same as global transaction ids; none where the server has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gtid: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_survive_the_round_trip() {
        let log = State::Log(LogState {
            server: "1".into(),
            position: Position::new("binlog.000001", 4),
            gtid: Some("0-1-7".into()),
        });
        for state in
            [log, State::Table(TableState::done()), State::Table(TableState::new(vec![], vec![]))]
        {
            let json = serde_json::to_string(&state).unwrap();
            assert_eq!(serde_json::from_str::<State>(&json).unwrap(), state, "{json}");
        }
    }
}
