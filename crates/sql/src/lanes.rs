//! The further connections of a run. Each writes a share of the rows in a transaction of its own, and
//! these are committed with the first connection's:
//!
//! 1. Every lane prepares its transaction, named after the run's epoch and the commit.
//! 2. The first connection commits the checkpoint, with that epoch and that commit as its mark.
//! 3. The prepared transactions are committed.
//!
//! So whether a prepared transaction belongs to the rows is decided by the mark. A lane holds on to the
//! run's name before it looks at the epoch; a newer run raises the epoch, then [settles](settle) what
//! is prepared until nobody holds on to the name: nothing can be prepared behind its back.

mod settle;

use std::collections::HashSet;

use dstream_sdk::{CommitMark, Error, Result, fail};
use futures_util::future::join_all;

use crate::bookkeeping::Books;
use crate::{Access, Database, TableName};

pub(crate) use settle::{Settled, commit_of, settle};

/// How the open transaction is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// The first rows decide.
    Undecided,
    /// By the first connection.
    Alone,
    /// By all of them.
    Shared,
}

/// The connections beside the first one.
pub(crate) struct Lanes<D> {
    /// How many there may be; they are made when they are needed.
    pub(crate) most: usize,
    list: Vec<Lane<D>>,
    pub(crate) manner: Manner,
    /// Tables that the open transaction has made or changed: no other connection can write them yet.
    pub(crate) fresh: HashSet<TableName>,
    /// The run's name, and its epoch.
    run: String,
    epoch: u64,
}

struct Lane<D> {
    db: D,
    /// It has a transaction.
    open: bool,
}

impl<D: Database> Lanes<D> {
    pub(crate) fn new(most: usize) -> Self {
        let (list, fresh) = (Vec::new(), HashSet::new());
        Self { most, list, manner: Manner::Undecided, fresh, run: String::new(), epoch: 0 }
    }

    /// What its transactions are called.
    pub(crate) fn named(&mut self, run: String, epoch: u64) {
        (self.run, self.epoch) = (run, epoch);
    }

    /// Ends what this run has left prepared. `saved`: the mark beside the rows.
    pub(crate) async fn settle(
        &self,
        db: &mut D,
        books: &Books,
        saved: Option<CommitMark>,
    ) -> Result<Settled> {
        settle(db, books, &self.run, self.epoch, saved).await
    }

    /// Whether lanes hold rows.
    pub(crate) fn hold_rows(&self) -> bool {
        self.list.iter().any(|lane| lane.open)
    }

    /// Has these lanes take part in the transaction, the first of them being the second connection.
    pub(crate) async fn join(
        &mut self,
        books: &Books,
        settings: &D::Settings,
        wanted: &[bool],
    ) -> Result<()> {
        for (at, wanted) in wanted.iter().enumerate() {
            if self.list.len() <= at {
                let db = D::connect(settings, Access::Run).await?;
                let db = db.ok_or_else(|| Error::transient("the database is gone"))?;
                self.list.push(Lane { db, open: false });
            }
            let lane = &mut self.list[at];
            if *wanted && !lane.open {
                lane.open = true;
                lane.db.begin_lane(&self.run).await?;
                lane.db.hurry().await?;
                books.peek_epoch(&mut lane.db, self.epoch).await?;
            }
        }
        Ok(())
    }

    /// The connections.
    pub(crate) fn connections(&mut self) -> impl Iterator<Item = &mut D> {
        self.list.iter_mut().map(|lane| &mut lane.db)
    }

    /// Prepares what they have written.
    pub(crate) async fn prepare(&mut self, id: u64) -> Result<()> {
        let (run, epoch) = (self.run.as_str(), self.epoch);
        let open = self.list.iter_mut().enumerate().filter(|(_, lane)| lane.open);
        let prepared = open.map(|(at, lane)| async move {
            fail::point("before_prepare");
            lane.db.prepare(&name(run, epoch, id, at)).await?;
            fail::point("after_prepare");
            Ok(())
        });
        join_all(prepared).await.into_iter().collect()
    }

    /// Commits what is prepared.
    pub(crate) async fn commit(&mut self, id: u64) -> Result<()> {
        let (run, epoch) = (self.run.as_str(), self.epoch);
        let open = self.list.iter_mut().enumerate().filter(|(_, lane)| lane.open);
        let committed = open.map(|(at, lane)| async move {
            lane.db.resolve(&name(run, epoch, id, at), true).await?;
            lane.open = false;
            fail::point("after_commit_prepared");
            Ok(())
        });
        join_all(committed).await.into_iter().collect()
    }

    /// Gives up what they have written.
    pub(crate) async fn rollback(&mut self) -> Result<()> {
        for lane in self.list.iter_mut().filter(|lane| lane.open) {
            lane.db.rollback().await?;
            lane.open = false;
        }
        Ok(())
    }

    /// Closes them, which gives up what is not prepared.
    pub(crate) fn close(&mut self) {
        self.list.clear();
    }

    /// The next transaction begins.
    pub(crate) fn reset(&mut self) {
        self.manner = Manner::Undecided;
        self.fresh.clear();
    }
}

/// What a lane's transaction is called.
fn name(run: &str, epoch: u64, id: u64, lane: usize) -> String {
    format!("{run}/{epoch}/{id}/{lane}")
}

/// The commit that a prepared transaction is part of.
fn mark_of(run: &str, name: &str) -> Option<CommitMark> {
    let mut numbers = name.strip_prefix(run)?.strip_prefix('/')?.split('/').map(str::parse::<u64>);
    let mut next = || numbers.next()?.ok();
    let (epoch, id, _) = (next()?, next()?, next()?);
    numbers.next().is_none().then_some(CommitMark { epoch, id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prepared_transaction_says_which_commit_it_is_part_of() {
        assert_eq!(mark_of("r", &name("r", 7, 3, 1)), Some(CommitMark { epoch: 7, id: 3 }));
        for other in ["r/7/3", "r/7/3/1/0", "rr/7/3/1", "r/x/3/1", "r", "q/7/3/1"] {
            assert_eq!(mark_of("r", other), None, "{other}");
        }
    }
}
