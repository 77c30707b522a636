//! Slots that standbys keep, so that a run goes on behind a failover: PostgreSQL 17 and later.

use dstream_postgres::{Target, Wire, quote};
use dstream_sdk::{Error, Result};

use crate::config::Config;
use crate::explain;
use crate::setup::slot::Slot;

/// The first version that can.
pub(crate) const OLDEST: u32 = 170_000;

/// The statement of the replication protocol that makes standbys keep a slot that is there.
pub(crate) fn statement(slot: &str) -> String {
    format!("ALTER_REPLICATION_SLOT {} (FAILOVER true)", quote::name(slot))
}

/// Runs it; SQL has no such statement.
pub(crate) async fn keep_on_standbys(target: &Target, slot: &str) -> Result<()> {
    let mut wire = Wire::connect_replication(target).await?;
    wire.query(&statement(slot)).await.map_err(|error| explain::slot(error, slot))?;
    tracing::info!(slot, "standbys keep the slot from now on");
    Ok(())
}

/// What is asked for, of a slot that is there.
pub(crate) async fn ensure(config: &Config, target: &Target, slot: &Slot) -> Result<()> {
    match (config.failover && !slot.failover, config.create) {
        (false, _) => Ok(()),
        (true, true) => keep_on_standbys(target, &slot.name).await,
        (true, false) => Err(Error::config(
            "failover",
            format!(
                "the slot {} is not one that standbys keep, and `create` is false. In a session with \
                 `replication=database` run {};",
                slot.name,
                statement(&slot.name)
            ),
        )),
    }
}

/// Warns where a standby may be behind what has been handed on: a failover to it would lose that.
pub(crate) async fn warn(wire: &mut Wire) -> Result<()> {
    let rows = wire.query("SELECT current_setting('synchronized_standby_slots', true)").await?;
    if rows.first().is_none_or(|row| crate::catalog::text(row, 0).is_empty()) {
        tracing::warn!(
            "synchronized_standby_slots is empty on the server: changes are handed on before the standbys have them, \
             and a run cannot go on behind a failover to one that lacks some. Set it to the standbys' slots"
        );
    }
    Ok(())
}
