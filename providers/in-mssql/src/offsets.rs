//! `cdc_offsets` in the watched database: where the original keeps its checkpoints, and this input
//! too, where it is told to.

use std::collections::BTreeMap;

use dstream_mssql::tiberius::ColumnData;
use dstream_mssql::{Session, literal};
use dstream_sdk::{Error, Result};

use crate::catalog::{cell, number, one, text};
use crate::config::DEFAULT_SCHEMA;
use crate::instance::Instance;
use crate::lsn::Lsn;
use crate::state::State;

/// In the schema `dbo`.
pub(crate) const TABLE: &str = "cdc_offsets";

/// The statements that make it, where it is not there.
pub(crate) const CREATE: &str = "IF OBJECT_ID(N'dbo.cdc_offsets', N'U') IS NULL CREATE TABLE dbo.cdc_offsets (\
    table_name nvarchar(255) NOT NULL PRIMARY KEY, last_lsn varbinary(10) NULL, last_seq varbinary(10) NULL, \
    updated_at datetime NOT NULL DEFAULT GETDATE()); \
    IF COL_LENGTH(N'dbo.cdc_offsets', N'last_seq') IS NULL ALTER TABLE dbo.cdc_offsets ADD last_seq varbinary(10) NULL";

/// Behind every record of a commit: all of it is out.
const ALL: Lsn = Lsn([0xff; 10]);

/// Makes the table where it is not there.
pub(crate) async fn make(session: &mut Session) -> Result<()> {
    session.run(CREATE).await.map_err(|error| {
        error.context(
            "cannot make the table dbo.cdc_offsets (checkpoint_store = \"table\"): GRANT CREATE TABLE TO the user and \
             GRANT ALTER ON SCHEMA::dbo TO the user, or make it by hand as docs/providers/mssql.md shows",
        )
    })
}

/// Whether somebody has made it.
pub(crate) async fn are_there(session: &mut Session) -> Result<bool> {
    let rows = one(session.query("SELECT COL_LENGTH(N'dbo.cdc_offsets', N'last_lsn')").await?);
    Ok(rows.first().is_some_and(|row| number(row, 0) > 0))
}

/// As [`read`], for who must not make it.
pub(crate) async fn read_if_there(session: &mut Session) -> Result<BTreeMap<String, State>> {
    let rows = one(session.query("SELECT COL_LENGTH(N'dbo.cdc_offsets', N'last_seq')").await?);
    match rows.first().is_some_and(|row| number(row, 0) > 0) {
        true => read(session).await,
        false => Ok(BTreeMap::new()),
    }
}

/// The places that it holds, by the names that stand in it.
pub(crate) async fn read(session: &mut Session) -> Result<BTreeMap<String, State>> {
    let sql = "SELECT table_name, last_lsn, last_seq FROM dbo.cdc_offsets";
    let rows = one(session.query(sql).await?);
    let state = |row: &dstream_mssql::tiberius::Row| {
        let lsn = cell(row, 1).and_then(Lsn::of)?;
        // A row of an older version has no record: all of the commit is out.
        let seq = cell(row, 2).and_then(Lsn::of).filter(|seq| *seq != ALL);
        Some((text(row, 0), State { seq, ..State::at(lsn) }))
    };
    Ok(rows.iter().filter_map(state).collect())
}

/// What a table's row may be called: the original takes the name as the config has it.
fn names(instance: &Instance) -> Vec<String> {
    let mut names = vec![format!("{}.{}", instance.schema, instance.table)];
    if instance.schema == DEFAULT_SCHEMA {
        names.push(instance.table.clone());
    }
    names
}

/// The place of a table, the furthest where two rows are of it.
pub(crate) fn of(states: &BTreeMap<String, State>, instance: &Instance) -> Option<State> {
    let mut found: Option<&State> = None;
    for state in names(instance).iter().filter_map(|name| states.get(name)) {
        if found.is_none_or(|found| state.is_beyond(found)) {
            found = Some(state);
        }
    }
    found.cloned()
}

/// Notes that the rows of a table begin to be read: a row without a place, which nobody goes on from.
/// `true`: somebody had begun before, and did not come to the end.
pub(crate) async fn begin_rows(session: &mut Session, instance: &Instance) -> Result<bool> {
    let names: Vec<_> = names(instance).iter().map(|name| literal(name)).collect();
    let sql = format!(
        "INSERT dbo.cdc_offsets (table_name, updated_at) SELECT {}, GETDATE() WHERE NOT EXISTS \
         (SELECT 1 FROM dbo.cdc_offsets WHERE table_name IN ({})); SELECT @@ROWCOUNT",
        names[0],
        names.join(", ")
    );
    let cannot = |error: Error| error.context("cannot write to dbo.cdc_offsets");
    let made = session.value(&sql).await.map_err(cannot)?;
    Ok(made.is_some_and(|made| matches!(made, ColumnData::I32(Some(0)))))
}

/// Writes the places of tables whose rows are read. One that is still being read has no place that
/// the original would understand.
pub(crate) async fn write<'a>(
    session: &mut Session,
    places: impl Iterator<Item = (&'a Instance, &'a State)>,
) -> Result<()> {
    let mut sql = String::new();
    for (instance, state) in places.filter(|(_, state)| state.snapshot.is_none()) {
        let quoted: Vec<_> = names(instance).iter().map(|name| literal(name)).collect();
        let (lsn, seq) = (state.lsn.sql(), state.seq.unwrap_or(ALL).sql());
        // Not MERGE: two that run at once would both insert.
        sql.push_str(&format!(
            "UPDATE dbo.cdc_offsets SET last_lsn = {lsn}, last_seq = {seq}, updated_at = GETDATE() WHERE table_name IN ({}); \
             IF @@ROWCOUNT = 0 INSERT dbo.cdc_offsets (table_name, last_lsn, last_seq, updated_at) VALUES ({}, {lsn}, {seq}, GETDATE());\n",
            quoted.join(", "),
            quoted[0]
        ));
    }
    if sql.is_empty() {
        return Ok(());
    }
    let cannot = |error: Error| error.context("cannot write to dbo.cdc_offsets");
    session.run(&format!("BEGIN TRANSACTION;\n{sql}COMMIT")).await.map_err(cannot)
}
