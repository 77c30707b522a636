//! When transactions were committed.

use dstream_mssql::tiberius::ColumnData;
use dstream_mssql::write_json;

use crate::lsn::Lsn;

/// The commit times of a round, in UTC, by the log's order.
#[derive(Debug, Default)]
pub(crate) struct Times(Vec<(Lsn, String)>);

impl Times {
    /// The next transaction in the log's order, with its `datetime`.
    pub(crate) fn push(&mut self, lsn: Lsn, time: &ColumnData<'_>) {
        let mut json = Vec::new();
        write_json(time, &mut json);
        let text = String::from_utf8_lossy(&json);
        if let Some(text) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            self.0.push((lsn, format!("{text}Z")));
        }
    }

    /// As RFC 3339 has it; `None`: the server does not say.
    pub(crate) fn of(&self, lsn: Lsn) -> Option<&str> {
        let at = self.0.binary_search_by_key(&lsn, |(lsn, _)| *lsn).ok()?;
        Some(&self.0[at].1)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn last(&self) -> Option<Lsn> {
        self.0.last().map(|(lsn, _)| *lsn)
    }
}
