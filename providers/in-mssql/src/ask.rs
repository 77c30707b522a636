//! Which rows of a change table are asked for, and how.

use std::sync::Arc;

use crate::change::{FIXED, Place};
use crate::instance::Instance;
use crate::lsn::Lsn;
use crate::times::Times;

/// Which rows of a change table.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) instance: Arc<Instance>,
    /// Those behind this place.
    pub(crate) after: After,
    /// Of commits up to and with this one.
    pub(crate) upto: Lsn,
    /// About so many.
    pub(crate) rows: usize,
    /// How long the page is likely to be.
    pub(crate) bytes: usize,
    /// When the round's transactions were committed.
    pub(crate) times: Arc<Times>,
    /// The lease under which they are read.
    pub(crate) epoch: Option<u64>,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Behind a whole commit.
    Commit(Lsn),
    /// Inside of a commit, behind a record: a place that the original noted.
    Record(Lsn, Lsn),
    /// Behind a row.
    Row(Place),
}

impl After {
    pub(crate) fn commit(self) -> Lsn {
        match self {
            Self::Commit(commit) | Self::Record(commit, _) => commit,
            Self::Row(place) => place.commit,
        }
    }
}

impl Ask {
    /// Piece by piece, each a range of the change table's own index: the rest of the statement that
    /// the last page ended in, the rest of its transaction, the transactions behind it.
    pub(crate) fn sql(&self) -> String {
        let mut sql = format!("DECLARE @n int = {};", self.rows);
        for (n, piece) in self.pieces().iter().enumerate() {
            if n > 0 {
                sql.push_str(" SET @n = @n - @@ROWCOUNT; IF @n > 0");
            }
            sql.push_str(&format!(" {};", self.select(piece)));
        }
        format!("{sql} SELECT {} AS [oldest]", self.instance.min_lsn())
    }

    fn select(&self, piece: &str) -> String {
        let Instance { columns, has_command_id, .. } = &*self.instance;
        let command = if *has_command_id { "[__$command_id]" } else { "CAST(0 AS int)" };
        let own: String = columns.iter().map(|c| format!(", {}", c.sql.select(&c.name))).collect();
        let order = if *has_command_id { "[__$command_id], " } else { "" };
        // Without large columns nobody asks what an update changed.
        let is_any_large = columns.iter().any(|column| column.is_large);
        let mask = if is_any_large { ", [__$update_mask]" } else { "" };
        // WITH TIES: should two rows have one place, a page does not part them.
        format!(
            "SELECT TOP (@n) WITH TIES [__$start_lsn], {command} AS [__$command], [__$seqval], [__$operation]{own}{mask} \
             FROM {} WHERE {piece} ORDER BY [__$start_lsn], {order}[__$seqval], [__$operation]",
            self.instance.change_table()
        )
    }

    fn pieces(&self) -> Vec<String> {
        let (lsn, seq) = ("[__$start_lsn]", "[__$seqval]");
        let commit = self.after.commit().sql();
        let mut pieces = Vec::new();
        match self.after {
            After::Commit(_) => {}
            After::Record(_, record) => {
                pieces.push(format!("{lsn} = {commit} AND {seq} > {}", record.sql()));
            }
            After::Row(Place { command, seq: record, operation, .. }) => {
                let has_command = self.instance.has_command_id;
                let statement = match has_command {
                    true => format!(" AND [__$command_id] = {command}"),
                    false => String::new(),
                };
                let record = record.sql();
                pieces.push(format!(
                    "{lsn} = {commit}{statement} AND {seq} >= {record} AND ({seq} > {record} OR [__$operation] > {operation})"
                ));
                if has_command {
                    pieces.push(format!("{lsn} = {commit} AND [__$command_id] > {command}"));
                }
            }
        }
        pieces.push(format!("{lsn} > {commit} AND {lsn} <= {}", self.upto.sql()));
        pieces
    }
}

/// The fixed columns are those of the query.
const _: () = assert!(FIXED == 4);
