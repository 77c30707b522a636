//! Histories of a server. Each promotion of a standby, and each recovery to a point in time, begins a
//! new one that leaves the old at some place; what was written behind that place is not in it.

use dstream_postgres::{Target, Wire};
use dstream_sdk::{Error, Result};

use crate::catalog::text;
use crate::lsn::Lsn;
use crate::state::StreamState;

/// The history that a server writes, and how far it has come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeline {
    pub(crate) number: u32,
    end: Lsn,
}

/// Nothing on a standby, which follows another's; and where the server does not say, as some managed
/// ones, whose storage is not PostgreSQL's own.
pub(crate) async fn look(wire: &mut Wire) -> Result<Option<Timeline>> {
    let sql = "SELECT ('x' || left(pg_walfile_name(lsn), 8))::bit(32)::int4, lsn \
         FROM (SELECT pg_current_wal_lsn() AS lsn WHERE NOT pg_is_in_recovery()) now";
    let rows = match wire.query(sql).await {
        Ok(rows) => rows,
        Err(error) if error.server().is_some() => {
            tracing::debug!(%error, "the server does not say which timeline it writes");
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    Ok(rows.first().and_then(|row| {
        Some(Timeline { number: text(row, 0).parse().ok()?, end: text(row, 1).parse().ok()? })
    }))
}

/// Why a checkpoint is not in the history that the server writes; nothing where it is.
pub(crate) async fn left(
    target: &Target,
    timeline: Option<Timeline>,
    state: &StreamState,
) -> Result<Option<Error>> {
    let (Some(Timeline { number: now, end }), Some(then)) = (timeline, state.timeline) else {
        return Ok(None);
    };
    if now == then {
        let why = format!("its log ends at {end}: an older copy of it runs");
        return Ok((state.lsn > end).then(|| refused(state, &why)));
    }
    // The first timeline comes from none.
    let history = if now == 1 { String::new() } else { history(target, now).await? };
    Ok(match switch_point(&history, then) {
        None => {
            let text =
                format!("its timeline is {now}, which does not come from the checkpoint's, {then}");
            Some(refused(state, &text))
        }
        Some(point) if state.lsn > point => Some(refused(
            state,
            &format!(
                "its timeline {now} has left the checkpoint's, {then}, at {point}: a standby that lacked the rest was promoted, or a backup restored"
            ),
        )),
        Some(_) => None,
    })
}

/// The server's file of how a timeline came about.
async fn history(target: &Target, timeline: u32) -> Result<String> {
    let mut wire = Wire::connect_replication(target).await?;
    let rows = wire.query(&format!("TIMELINE_HISTORY {timeline}")).await?;
    Ok(rows.first().map(|row| text(row, 1)).unwrap_or_default())
}

/// Where a timeline was left: each line of a history file has the timeline, the place and a reason.
fn switch_point(history: &str, timeline: u32) -> Option<Lsn> {
    let mut lines = history.lines().map(str::split_whitespace);
    lines.find_map(|mut words| {
        let number = words.next()?.parse::<u32>().ok()?;
        (number == timeline).then(|| words.next()?.parse().ok()).flatten()
    })
}

fn refused(state: &StreamState, why: &str) -> Error {
    Error::permanent(format!(
        "the checkpoint, {}, is not in what the server has written: {why}. The destination may have changes that the \
         source does not have any more. Set snapshot = \"when_needed\" to read all tables again, or forget the \
         checkpoint (`dstream state rm`) and run again",
        state.lsn
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_where_a_timeline_was_left_is_found() {
        let history = "1\t0/3000148\tno recovery target specified\n\n2\t1/A0\tbefore 2026-01-01\n";
        let at = |timeline| switch_point(history, timeline).map(|lsn| lsn.to_string());
        assert_eq!(at(1).as_deref(), Some("0/3000148"));
        assert_eq!(at(2).as_deref(), Some("1/A0"));
        assert_eq!((at(3), switch_point("", 1)), (None, None));
    }
}
