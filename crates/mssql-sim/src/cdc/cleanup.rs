//! Clean-up: the low end of every instance moves up, of quiet ones too, then rows go.
//! <https://learn.microsoft.com/en-us/sql/relational-databases/system-stored-procedures/sys-sp-cdc-cleanup-change-table-transact-sql>

use crate::error::{Result, SqlError};
use crate::store::{Database, Lsn};

/// Moves the low end to `low`: of all instances, or of one.
///
/// # Errors
/// `low` stands not in `cdc.lsn_time_mapping`, or there is no such instance.
pub(crate) fn clean_up(database: &mut Database, low: Lsn, only: Option<&str>) -> Result<()> {
    let known = database.state.cdc.mapping_at(low).is_some_and(|m| m.lsn == low);
    if !known {
        return Err(SqlError::new(
            22_964,
            "LSN specified as the new low endpoint for the change table is not a start_lsn value of cdc.lsn_time_mapping.",
        ));
    }
    if only.is_some_and(|name| database.state.cdc.instance(name).is_none()) {
        return Err(SqlError::new(22_981, "Object does not exist or access is denied."));
    }
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
