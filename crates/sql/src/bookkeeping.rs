//! The tables that make a run exactly-once: checkpoints and rejected rows, in the database itself,
//! in the same transactions as the data. Each statement has each parameter once, in order.

mod sql;
mod tables;

use std::collections::BTreeMap;

use dstream_sdk::{Claimed, CommitMark, Error, Json, Rejected, Result, SourceStates, tracing};
use serde_json::value::RawValue;

use crate::database::Param::{Int, Text};
use crate::{Database, Dialect, Param, TableName};

use sql::{Sql, fill};
pub use tables::BookTypes;
pub(crate) use tables::Bookkeeping;

const CANNOT_MAKE: &str = "cannot make the tables that keep the checkpoints; `check` says what is missing, `plan` the statements, for somebody who may";

/// Whose rows they are.
#[derive(Debug, Clone)]
pub struct Owner {
    pub(crate) task_id: String,
    pub(crate) output: String,
    pub(crate) task: String,
}

impl Owner {
    /// A host of version 1 gives no identity; the task's name has to do.
    pub(crate) fn new(task_id: &str, task: &str, output: &str) -> Self {
        let task_id = if task_id.is_empty() { format!("task:{task}") } else { task_id.to_owned() };
        Self { task_id, output: output.to_owned(), task: task.to_owned() }
    }

    /// Both names as one.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.task_id, self.output)
    }
}

/// The partitions that this run has claimed, by input and partition.
pub(crate) type Claims = BTreeMap<(String, String), Lease>;

/// Under what a partition was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) epoch: u64,
    /// Whose rows its epoch and state are, where several instances share it; `None`: the task's.
    pub(crate) group: Option<String>,
}

/// What the identities of groups begin with; no task's does.
const GROUP: &str = "group:";

/// The longest identity that every database takes as part of a key.
const LONGEST_ID: usize = 90;

/// What stands for a group in the place of a task's identity: itself, where that is short.
pub(crate) fn group_id(group: &str) -> String {
    let id = format!("{GROUP}{group}");
    if id.len() <= LONGEST_ID && id.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return id;
    }
    format!("{GROUP}{}", uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, group.as_bytes()))
}

/// A row: whose, and of which partition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'p> {
    pub(crate) id: &'p str,
    pub(crate) input: &'p str,
    pub(crate) part: &'p str,
}

/// The rows of one output, in tables that it shares with others.
#[derive(Debug, Clone)]
pub(crate) struct Books {
    pub(crate) owner: Owner,
    pub(crate) tables: Bookkeeping,
    sql: Sql,
}

impl Books {
    pub(crate) fn new(dialect: &impl Dialect, owner: Owner) -> Self {
        let tables = Bookkeeping::new(dialect);
        Self { sql: Sql::new(dialect, &tables), tables, owner }
    }

    /// The first parameters of most statements.
    fn own(&self) -> [Param<'_>; 2] {
        [Text(&self.owner.task_id), Text(&self.owner.output)]
    }

    fn row<'p>(&'p self, of: Part<'p>) -> [Param<'p>; 4] {
        [Text(of.id), Text(&self.owner.output), Text(of.input), Text(of.part)]
    }

    /// The task's own row of a partition.
    pub(crate) fn own_part<'p>(&'p self, input: &'p str, part: &'p str) -> Part<'p> {
        Part { id: &self.owner.task_id, input, part }
    }

    /// The run's own row.
    pub(crate) fn run(&self) -> Part<'_> {
        self.own_part("", "")
    }

    /// The row of a partition: under what it was claimed, if it was.
    pub(crate) fn part<'p>(
        &'p self,
        lease: Option<&'p Lease>,
        input: &'p str,
        part: &'p str,
    ) -> Part<'p> {
        let group = lease.and_then(|lease| lease.group.as_deref());
        Part { id: group.unwrap_or(&self.owner.task_id), input, part }
    }

    /// The tables that are not there.
    pub(crate) async fn missing<D: Database>(&self, db: &mut D) -> Result<Vec<&TableName>> {
        let mut missing = Vec::new();
        for table in self.tables.all() {
            if db.existing(table).await?.is_none() {
                missing.push(table);
            }
        }
        Ok(missing)
    }

    /// Makes the tables where they are not there.
    pub(crate) async fn create<D: Database>(&self, db: &mut D) -> Result<()> {
        if self.missing(db).await?.is_empty() {
            return Ok(());
        }
        for sql in self.tables.prepare.iter().chain(&self.tables.create) {
            tracing::info!(sql, "making the bookkeeping");
            db.run(sql).await.map_err(|error| error.context(CANNOT_MAKE))?;
        }
        Ok(())
    }

    /// Raises the epoch and reads the states; from here on every older run is fenced.
    pub(crate) async fn open<D: Database>(&self, db: &mut D) -> Result<Claimed> {
        self.insert_row(db, self.run()).await?;
        let Owner { task_id, output, task } = &self.owner;
        db.execute(&self.sql.raise, &[Text(task), Text(task_id), Text(output)]).await?;
        let row = self.run_row(db).await?.unwrap_or_default();
        let epoch = row.first().and_then(|text| text.as_ref()?.parse().ok());
        let epoch = epoch.ok_or_else(|| Error::transient("the run's epoch is gone"))?;
        Ok(Claimed { epoch, previous: mark_in(&row), checkpoint: self.states(db).await? })
    }

    /// The mark of the last commit.
    pub(crate) async fn mark<D: Database>(&self, db: &mut D) -> Result<Option<CommitMark>> {
        Ok(self.run_row(db).await?.as_deref().and_then(mark_in))
    }

    async fn insert_row<D: Database>(&self, db: &mut D, of: Part<'_>) -> Result<()> {
        let [task_id, output, input, part] = self.row(of);
        let values = [task_id, output, input, part, Text(&self.owner.task)];
        db.execute(&self.sql.insert_row, &values).await.map(drop)
    }

    /// Puts these checkpoints in the place of all that is stored of their inputs. The rows stay
    /// where a partition is claimed: they hold its epoch.
    pub(crate) async fn adopt<D: Database>(&self, db: &mut D, adopt: &SourceStates) -> Result<()> {
        let [task_id, output] = self.own();
        for input in adopt.keys() {
            db.execute(&self.sql.forget_states, &[task_id, output, Text(input)]).await?;
        }
        self.save_states(db, adopt, &Claims::new()).await
    }

    /// The stored states, by input and partition.
    pub(crate) async fn states<D: Database>(&self, db: &mut D) -> Result<SourceStates> {
        let mut states = SourceStates::new();
        for row in db.query(&self.sql.states, &self.own()).await? {
            if let [Some(input), Some(part), Some(state)] = row.as_slice() {
                let state = json(state.clone())?;
                states.entry(input.clone()).or_default().insert(part.clone(), state);
            }
        }
        Ok(states)
    }

    /// The run's epoch and the mark of its last commit, for people.
    pub(crate) async fn run_row<D: Database>(
        &self,
        db: &mut D,
    ) -> Result<Option<Vec<Option<String>>>> {
        Ok(db.query(&self.sql.read_run, &self.row(self.run())).await?.into_iter().next())
    }

    /// Fails where another run has raised the epoch. Holds on to the row until the transaction
    /// ends, so that nobody can raise it before.
    pub(crate) async fn check_epoch<D: Database>(
        &self,
        db: &mut D,
        of: Part<'_>,
        own: u64,
    ) -> Result<()> {
        let stored = self.stored(db, &self.sql.read_epoch, of).await?;
        self.compare(stored.map(|(epoch, _)| epoch), of, own)
    }

    /// The same of the run's epoch, without waiting for anybody, or holding on to anything.
    pub(crate) async fn peek_epoch<D: Database>(&self, db: &mut D, own: u64) -> Result<()> {
        let stored = self.stored(db, &self.sql.peek_epoch, self.run()).await?;
        self.compare(stored.map(|(epoch, _)| epoch), self.run(), own)
    }

    fn compare(&self, stored: Option<u64>, of: Part<'_>, own: u64) -> Result<()> {
        if stored == Some(own) {
            return Ok(());
        }
        let stored = stored.map_or("no row".to_owned(), |epoch| format!("epoch {epoch}"));
        let Part { id, input, part } = of;
        if id != self.owner.task_id {
            // Not for good: the run begins again, and claims what nobody else has.
            return Err(Error::transient(format!(
                "another instance has the lease of the partition `{part}` now: the database has {stored}, and this one epoch {own}; what was on its way under the old lease is not written"
            )));
        }
        let what =
            if input.is_empty() { String::new() } else { format!(" for the partition `{part}`") };
        Err(Error::fenced(format!(
            "another run of the task `{}` has taken over the database{what}: it has {stored}, and this run has epoch {own}",
            self.owner.task
        )))
    }

    /// Epoch and state.
    async fn stored<D: Database>(
        &self,
        db: &mut D,
        sql: &str,
        of: Part<'_>,
    ) -> Result<Option<(u64, Option<String>)>> {
        let rows = db.query(sql, &self.row(of)).await?;
        Ok(rows.into_iter().next().and_then(|mut row| {
            let state = row.pop()?;
            Some((row.pop()??.parse().ok()?, state))
        }))
    }

    /// Takes a partition under a lease's epoch; its state. What a person has set, or set to
    /// nothing, takes the place of what is stored, the epoch too: the leases may have been made anew.
    pub(crate) async fn claim<D: Database>(
        &self,
        db: &mut D,
        of: Part<'_>,
        epoch: u64,
        by_hand: Option<Option<&Json>>,
    ) -> Result<Option<Json>> {
        self.insert_row(db, of).await?;
        let (stored, state) = self.stored(db, &self.sql.read_epoch, of).await?.unwrap_or_default();
        if stored > epoch && by_hand.is_none() {
            return Err(Error::fenced(format!(
                "the partition `{}` is held under epoch {stored}, and the claim has epoch {epoch}; were the leases removed, or others put in their place? Then begin from the beginning with `dstream state rm {}`",
                of.part, self.owner.task
            )));
        }
        let [id, output, input, part] = self.row(of);
        db.execute(&self.sql.claim, &[int(epoch)?, id, output, input, part]).await?;
        let is_shared = of.id != self.owner.task_id;
        let state = match by_hand {
            Some(given) if is_shared => {
                self.forget_state(db, of).await?;
                given.cloned()
            }
            _ if state.is_some() || !is_shared => return state.map(json).transpose(),
            // From the time before the task shared its work.
            _ => {
                let own = self.own_part(of.input, of.part);
                let own = self.stored(db, &self.sql.peek_epoch, own).await?;
                own.and_then(|(_, state)| state).map(json).transpose()?
            }
        };
        if let Some(state) = &state {
            self.save_state(db, of, state).await?;
        }
        Ok(state)
    }

    async fn forget_state<D: Database>(&self, db: &mut D, of: Part<'_>) -> Result<()> {
        db.execute(&self.sql.forget_state, &self.row(of)).await.map(drop)
    }

    async fn save_state<D: Database>(&self, db: &mut D, of: Part<'_>, state: &Json) -> Result<()> {
        let [id, output, input, part] = self.row(of);
        let (task, state) = (Text(&self.owner.task), Text(state.get()));
        db.execute(&self.sql.save_state, &[id, output, input, part, task, state]).await.map(drop)
    }

    async fn save_states<D: Database>(
        &self,
        db: &mut D,
        states: &SourceStates,
        claims: &Claims,
    ) -> Result<()> {
        for (input, parts) in states {
            for (part, state) in parts {
                let lease = claims.get(&(input.clone(), part.clone()));
                self.save_state(db, self.part(lease, input, part), state).await?;
            }
        }
        Ok(())
    }

    /// Writes states, mark and dead letters, in the transaction of the data.
    pub(crate) async fn save<D: Database>(
        &self,
        db: &mut D,
        states: &SourceStates,
        claims: &Claims,
        rejected: &[Rejected],
        mark: CommitMark,
    ) -> Result<()> {
        self.save_states(db, states, claims).await?;
        let [task_id, output] = self.own();
        let (epoch, id) = (int(mark.epoch)?, int(mark.id)?);
        db.execute(&self.sql.save_mark, &[epoch, id, task_id, output]).await?;
        for (n, one) in rejected.iter().enumerate() {
            let text = serde_json::to_string(one)?;
            let values = [task_id, output, epoch, id, int(n as u64)?, Text(&text)];
            db.execute(&self.sql.store_rejected, &values).await?;
        }
        Ok(())
    }

    /// The dead letters that the host has not confirmed.
    pub(crate) async fn rejected<D: Database>(&self, db: &mut D) -> Result<Vec<Rejected>> {
        let rows = db.query(&self.sql.rejected, &self.own()).await?;
        let texts = rows.into_iter().filter_map(|row| row.into_iter().next().flatten());
        texts.map(|text| serde_json::from_str(&text).map_err(Error::from)).collect()
    }

    /// Forgets the dead letters up to a commit that the host has saved.
    pub(crate) async fn forget_rejected<D: Database>(
        &self,
        db: &mut D,
        mark: CommitMark,
    ) -> Result<()> {
        let [task_id, output] = self.own();
        let epoch = int(mark.epoch)?;
        let values = [task_id, output, epoch, epoch, int(mark.id)?];
        db.execute(&self.sql.forget_rejected, &values).await.map(drop)
    }

    /// Notes that this task has made a table, so that `destroy` may remove it.
    pub(crate) async fn note_table<D: Database>(
        &self,
        db: &mut D,
        table: &TableName,
    ) -> Result<()> {
        let [task_id, output] = self.own();
        let name = table.to_string();
        db.execute(&self.sql.note_table, &[Text(&name), task_id, output]).await.map(drop)
    }

    /// The tables that this task has made.
    pub(crate) async fn noted<D: Database>(&self, db: &mut D) -> Result<Vec<TableName>> {
        let rows = db.query(&self.sql.noted, &self.own()).await?;
        let names = rows.into_iter().filter_map(|row| row.into_iter().next().flatten());
        Ok(names.map(|name| db.dialect().table_name(&name)).collect())
    }

    /// Whether other tasks, or other outputs of this one, have rows in these tables.
    pub(crate) async fn others<D: Database>(&self, db: &mut D) -> Result<bool> {
        for table in self.tables.all() {
            let (own, values) = self.whose(table);
            let sql = format!(
                "SELECT count(*) FROM {} WHERE NOT ({own})",
                db.dialect().quote_table(table)
            );
            let rows = db.query(&fill(db.dialect(), &self.tables, &sql), &values).await?;
            if rows.into_iter().flatten().flatten().next().is_some_and(|count| count != "0") {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes every row of this task.
    pub(crate) async fn forget<D: Database>(&self, db: &mut D) -> Result<()> {
        for table in self.tables.all() {
            let (own, values) = self.whose(table);
            let sql = format!("DELETE FROM {} WHERE {own}", db.dialect().quote_table(table));
            db.execute(&fill(db.dialect(), &self.tables, &sql), &values).await?;
        }
        Ok(())
    }

    /// The rows of this task in one of the tables: among the checkpoints also those that its
    /// instances have together.
    fn whose(&self, table: &TableName) -> (&'static str, Vec<Param<'_>>) {
        let [task_id, output] = self.own();
        if *table != self.tables.checkpoints {
            return ("task_id = {1} AND output = {2}", vec![task_id, output]);
        }
        let own = "output = {1} AND (task_id = {2} OR (task = {3} AND task_id LIKE 'group:%'))";
        (own, vec![output, task_id, Text(&self.owner.task)])
    }

    /// The states that the task's instances have together.
    pub(crate) async fn shared_states<D: Database>(&self, db: &mut D) -> Result<Vec<Shared>> {
        let values = [Text(&self.owner.output), Text(&self.owner.task)];
        let rows = db.query(&self.sql.shared_states, &values).await?;
        let shared = rows.into_iter().filter_map(|row| {
            let [Some(input), Some(part), Some(epoch), state] = <[_; 4]>::try_from(row).ok()?
            else {
                return None;
            };
            Some(Shared { input, part, epoch, state })
        });
        Ok(shared.collect())
    }
}

/// What is stored of a partition that several instances share.
pub(crate) struct Shared {
    pub(crate) input: String,
    pub(crate) part: String,
    pub(crate) epoch: String,
    pub(crate) state: Option<String>,
}

/// Of the run's row.
fn mark_in(row: &[Option<String>]) -> Option<CommitMark> {
    let number = |at: usize| row.get(at)?.as_ref()?.parse::<u64>().ok();
    Some(CommitMark { epoch: number(1)?, id: number(2)? })
}

fn json(text: String) -> Result<Json> {
    RawValue::from_string(text)
        .map_err(|e| Error::permanent(format!("_dstream_checkpoints holds no JSON as state: {e}")))
}

fn int(number: u64) -> Result<Param<'static>> {
    let number = i64::try_from(number);
    number.map(Int).map_err(|_| Error::permanent("an epoch or a checkpoint's id is beyond 2^63"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_its_own_name_where_every_database_takes_that_as_a_key() {
        assert_eq!(group_id("sqlserver:a/b|azure:c/d"), "group:sqlserver:a/b|azure:c/d");
        let long = group_id(&"x".repeat(200));
        assert!(long.starts_with(GROUP) && long.len() < LONGEST_ID, "{long}");
        assert_ne!(long, group_id(&"x".repeat(201)));
        assert!(group_id("bücher").is_ascii());
    }
}
