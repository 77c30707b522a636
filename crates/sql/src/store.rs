//! The database as a run sees it: one transaction a commit, fenced by the epoch.

use std::collections::{BTreeMap, BTreeSet};

use dstream_sdk::{
    Claim, Claimed, Commit, CommitMark, Error, ErrorKind, Json, OutputStart, Rejected, Result,
    SourceStates, fail, tracing,
};

use crate::bookkeeping::{Books, Claims, Lease, Owner, group_id};
use crate::lanes::{Manner, settle};
use crate::sessions::Sessions;
use crate::{Access, Database};

/// The connection, and whether a transaction is open on it.
pub(crate) struct Store<D: Database> {
    pub(crate) db: Sessions<D>,
    pub(crate) books: Books,
    pub(crate) claimed: Claimed,
    claims: Claims,
    /// Those that are durable with the open transaction, and whether what a person has set was taken.
    unsaved_claims: BTreeMap<(String, String), (Lease, bool)>,
    /// What a person has set, by input, for partitions that instances share: it is known at the
    /// claim where those are kept.
    by_hand: SourceStates,
    /// Those of them that were claimed.
    taken: BTreeSet<(String, String)>,
    in_transaction: bool,
    /// There may be dead letters to forget.
    holds_rejected: bool,
}

impl<D: Database> Store<D> {
    /// Opens the database and takes it over from every older run. Dead letters up to what the host
    /// has saved are forgotten, and checkpoints that a person has set replace those that are stored.
    pub(crate) async fn open(settings: D::Settings, start: &OutputStart) -> Result<Self> {
        let owner = Owner::new(&start.task_id, &start.task, &start.name);
        // Made anew it would be empty, and behind what the source was told.
        if start.confirmed.is_some() && D::is_gone(&settings) {
            return Err(Error::permanent(format!(
                "{} is not there, though this task has written to it: bring it back, or begin from the beginning with `dstream state rm {}`",
                D::place(&settings),
                start.task
            )));
        }
        let Some(mut db) = Sessions::<D>::open(settings, Access::Run).await? else {
            return Err(Error::permanent("the database could not be made"));
        };
        let books = Books::new(db.dialect(), owner);
        if D::DDL_COMMITS {
            books.create(&mut *db).await?;
        }
        db.begin().await?;
        books.create(&mut *db).await?;
        if let Some(mark) = start.confirmed {
            books.forget_rejected(&mut *db, mark).await?;
        }
        // The epoch first: it waits for what an older run still has open.
        let claimed = books.open(&mut *db).await?;
        books.adopt(&mut *db, &start.adopt).await?;
        let claimed = Claimed { checkpoint: books.states(&mut *db).await?, ..claimed };
        db.commit().await?;
        take_lanes(&mut db, &books, &claimed).await?;
        Ok(Self {
            db,
            books,
            claimed,
            claims: Claims::new(),
            unsaved_claims: BTreeMap::new(),
            by_hand: start.adopt.clone(),
            taken: BTreeSet::new(),
            in_transaction: false,
            holds_rejected: true,
        })
    }

    /// Opens the transaction that the next commit ends; fenced when another run has taken over.
    /// It holds on to the epoch's row, so nobody can take over before it ends.
    pub(crate) async fn begin(&mut self) -> Result<()> {
        if self.in_transaction {
            return Ok(());
        }
        self.db.begin().await?;
        self.in_transaction = true;
        // Who takes over a partition's lease does not end what this run has left prepared.
        if !self.claims.is_empty() {
            self.db.lanes.manner = Manner::Alone;
        }
        if self.is_one_run() { self.check_run().await } else { Ok(()) }
    }

    /// Whether a second run under this identity ends this one. Not where partitions were claimed
    /// in the task's own name: several runs then write side by side, each its own.
    fn is_one_run(&self) -> bool {
        self.claims.values().all(|lease| lease.group.is_some())
    }

    async fn check_run(&mut self) -> Result<()> {
        self.books.check_epoch(&mut *self.db, self.books.run(), self.claimed.epoch).await
    }

    /// Each partition that moved has its own epoch, under its lease. One that was given back in
    /// order does not move any more, and may be another's.
    async fn check_claims(&mut self, states: &SourceStates) -> Result<()> {
        let mut checks_run = false;
        for (input, parts) in states {
            for part in parts.keys() {
                let Some(lease) = self.claims.get(&(input.clone(), part.clone())) else {
                    checks_run |= !self.is_one_run();
                    continue;
                };
                let of = self.books.part(Some(lease), input, part);
                self.books.check_epoch(&mut *self.db, of, lease.epoch).await?;
            }
        }
        if checks_run { self.check_run().await } else { Ok(()) }
    }

    /// Ends the transaction: data, states, mark and dead letters as one.
    pub(crate) async fn commit(&mut self, commit: &Commit) -> Result<()> {
        self.begin().await?;
        self.check_claims(&commit.states).await?;
        let mark = self.mark(commit.id);
        let Commit { states, rejected, .. } = commit;
        self.books.save(&mut *self.db, states, &self.claims, rejected, mark).await?;
        self.holds_rejected |= !commit.rejected.is_empty();
        fail::point("before_commit");
        if let Err(error) = self.db.commit_all(commit.id).await {
            self.abandon().await;
            return Err(error);
        }
        fail::point("after_commit");
        self.in_transaction = false;
        self.unsaved_claims.clear();
        Ok(())
    }

    /// Gives up what is open, and opens it anew, empty.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        if self.in_transaction {
            self.db.rollback_all().await?;
            self.in_transaction = false;
        }
        for ((input, part), (lease, is_by_hand)) in std::mem::take(&mut self.unsaved_claims) {
            self.db.begin().await?;
            let of = self.books.part(Some(&lease), &input, &part);
            let by_hand = by_hand(&self.by_hand, &input, &part).filter(|_| is_by_hand);
            self.books.claim(&mut *self.db, of, lease.epoch, by_hand).await?;
            self.db.commit().await?;
        }
        self.begin().await?;
        self.db.lanes.manner = Manner::Alone;
        Ok(())
    }

    /// A commit has failed, nobody knows how far it came, and perhaps nobody runs the task again:
    /// what is prepared is not to hold its locks until then.
    async fn abandon(&mut self) {
        if !self.db.lanes.hold_rows() {
            return;
        }
        self.db.lanes.close();
        if self.db.rollback().await.is_err() {
            tracing::debug!("the transaction could not be given up: its connection is lost");
        }
        if let Err(error) = self.settle().await {
            tracing::warn!(%error, "prepared transactions may be left: the next run ends them");
        }
    }

    /// The run's row is waited for: the server may be about to commit still.
    async fn settle(&mut self) -> Result<()> {
        let Some(mut db) = D::connect(&self.db.settings, Access::Run).await? else { return Ok(()) };
        db.begin().await?;
        self.books.check_epoch(&mut db, self.books.run(), self.claimed.epoch).await?;
        let saved = self.books.mark(&mut db).await?;
        db.commit().await?;
        self.db.lanes.settle(&mut db, &self.books, saved).await.map(drop)
    }

    fn mark(&self, id: u64) -> CommitMark {
        CommitMark { epoch: self.claimed.epoch, id }
    }

    /// Dead letters that the host may not have yet.
    pub(crate) async fn unconfirmed(&mut self) -> Result<Vec<Rejected>> {
        let rejected = self.books.rejected(&mut *self.db).await?;
        self.holds_rejected = !rejected.is_empty();
        Ok(rejected)
    }

    /// The host has them up to here.
    pub(crate) async fn confirmed(&mut self, id: u64) -> Result<()> {
        if !self.holds_rejected {
            return Ok(());
        }
        let mark = self.mark(id);
        self.books.forget_rejected(&mut *self.db, mark).await?;
        self.holds_rejected = !self.books.rejected(&mut *self.db).await?.is_empty();
        Ok(())
    }

    /// A partition under a lease's epoch. Inside an open transaction it is durable with that one;
    /// should that one be lost, so is the run that claimed.
    pub(crate) async fn claim(&mut self, claim: &Claim, input: &str) -> Result<Option<Json>> {
        let alone = !self.in_transaction;
        if alone {
            self.db.begin().await?;
        }
        let lease = Lease { epoch: claim.epoch, group: claim.group.as_deref().map(group_id) };
        let of = (input.to_owned(), claim.part.clone());
        let by_hand = by_hand(&self.by_hand, input, &claim.part)
            .filter(|_| lease.group.is_some() && !self.taken.contains(&of));
        let part = self.books.part(Some(&lease), input, &claim.part);
        let state = self.books.claim(&mut *self.db, part, claim.epoch, by_hand).await;
        match &state {
            _ if !alone => {}
            Ok(_) => self.db.commit().await?,
            Err(_) => self.db.rollback().await?,
        }
        let state = state?;
        if !alone {
            self.unsaved_claims.insert(of.clone(), (lease.clone(), by_hand.is_some()));
        }
        self.taken.insert(of.clone());
        self.claims.insert(of, lease);
        Ok(state)
    }

    /// What an error comes from. A run that was overtaken may lose its connection, or wait for the
    /// locks of its successor: tried again, it would take over in its turn, and the two would fight.
    pub(crate) async fn explain(&mut self, error: Error) -> Error {
        if error.kind() != ErrorKind::Transient || !self.is_one_run() {
            return error;
        }
        let Ok(Some(mut db)) = D::connect(&self.db.settings, Access::Look).await else {
            return error;
        };
        match self.books.peek_epoch(&mut db, self.claimed.epoch).await {
            Err(fenced) if fenced.kind() == ErrorKind::Fenced => fenced.context(error),
            _ => error,
        }
    }
}

/// Ends what older runs have left prepared: from here on they cannot, and the rows are as the mark says.
async fn take_lanes<D: Database>(
    db: &mut Sessions<D>,
    books: &Books,
    claimed: &Claimed,
) -> Result<()> {
    if db.lanes.most > 0 {
        db.can_prepare().await?;
    }
    let run = db.run_name(&books.owner.name()).await?;
    settle(&mut **db, books, &run, claimed.epoch, claimed.previous).await?;
    db.lanes.named(run, claimed.epoch);
    Ok(())
}

/// What a person has said of a partition: a state, or that there is none.
fn by_hand<'s>(all: &'s SourceStates, input: &str, part: &str) -> Option<Option<&'s Json>> {
    all.get(input).map(|parts| parts.get(part))
}
