//! `sys.dm_exec_sessions`, `sys.dm_exec_requests`, `sys.dm_exec_connections`.

use std::sync::atomic::Ordering;

use super::objects::datetime;
use super::{NAME, View, view};
use crate::session::Context;
use crate::value::{SqlType as T, Value};

/// Who may not see the server's state sees itself.
pub(super) fn sessions(ctx: &Context) -> View {
    let columns = [
        ("session_id", T::SmallInt),
        ("login_name", NAME),
        ("host_name", NAME),
        ("program_name", NAME),
        ("status", NAME),
        ("last_request_end_time", T::DateTime),
        ("open_transaction_count", T::Int),
        ("database_id", T::SmallInt),
        ("is_user_process", T::Bit),
    ];
    let mut rows = Vec::new();
    for (number, seen) in ctx.core.server.sessions.list() {
        if number != ctx.core.spid && !ctx.is_sa() {
            continue;
        }
        let now = seen.now();
        let database = ctx.core.server.world().database(&now.database).map_or(1, |d| d.id);
        let busy = seen.busy.load(Ordering::Relaxed);
        rows.push(vec![
            (number as i64).into(),
            Value::text(&seen.login),
            Value::text(&seen.host),
            Value::text(&seen.program),
            (if busy { "running" } else { "sleeping" }).into(),
            datetime(now.ended),
            i64::from(now.open_transactions).into(),
            database.into(),
            true.into(),
        ]);
    }
    view(&columns, rows)
}

pub(super) fn requests(ctx: &Context) -> View {
    let columns = [
        ("session_id", T::SmallInt),
        ("status", NAME),
        ("command", NAME),
        ("blocking_session_id", T::SmallInt),
    ];
    let all = ctx.core.server.sessions.list();
    let of = |transaction: u64| {
        let found = all.iter().find(|(_, s)| s.transaction.load(Ordering::Relaxed) == transaction);
        found.map_or(0, |(number, _)| *number as i64)
    };
    let seen = all.iter().filter(|(number, seen)| {
        seen.busy.load(Ordering::Relaxed) && (*number == ctx.core.spid || ctx.is_sa())
    });
    let rows = seen.map(|(number, seen)| {
        let own = seen.transaction.load(Ordering::Relaxed);
        let blocker = ctx.core.server.locks.blocker(own).map_or(0, of);
        let status = if blocker == 0 { "running" } else { "suspended" };
        vec![(*number as i64).into(), status.into(), "SELECT".into(), blocker.into()]
    });
    view(&columns, rows.collect())
}

pub(super) fn connections(ctx: &Context) -> View {
    let columns = [("session_id", T::Int), ("net_transport", NAME), ("encrypt_option", NAME)];
    let row = vec![(ctx.core.spid as i64).into(), "TCP".into(), "TRUE".into()];
    view(&columns, vec![row])
}
