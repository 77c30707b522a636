//! Ends what was left prepared, by whoever comes next.

use std::time::{Duration, Instant};

use dstream_sdk::{CommitMark, Result, fail, tracing};

use super::mark_of;
use crate::Database;
use crate::bookkeeping::Books;

/// Between two looks at what an older run still holds.
const PAUSE: Duration = Duration::from_millis(50);

/// Held for longer than this, it is said who is waited for, if it is not a newer run.
const PATIENCE: Duration = Duration::from_secs(2);

/// The transactions that were ended, by their names, and whether they were committed.
pub(crate) type Settled = Vec<(String, bool)>;

/// What is prepared under a run's name, and the commit that each is part of.
pub(crate) async fn commit_of<D: Database>(
    db: &mut D,
    run: &str,
) -> Result<Vec<(String, CommitMark)>> {
    let names = db.prepared(run).await?.into_iter();
    Ok(names.filter_map(|name| mark_of(run, &name).map(|mark| (name, mark))).collect())
}

/// Ends what was prepared under this epoch and older ones, and waits until nothing more can be.
///
/// `epoch` was raised by the caller, or is its own; and `saved` is the mark as it was then, under the
/// lock of the run's row. So no older run's mark can come after it. What a newer run has prepared
/// is not touched: its mark may have come.
///
/// # Errors
/// Kind `fenced` where there is a newer run, which then does the same.
pub(crate) async fn settle<D: Database>(
    db: &mut D,
    books: &Books,
    run: &str,
    epoch: u64,
    saved: Option<CommitMark>,
) -> Result<Settled> {
    let (mut settled, began, mut said) = (Settled::new(), Instant::now(), false);
    loop {
        fail::point("before_settle");
        for (name, mark) in commit_of(db, run).await? {
            if mark.epoch <= epoch {
                let commit = saved == Some(mark);
                tracing::warn!(name, commit, "ending a prepared transaction that was left");
                db.resolve(&name, commit).await?;
                fail::point("after_settle");
                settled.push((name, commit));
            }
        }
        if db.is_free(run).await? {
            return Ok(settled);
        }
        // Not at once: a run that only looks whether the name is free has it for a moment.
        if began.elapsed() > PATIENCE {
            books.peek_epoch(db, epoch).await?;
            if !std::mem::replace(&mut said, true) {
                tracing::warn!(run, "waiting for connections of an older run of this task");
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
