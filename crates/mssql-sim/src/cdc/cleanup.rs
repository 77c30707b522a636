//! Clean-up: the low end of every instance moves up, of quiet ones too, then rows go.
//! <https://learn.microsoft.com/en-us/sql/relational-databases/system-stored-procedures/sys-sp-cdc-cleanup-change-table-transact-sql>

use super::Cdc;
use crate::error::{Result, SqlError};
use crate::store::{Database, Lsn};

/// Moves the low end to `low`: of all instances, or of one. `None`: it stays where it is, and below
/// it nothing is left.
///
/// # Errors
/// `low` stands not in `cdc.lsn_time_mapping`, or there is no such instance.
pub(crate) fn clean_up(
    database: &mut Database,
    low: Option<Lsn>,
    only: Option<&str>,
) -> Result<()> {
    if only.is_some_and(|name| database.state.cdc.instance(name).is_none()) {
        return Err(SqlError::new(22_981, "Object does not exist or access is denied."));
    }
    let Some(low) = low else { return Ok(()) };
    let low = first_of_its_time(&database.state.cdc, low).ok_or_else(|| {
        SqlError::new(
            22_964,
            "LSN specified as the new low endpoint for the change table is not a start_lsn value of cdc.lsn_time_mapping.",
        )
    })?;
    let cdc = &mut database.state_mut().cdc;
    for instance in &mut cdc.instances {
        if only.is_some_and(|name| !instance.name.eq_ignore_ascii_case(name)) {
            continue;
        }
        if instance.start_lsn.is_some_and(|start| start < low) {
            instance.start_lsn = Some(low);
            instance.changes.drop_below(low);
        }
    }
    // The mapping keeps what some instance still reaches.
    let least = cdc.instances.iter().filter_map(|i| i.start_lsn).min().unwrap_or(low);
    let kept = cdc.mapping.iter().filter(|m| m.lsn >= least).cloned().collect();
    cdc.mapping = kept;
    cdc.ddl.retain(|entry| entry.lsn >= least);
    Ok(())
}

/// Of the commits with the same `tran_end_time`, a `datetime`, the first one is meant.
fn first_of_its_time(cdc: &Cdc, low: Lsn) -> Option<Lsn> {
    let time = cdc.mapping_at(low).filter(|mapping| mapping.lsn == low)?.end.to_datetime();
    let same = cdc.mapping.iter().filter(|mapping| mapping.end.to_datetime() == time);
    same.map(|mapping| mapping.lsn).min()
}
