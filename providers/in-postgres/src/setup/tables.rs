//! Which tables the config means.

use dstream_postgres::Wire;
use dstream_sdk::{Error, Result};

use crate::catalog::{self, TableInfo};
use crate::config::Config;

/// The tables that the config means, in the order of their names; none where it names none.
pub(crate) async fn wanted(wire: &mut Wire, config: &Config) -> Result<Vec<TableInfo>> {
    if config.tables.is_empty() {
        return Ok(Vec::new());
    }
    let all = catalog::tables(wire).await?;
    choose(wire, config, all).await
}

/// Those of the tables that the config means, with columns and keys.
pub(crate) async fn choose(
    wire: &mut Wire,
    config: &Config,
    all: Vec<TableInfo>,
) -> Result<Vec<TableInfo>> {
    let (patterns, exclude) = (config.tables()?, config.exclude()?);
    let partitions = catalog::partitions(wire).await?;
    let mut used = vec![false; patterns.len()];
    let mut tables = Vec::new();
    for table in all {
        let matches =
            |p: &dstream_cdc::TablePattern| p.matches("public", &table.schema, &table.name);
        // A partition comes with its root, unless it is named itself.
        let of_root = partitions.contains(&table.oid);
        let mut means = false;
        for (pattern, used) in patterns.iter().zip(&mut used) {
            if matches(pattern) && (pattern.is_name() || !of_root) {
                *used = true;
                means = true;
            }
        }
        if means && !exclude.iter().any(matches) {
            tables.push(table);
        }
    }
    if let Some(at) = used.iter().position(|used| !used) {
        let text = format!("`{}` means no table of the database", patterns[at]);
        return Err(Error::config(format!("tables[{at}]"), text));
    }
    if tables.is_empty() {
        return Err(Error::config("exclude", "`exclude` leaves no table"));
    }
    catalog::describe(wire, &mut tables).await?;
    Ok(tables)
}

/// Settings of a table that is not read are a mistake.
pub(crate) fn require_settings_used(config: &Config, tables: &[TableInfo]) -> Result<()> {
    for (at, (pattern, _)) in config.table_settings()?.iter().enumerate() {
        if !tables.iter().any(|t| pattern.matches("public", &t.schema, &t.name)) {
            let key = config.table.keys().nth(at).cloned().unwrap_or_default();
            let text = format!("`{pattern}` means none of the tables that are read");
            return Err(Error::config(format!("table.{key}"), text));
        }
    }
    Ok(())
}

/// A table without identity in a publication makes the application's own statements fail.
pub(super) fn require_identity(tables: &[TableInfo]) -> Result<()> {
    let without: Vec<&TableInfo> =
        tables.iter().filter(|t| !t.identifies() && !t.partitioned).collect();
    let Some(first) = without.first() else { return Ok(()) };
    let names: Vec<String> = without.iter().map(|t| t.stream()).collect();
    Err(Error::config(
        "tables",
        format!(
            "nothing identifies the rows of {}: once published, every UPDATE and DELETE on it would fail in the \
             application. Add a primary key, or run ALTER TABLE {} REPLICA IDENTITY FULL; or leave it out with `exclude`",
            names.join(", "),
            first.sql()
        ),
    ))
}
