//! A page of one change table: asked for, and made into envelopes as it comes.

use std::sync::Arc;

use dstream_mssql::Session;
use dstream_mssql::tiberius::QueryItem;
use dstream_sdk::{Error, Result};

use crate::change::{AFTER, BEFORE, ChangeRow, FIXED, Place, envelope};
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

/// Envelopes, each with its place.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) bytes: Vec<u8>,
    /// Where each ends in `bytes`, and what it is.
    pub(crate) lines: Vec<(Place, usize)>,
    /// The last row that was read, where there are more.
    pub(crate) more: Option<Place>,
    /// Rows of the change table.
    pub(crate) rows: usize,
}

impl Ask {
    /// Piece by piece, each a range of the change table's own index: the rest of the statement that
    /// the last page ended in, the rest of its transaction, the transactions behind it.
    fn sql(&self) -> String {
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
        // WITH TIES: should two rows have one place, a page does not part them.
        format!(
            "SELECT TOP (@n) WITH TIES [__$start_lsn], {command} AS [__$command], [__$seqval], [__$operation], [__$update_mask]{own} \
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

    /// Reads the page, and the number of the oldest change that was left behind it.
    pub(crate) async fn read(&self, session: &mut Session) -> Result<(Page, Lsn)> {
        let mut page = Page::default();
        let mut before: Option<ChangeRow> = None;
        let (mut oldest, mut last) = (None, Place::default());
        let (instance, mut time) = (&self.instance, (Lsn::ZERO, None));
        let taken = session
            .each(&self.sql(), |item| {
                let QueryItem::Row(row) = item else { return Ok(()) };
                if row.len() == 1 {
                    let lsn = row.get_column_data(0).ok().and_then(Lsn::of);
                    oldest = Some(lsn.unwrap_or_default());
                    return Ok(());
                }
                let row = ChangeRow::new(row);
                let place = row.place();
                page.rows += 1;
                if place.operation == BEFORE {
                    before = Some(row);
                    return Ok(());
                }
                let old = before.take().filter(|_| place.operation == AFTER);
                if time.0 != place.commit {
                    time = (place.commit, self.times.of(place.commit));
                }
                let about = (time.1, self.epoch);
                envelope(instance, old.as_ref(), &row, about, &mut page.bytes);
                page.lines.push((place, page.bytes.len()));
                last = place;
                Ok(())
            })
            .await;
        let about = |error: Error| error.context(format!("reading {}", instance.change_table()));
        taken.map_err(about)?;
        // It stands at the end of the answer.
        let oldest = oldest.ok_or_else(|| about(Error::transient("the answer has no end")))?;
        if page.rows >= self.rows {
            if page.lines.is_empty() {
                return Err(Error::permanent(format!(
                    "the change table of {} holds a row before an update, and none after it",
                    instance.stream()
                )));
            }
            page.more = Some(last);
        }
        Ok((page, oldest))
    }
}

/// The fixed columns are those of the query.
const _: () = assert!(FIXED == 5);
