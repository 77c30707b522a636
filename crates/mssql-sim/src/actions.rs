//! What the controls do: the same for the Rust API and for `EXEC sim.…`.

use std::time::Duration;

use crate::cdc;
use crate::control::What;
use crate::error::{Result, SqlError};
use crate::server::Server;
use crate::store::Lsn;

/// The agent writes an idle row after so long without anything to capture.
const IDLE: Duration = Duration::from_secs(300);

/// Switches SQL Server Agent; switched on, its capture job reads all that has waited.
pub(crate) fn agent(server: &Server, database: &str, on: bool) -> Result<()> {
    let mut world = server.world();
    let found = world.database(database)?;
    found.agent_on = on;
    if found.captures() {
        cdc::capture(found, usize::MAX, server.options.unchanged_max_is_null);
    }
    Ok(())
}

/// Captures so many transactions while the agent is off.
pub(crate) fn step(server: &Server, database: &str, transactions: usize) -> Result<usize> {
    let mut world = server.world();
    let found = world.database(database)?;
    Ok(cdc::capture(found, transactions, server.options.unchanged_max_is_null))
}

pub(crate) fn idle(server: &Server, database: &str) -> Result<()> {
    let now = server.clock.now();
    cdc::idle_row(server.world().database(database)?, now);
    Ok(())
}

/// Moves the clock, and writes the idle rows of the time that went by.
pub(crate) fn advance(server: &Server, by: Duration) {
    let mut left = by;
    while left >= IDLE {
        server.clock.advance(IDLE);
        left -= IDLE;
        let now = server.clock.now();
        let mut world = server.world();
        let scanned = world.databases.values_mut().filter(|database| database.captures());
        scanned.for_each(|database| cdc::idle_row(database, now));
    }
    server.clock.advance(left);
}

/// Retention clean-up of all instances: to `low`, or to the newest LSN.
pub(crate) fn clean_up(server: &Server, database: &str, low: Option<Lsn>) -> Result<()> {
    let mut world = server.world();
    let found = world.database(database)?;
    let low = low.or_else(|| found.state.cdc.max_lsn());
    cdc::clean_up(found, low, None)
}

/// The `nth` statement from now that contains `statement` fails.
pub(crate) fn fail(server: &Server, number: i32, statement: &str, nth: u64) {
    let error = match number {
        1205 => crate::store::deadlock(51),
        _ => SqlError::new(number, format!("Error {number}, injected by a test.")),
    };
    server.faults.add(statement, nth, What::Error(error));
}

pub(crate) fn disconnect_at(server: &Server, statement: &str, nth: u64) {
    server.faults.add(statement, nth, What::Disconnect);
}
