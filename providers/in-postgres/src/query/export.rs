//! The snapshot that all connections read in, and how far a cursor may go in it.

use dstream_postgres::{Target, Wire, quote};
use dstream_sdk::Result;

use crate::catalog::text;
use crate::config::Config;
use crate::log_end::current_end;
use crate::lsn::Lsn;
use crate::setup::server;
use crate::snapshot::Reading;

/// Can be imported while this value lives.
pub(super) struct Export {
    pub(super) name: String,
    pub(super) point: Lsn,
    /// The limit of a cursor, by the server's clock before the snapshot.
    limit: Option<String>,
    wire: Wire,
}

impl Export {
    pub(super) async fn take(target: &Target) -> Result<Self> {
        let mut wire = server::connect(target).await?;
        wire.query("SET idle_in_transaction_session_timeout = 0").await?;
        wire.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let rows = wire.query("SELECT pg_export_snapshot(), now()").await?;
        let row = rows.into_iter().next().unwrap_or_default();
        let point = current_end(&mut wire).await?;
        Ok(Self { name: text(&row, 0), point, limit: row.get(1).cloned().flatten(), wire })
    }

    /// Leaves out rows that are too young. The clock is that of the transaction's beginning, before
    /// the snapshot: what is older than the lag and not in the snapshot was open for longer.
    pub(super) fn limit(&self, config: &Config, readings: &mut [Reading]) {
        let select = &config.select;
        let (Some(cursor), Some(lag), Some(now)) = (&select.cursor, select.cursor_lag, &self.limit)
        else {
            return;
        };
        // Without a zone a time is taken for one of UTC, as the session has it.
        let limit = format!(
            "{} < ({}::timestamptz - interval '{} microseconds')",
            quote::name(cursor),
            quote::literal(now),
            lag.as_micros()
        );
        for reading in readings {
            let cast = match reading.cursor_type() {
                Some(dstream_sdk::FieldType::Date) => "::date",
                Some(dstream_sdk::FieldType::Timestamp) => "::timestamp",
                _ => "",
            };
            if let Some(select) = &mut reading.select {
                select.conditions.push(format!("{limit}{cast}"));
            }
        }
    }
}

impl std::fmt::Debug for Export {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Export").field("name", &self.name).field("wire", &self.wire).finish()
    }
}
