//! Keeps an open transaction that waits for rows from the server's time-out.

use std::sync::Arc;
use std::time::Duration;

/// How many times the server hears of an idle transaction before it would end it.
const PINGS: u32 = 4;

/// Says something to the server, `PINGS` times in `limit`, for as long as this process runs and
/// the connection is there: one that is stopped or cut off is ended by the server, so that it does
/// not hold up its successor. `ping`: whether the connection lives; one that is lost is noticed by
/// the next statement of the run itself.
pub fn keep_alive<C, P, F>(connection: &Arc<C>, limit: Duration, ping: P)
where
    C: Send + Sync + 'static,
    P: Fn(Arc<C>) -> F + Send + 'static,
    F: Future<Output = bool> + Send,
{
    let connection = Arc::downgrade(connection);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(limit / PINGS).await;
            let Some(connection) = connection.upgrade() else { return };
            if !ping(connection).await {
                return;
            }
        }
    });
}
