//! What a checkpoint holds of a table, or of a SELECT.

use dstream_cdc::{Key, TableState};
use serde::{Deserialize, Serialize};

use crate::lsn::Lsn;

/// How far it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "query", rename_all = "snake_case")]
pub(crate) enum QueryState {
    /// All rows. While a run is not completed: which ranges were read; `done` once everything
    /// that it reads is.
    Full {
        #[serde(flatten)]
        table: TableState<Lsn>,
        /// A fingerprint of what was selected.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<String>,
    },
    /// The rows behind a cursor.
    Incremental {
        /// The cursor and the key.
        order: Vec<String>,
        /// Their values in the last row.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Key>,
        /// A fingerprint of what was selected.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<String>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::State;

    #[test]
    fn states_survive_json_and_are_told_from_those_of_change_data_capture() {
        let mut table = TableState::new(vec!["id".into()], vec![Key::int(5)]);
        table.lanes[0].advance(Key::int(3), &Lsn(9));
        let order = vec!["at".to_owned(), "id".to_owned()];
        for state in [
            QueryState::Full { table: table.clone(), of: None },
            QueryState::Full { table: TableState::done(), of: Some("8".into()) },
            QueryState::Incremental { order: order.clone(), after: None, of: None },
            QueryState::Incremental { order, after: Some(Key::int(1)), of: Some("85".into()) },
        ] {
            let json = serde_json::to_string(&State::Query(state.clone())).unwrap();
            assert_eq!(serde_json::from_str::<State>(&json).unwrap(), State::Query(state));
        }
        let json = serde_json::to_string(&State::Table(table.clone())).unwrap();
        assert_eq!(serde_json::from_str::<State>(&json).unwrap(), State::Table(table));
    }
}
