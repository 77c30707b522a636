//! The connection: what the session is told, that it lives, and how one that does not is ended.

use std::sync::{Arc, Weak};
use std::time::Duration;

use dstream_mssql::Session;
use dstream_mssql::tiberius::ColumnData;
use dstream_sdk::{Result, tracing};
use dstream_sql::{Access, Param, keep_alive};
use tokio::sync::Mutex;

use crate::config::Settings;

/// A connection that is ready for what it is to do.
pub(crate) async fn open(settings: &Settings, access: Access) -> Result<Arc<Mutex<Session>>> {
    let mut session = Session::connect(&settings.connection).await?;
    if access == Access::Look {
        // Nobody is waited for.
        session.run("SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED").await?;
    } else if let Some(limit) = settings.lock_timeout {
        session.run(&format!("SET LOCK_TIMEOUT {}", limit.as_millis())).await?;
    }
    let id = session.value("SELECT CAST(@@SPID AS int)").await?;
    let session = Arc::new(Mutex::new(session));
    if access == Access::Run {
        let limit = Duration::from(settings.takeover_timeout);
        // Who holds it is talking to the server.
        keep_alive(&session, limit, |session| async move {
            match session.try_lock() {
                Ok(mut session) => session.run("SELECT 1").await.is_ok(),
                Err(_) => true,
            }
        });
        if let Some(ColumnData::I32(Some(id))) = id {
            let watched = Arc::downgrade(&session);
            tokio::spawn(end_who_is_in_the_way(watched, settings.clone(), id));
        }
    }
    Ok(session)
}

/// While this session waits for one of dstream's that holds a lock and has not been heard of for
/// `takeover_timeout`: a process that was stopped, since one that lives says so.
async fn end_who_is_in_the_way(session: Weak<Mutex<Session>>, settings: Settings, id: i32) {
    let limit = Duration::from(settings.takeover_timeout);
    loop {
        tokio::time::sleep(limit / 2).await;
        let Some(session) = session.upgrade() else { return };
        if session.try_lock().is_ok() {
            continue;
        }
        let ended = async {
            let mut beside = Session::connect(&settings.connection).await?;
            beside.run(&end_sleeper(id, limit)).await
        };
        if let Err(error) = ended.await {
            tracing::debug!(%error, "cannot end a session that is in the way");
        }
    }
}

fn end_sleeper(id: i32, limit: Duration) -> String {
    let limit = limit.as_millis();
    format!(
        "DECLARE @id int, @kill nvarchar(40); \
         SELECT @id = s.session_id FROM sys.dm_exec_requests r \
         JOIN sys.dm_exec_sessions s ON s.session_id = r.blocking_session_id \
         WHERE r.session_id = {id} AND s.program_name = N'dstream' AND s.status = N'sleeping' \
         AND s.last_request_end_time < DATEADD(millisecond, -{limit}, GETDATE()); \
         IF @id IS NOT NULL BEGIN SET @kill = N'KILL ' + CAST(@id AS nvarchar(10)); EXEC (@kill) END"
    )
}

/// Parameters of a statement.
pub(crate) fn values<'p>(params: &[Param<'p>]) -> Vec<ColumnData<'p>> {
    let value = |param: &Param<'p>| match param {
        Param::Text(text) => ColumnData::String(Some((*text).into())),
        Param::Int(number) => ColumnData::I64(Some(*number)),
    };
    params.iter().map(value).collect()
}

/// A value as text.
pub(crate) fn text(value: ColumnData<'_>) -> Option<String> {
    match value {
        ColumnData::String(text) => text.map(Into::into),
        ColumnData::Bit(bit) => bit.map(|bit| u8::from(bit).to_string()),
        other => {
            let mut json = Vec::new();
            dstream_mssql::write_json(&other, &mut json);
            let json = String::from_utf8(json).ok()?;
            (json != "null").then(|| json.trim_matches('"').to_owned())
        }
    }
}
