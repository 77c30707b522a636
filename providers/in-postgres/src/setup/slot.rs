//! The replication slot: the server keeps the log for it until it is told that it may not.

use std::time::{Duration, Instant};

use dstream_postgres::{Wire, quote};
use dstream_sdk::{Error, Result};

use crate::catalog::text;
use crate::lsn::Lsn;

/// How long a slot may stay in use by a process that is gone.
const FREE_WITHIN: Duration = Duration::from_secs(3);
const FREE_LOOK: Duration = Duration::from_millis(50);

/// A slot as the server has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slot {
    pub(crate) name: String,
    plugin: String,
    database: String,
    /// The process that reads from it, and what that calls itself.
    active: Option<(String, String)>,
    /// Everything before this is forgotten.
    pub(crate) confirmed: Lsn,
    /// `reserved`, `extended`, `unreserved`, `lost`.
    pub(crate) wal_status: String,
    /// How much may be written before the server gives the slot up; nothing without a limit.
    pub(crate) safe_bytes: Option<u64>,
    /// How much log is kept for it.
    pub(crate) kept_bytes: u64,
    /// Standbys keep it.
    pub(crate) failover: bool,
}

/// The slot, if it is there.
pub(crate) async fn look(wire: &mut Wire, name: &str) -> Result<Option<Slot>> {
    let rows = wire
        .query(&format!(
            "SELECT s.plugin, s.database, s.active_pid, coalesce(a.application_name, ''), s.confirmed_flush_lsn, \
               s.wal_status, s.safe_wal_size, greatest(0, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() \
                 THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, s.restart_lsn))::int8, \
               coalesce(to_jsonb(s) ->> 'failover', '') \
             FROM pg_replication_slots s LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid \
             WHERE s.slot_name = {}",
            quote::literal(name)
        ))
        .await?;
    let slot = |row| Slot {
        name: name.to_owned(),
        plugin: text(row, 0),
        database: text(row, 1),
        active: Some((text(row, 2), text(row, 3))).filter(|(pid, _)| !pid.is_empty()),
        confirmed: text(row, 4).parse().unwrap_or_default(),
        wal_status: text(row, 5),
        safe_bytes: text(row, 6).parse().ok(),
        kept_bytes: text(row, 7).parse().unwrap_or(0),
        failover: text(row, 8) == "true",
    };
    Ok(rows.first().map(slot))
}

/// The same, once nobody reads from it: the server needs a moment to notice that a process which was
/// killed is gone.
pub(crate) async fn look_when_free(wire: &mut Wire, name: &str) -> Result<Option<Slot>> {
    let since = Instant::now();
    loop {
        let slot = look(wire, name).await?;
        if !slot.as_ref().is_some_and(Slot::is_active) || since.elapsed() >= FREE_WITHIN {
            return Ok(slot);
        }
        tokio::time::sleep(FREE_LOOK).await;
    }
}

impl Slot {
    /// The server has thrown away log that the slot needs.
    pub(crate) fn is_lost(&self) -> bool {
        self.wal_status == "lost"
    }

    pub(crate) fn is_active(&self) -> bool {
        self.active.is_some()
    }

    /// Whether it is one that this input can read from, now.
    pub(crate) fn require(&self, database: &str) -> Result<()> {
        let name = &self.name;
        if self.plugin != "pgoutput" || self.database != database {
            let of = if self.plugin.is_empty() { "physical replication" } else { &self.plugin };
            return Err(Error::config(
                "slot",
                format!(
                    "the slot {name} is one of {of}, database `{}`; needed is one of pgoutput, database `{database}`. \
                     Choose another name in `slot`",
                    self.database
                ),
            ));
        }
        match &self.active {
            // The process of a run that was killed may take a while to notice.
            Some((pid, application)) => Err(Error::transient(format!(
                "the slot {name} is in use by process {pid} of the server ({application}): another run, or one \
                 whose connection the server still takes for alive. To end it: SELECT pg_terminate_backend({pid});"
            ))),
            None => Ok(()),
        }
    }

    /// The line for `status`.
    pub(crate) fn describe(&self) -> String {
        let limit = match self.safe_bytes {
            Some(bytes) => format!("{} more may be written before it is lost", size(bytes)),
            None => "without a limit (max_slot_wal_keep_size)".into(),
        };
        let reader = match &self.active {
            Some((pid, application)) => format!("read by process {pid} ({application})"),
            None => "not read right now".into(),
        };
        let standbys = if self.failover { ", standbys keep it" } else { "" };
        format!(
            "confirmed up to {}, keeps {} of log, {limit}, wal_status {}, {reader}{standbys}",
            self.confirmed,
            size(self.kept_bytes),
            self.wal_status
        )
    }

    /// Warns before the log fills the disk, or the slot is lost.
    pub(crate) fn warn(&self, max_lag_bytes: u64) {
        let (name, kept) = (&self.name, size(self.kept_bytes));
        match self.safe_bytes {
            _ if self.wal_status == "unreserved" => tracing::warn!(
                "the slot {name} is about to be lost: it keeps {kept}, more than max_slot_wal_keep_size; the output is \
                 too slow, or stands still"
            ),
            Some(safe) if safe < self.kept_bytes / 2 && self.kept_bytes > max_lag_bytes => {
                tracing::warn!(
                    "the slot {name} keeps {kept} of log and is lost after {} more; the output is too slow, or stands still",
                    size(safe)
                )
            }
            None if self.kept_bytes > max_lag_bytes => tracing::warn!(
                "the slot {name} keeps {kept} of log on the server's disk, and nothing limits it \
                 (max_slot_wal_keep_size); the output is too slow, or stands still"
            ),
            _ => {}
        }
    }
}

/// The statement of the replication protocol that makes a slot and exports its snapshot.
pub(crate) fn create_statement(
    name: &str,
    temporary: bool,
    failover: bool,
    version: u32,
) -> String {
    let temporary = if temporary { " TEMPORARY" } else { "" };
    let options = match version {
        170_000.. if failover => "(SNAPSHOT 'export', FAILOVER)",
        150_000.. => "(SNAPSHOT 'export')",
        _ => "EXPORT_SNAPSHOT",
    };
    format!("CREATE_REPLICATION_SLOT {}{temporary} LOGICAL pgoutput {options}", quote::name(name))
}

/// The statement of SQL that makes a slot.
pub(crate) fn create_sql(name: &str, failover: bool, version: u32) -> String {
    let name = quote::literal(name);
    match version {
        170_000.. if failover => {
            format!(
                "SELECT pg_create_logical_replication_slot({name}, 'pgoutput', false, false, true)"
            )
        }
        _ => format!("SELECT pg_create_logical_replication_slot({name}, 'pgoutput')"),
    }
}

pub(crate) fn drop_sql(name: &str) -> String {
    format!("SELECT pg_drop_replication_slot({})", quote::literal(name))
}

/// For people: `1.5 GiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = (bytes.max(1).ilog2() / 10).min(4);
    let scale = 1u64 << (10 * unit);
    match unit {
        0 => format!("{bytes} B"),
        _ => format!("{}.{} {}", bytes / scale, bytes % scale * 10 / scale, UNITS[unit as usize]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        assert_eq!([0, 1023, 1536, 1 << 30].map(size), ["0 B", "1023 B", "1.5 KiB", "1.0 GiB"]);
    }

    #[test]
    fn statements_fit_the_version() {
        assert!(
            create_statement("s", true, false, 140_000)
                .ends_with("\"s\" TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT")
        );
        assert!(create_statement("s", false, true, 160_000).ends_with("(SNAPSHOT 'export')"));
        assert!(create_statement("s", false, true, 170_000).ends_with("FAILOVER)"));
    }
}
