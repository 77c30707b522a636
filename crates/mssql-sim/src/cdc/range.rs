//! The check that `fn_cdc_get_all_changes_…` makes of its arguments: error 313 for all that is wrong.
//! <https://learn.microsoft.com/en-us/sql/relational-databases/system-functions/cdc-fn-cdc-get-all-changes-capture-instance-transact-sql>

use crate::error::{Result, SqlError};
use crate::session::Context;
use crate::sql::eval::eval;
use crate::sql::plan::{ChangesCall, Env};
use crate::store::Lsn;
use crate::value::{Encoded, Value};

/// Error 313, with the dots that the real one has.
pub(crate) fn bad_range() -> SqlError {
    SqlError {
        state: 3,
        ..SqlError::new(
            313,
            "An insufficient number of arguments were supplied for the procedure or function cdc.fn_cdc_get_all_changes_ ... .",
        )
    }
}

/// The range, and whether rows before an update are wanted.
pub(crate) fn check_range(
    ctx: &Context,
    env: &Env<'_>,
    call: &ChangesCall,
) -> Result<(Lsn, Lsn, bool)> {
    let lsn = |value: Value| value.as_bytes().map(Lsn::from_bytes).ok_or_else(bad_range);
    let from = lsn(eval(ctx, env, &call.from)?)?;
    let to = lsn(eval(ctx, env, &call.to)?)?;
    let old = match eval(ctx, env, &call.option)?
        .as_text()
        .map(|t| t.trim().to_ascii_lowercase())
        .as_deref()
    {
        Some("all") => false,
        Some("all update old") => true,
        _ => return Err(bad_range()),
    };
    let state = ctx.state_named(&call.database)?;
    let low = state.cdc.instance(&call.instance).and_then(|i| i.start_lsn).ok_or_else(bad_range)?;
    let high = state.cdc.max_lsn().ok_or_else(bad_range)?;
    if from < low || to > high || from > to {
        return Err(bad_range());
    }
    Ok((from, to, old))
}

/// `__$operation` 3.
pub(crate) fn is_before_image(row: Encoded<'_>) -> bool {
    row.get(3) == Value::Int(3)
}
