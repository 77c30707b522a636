//! The database as a run sees it: one transaction a commit, fenced by the epoch.

use dstream_protocol::{Claim, CommitMark, Json, Rejected, SourceStates};
use dstream_sdk::{Claimed, Commit, Result};
use rusqlite::Connection;

use crate::bookkeeping::{self, Claims, Owner};
use crate::checkpointer::Checkpointer;
use crate::config::Config;
use crate::db::{self, fatal};

/// The connection, and whether a transaction is open on it.
pub(crate) struct Store {
    /// Before the connection, which is to close last.
    checkpointer: Option<Checkpointer>,
    pub(crate) connection: Connection,
    pub(crate) owner: Owner,
    pub(crate) claimed: Claimed,
    claims: Claims,
    in_transaction: bool,
    /// There may be dead letters to forget.
    holds_rejected: bool,
}

impl Store {
    /// Opens the database and takes it over from every older run. Dead letters up to what the host
    /// has saved are forgotten, and checkpoints that a person has set replace those that are stored.
    pub(crate) fn open(
        config: &Config,
        owner: Owner,
        confirmed: Option<CommitMark>,
        adopt: &SourceStates,
    ) -> Result<Self> {
        let mut connection = db::open(config, true)?;
        begin(&connection)?;
        bookkeeping::create(&connection)?;
        if let Some(mark) = confirmed {
            bookkeeping::forget_rejected(&connection, &owner, mark)?;
        }
        bookkeeping::adopt(&connection, &owner, adopt)?;
        let claimed = bookkeeping::open(&connection, &owner)?;
        connection.execute_batch("COMMIT").map_err(fatal)?;
        Ok(Self {
            checkpointer: Checkpointer::new(config, &mut connection)?,
            connection,
            owner,
            claimed,
            claims: Claims::new(),
            in_transaction: false,
            holds_rejected: true,
        })
    }

    /// Opens the transaction that the next commit ends; fenced when another run has taken over.
    /// It holds the write lock, so nobody can take over before it ends.
    pub(crate) fn begin(&mut self) -> Result<()> {
        if self.in_transaction {
            return Ok(());
        }
        begin(&self.connection)?;
        self.in_transaction = true;
        // Under leases each partition has its own epoch: several runs write side by side.
        if self.claims.is_empty() {
            return self.check_run();
        }
        self.claims.iter().try_for_each(|((input, part), epoch)| {
            bookkeeping::check_epoch(&self.connection, &self.owner, input, part, *epoch)
        })
    }

    fn check_run(&self) -> Result<()> {
        bookkeeping::check_epoch(&self.connection, &self.owner, "", "", self.claimed.epoch)
    }

    /// Ends the transaction: data, states, mark and dead letters as one.
    pub(crate) fn commit(&mut self, commit: &Commit) -> Result<()> {
        self.begin()?;
        let unclaimed = |(input, parts): (&String, &dstream_protocol::PartitionStates)| {
            parts.keys().any(|part| !self.claims.contains_key(&(input.clone(), part.clone())))
        };
        if !self.claims.is_empty() && commit.states.iter().any(unclaimed) {
            self.check_run()?;
        }
        let mark = self.mark(commit.id);
        bookkeeping::save(&self.connection, &self.owner, &commit.states, mark)?;
        bookkeeping::store_rejected(&self.connection, &self.owner, &commit.rejected, mark)?;
        self.holds_rejected |= !commit.rejected.is_empty();
        crate::fail::point("before_commit");
        self.connection.execute_batch("COMMIT").map_err(fatal)?;
        crate::fail::point("after_commit");
        self.in_transaction = false;
        if let Some(checkpointer) = &mut self.checkpointer {
            checkpointer.committed(&self.connection);
        }
        Ok(())
    }

    fn mark(&self, id: u64) -> CommitMark {
        CommitMark { epoch: self.claimed.epoch, id }
    }

    /// Dead letters that the host may not have yet.
    pub(crate) fn unconfirmed(&mut self) -> Result<Vec<Rejected>> {
        let rejected = bookkeeping::rejected(&self.connection, &self.owner)?;
        self.holds_rejected = !rejected.is_empty();
        Ok(rejected)
    }

    /// The host has them up to here.
    pub(crate) fn confirmed(&mut self, id: u64) -> Result<()> {
        if !self.holds_rejected {
            return Ok(());
        }
        let mark = self.mark(id);
        bookkeeping::forget_rejected(&self.connection, &self.owner, mark)?;
        self.holds_rejected = !bookkeeping::rejected(&self.connection, &self.owner)?.is_empty();
        Ok(())
    }

    /// A partition under a lease's epoch. Inside an open transaction it is durable with that one;
    /// should that one be lost, so is the run that claimed.
    pub(crate) fn claim(&mut self, claim: &Claim, input: &str) -> Result<Option<Json>> {
        let alone = !self.in_transaction;
        if alone {
            begin(&self.connection)?;
        }
        let (connection, owner) = (&self.connection, &self.owner);
        let state = bookkeeping::claim(connection, owner, input, &claim.part, claim.epoch);
        if alone {
            let end = if state.is_ok() { "COMMIT" } else { "ROLLBACK" };
            self.connection.execute_batch(end).map_err(fatal)?;
        }
        let state = state?;
        self.claims.insert((input.to_owned(), claim.part.clone()), claim.epoch);
        Ok(state)
    }
}

fn begin(connection: &Connection) -> Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE").map_err(fatal)
}
