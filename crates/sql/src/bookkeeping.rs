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
}

impl Owner {
    /// Both names as one.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.task_id, self.output)
    }
}

/// The partitions that this run has claimed, with their epochs, by input and partition.
pub(crate) type Claims = BTreeMap<(String, String), u64>;

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

    fn row<'p>(&'p self, input: &'p str, part: &'p str) -> [Param<'p>; 4] {
        let [task_id, output] = self.own();
        [task_id, output, Text(input), Text(part)]
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
        self.insert_row(db, "", "").await?;
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

    async fn insert_row<D: Database>(&self, db: &mut D, input: &str, part: &str) -> Result<()> {
        let [task_id, output, input, part] = self.row(input, part);
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
        self.save_states(db, adopt).await
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
        Ok(db.query(&self.sql.read_run, &self.row("", "")).await?.into_iter().next())
    }

    /// Fails where another run has raised the epoch. Holds on to the row until the transaction
    /// ends, so that nobody can raise it before.
    pub(crate) async fn check_epoch<D: Database>(
        &self,
        db: &mut D,
        (input, part): (&str, &str),
        own: u64,
    ) -> Result<()> {
        let stored = self.stored(db, &self.sql.read_epoch, input, part).await?;
        self.compare(stored.map(|(epoch, _)| epoch), (input, part), own)
    }

    /// The same of the run's epoch, without waiting for anybody, or holding on to anything.
    pub(crate) async fn peek_epoch<D: Database>(&self, db: &mut D, own: u64) -> Result<()> {
        let stored = self.stored(db, &self.sql.peek_epoch, "", "").await?;
        self.compare(stored.map(|(epoch, _)| epoch), ("", ""), own)
    }

    fn compare(&self, stored: Option<u64>, (input, part): (&str, &str), own: u64) -> Result<()> {
        if stored == Some(own) {
            return Ok(());
        }
        let stored = stored.map_or("no row".to_owned(), |epoch| format!("epoch {epoch}"));
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
        input: &str,
        part: &str,
    ) -> Result<Option<(u64, Option<String>)>> {
        let rows = db.query(sql, &self.row(input, part)).await?;
        Ok(rows.into_iter().next().and_then(|mut row| {
            let state = row.pop()?;
            Some((row.pop()??.parse().ok()?, state))
        }))
    }

    /// Takes a partition under a lease's epoch; its state.
    pub(crate) async fn claim<D: Database>(
        &self,
        db: &mut D,
        (input, part): (&str, &str),
        epoch: u64,
    ) -> Result<Option<Json>> {
        self.insert_row(db, input, part).await?;
        let (stored, state) =
            self.stored(db, &self.sql.read_epoch, input, part).await?.unwrap_or_default();
        if stored > epoch {
            return Err(Error::fenced(format!(
                "the partition `{part}` is held under epoch {stored}, and the claim has epoch {epoch}"
            )));
        }
        let [task_id, output, input, part] = self.row(input, part);
        let values = [int(epoch)?, task_id, output, input, part];
        db.execute(&self.sql.claim, &values).await?;
        state.map(json).transpose()
    }

    async fn save_states<D: Database>(&self, db: &mut D, states: &SourceStates) -> Result<()> {
        for (input, parts) in states {
            for (part, state) in parts {
                let [task_id, output, input, part] = self.row(input, part);
                let (task, state) = (Text(&self.owner.task), Text(state.get()));
                db.execute(&self.sql.save_state, &[task_id, output, input, part, task, state])
                    .await?;
            }
        }
        Ok(())
    }

    /// Writes states, mark and dead letters, in the transaction of the data.
    pub(crate) async fn save<D: Database>(
        &self,
        db: &mut D,
        states: &SourceStates,
        rejected: &[Rejected],
        mark: CommitMark,
    ) -> Result<()> {
        self.save_states(db, states).await?;
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
            let sql = fill(
                db.dialect(),
                &self.tables,
                &format!(
                    "SELECT count(*) FROM {} WHERE NOT (task_id = {{1}} AND output = {{2}})",
                    db.dialect().quote_table(table)
                ),
            );
            let rows = db.query(&sql, &self.own()).await?;
            if rows.into_iter().flatten().flatten().next().is_some_and(|count| count != "0") {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes every row of this task.
    pub(crate) async fn forget<D: Database>(&self, db: &mut D) -> Result<()> {
        for table in self.tables.all() {
            let sql = fill(
                db.dialect(),
                &self.tables,
                &format!(
                    "DELETE FROM {} WHERE task_id = {{1}} AND output = {{2}}",
                    db.dialect().quote_table(table)
                ),
            );
            db.execute(&sql, &self.own()).await?;
        }
        Ok(())
    }
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
