//! What has to change so that a table can take a stream's rows.

use std::collections::HashSet;

use super::{Column, Dialect, Table};

/// What to do about a column that the table lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Add,
    Fail,
    Ignore,
}

/// The way from what is there to what is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Nothing is there: make it.
    Create(String),
    /// Add these columns; each with its statement.
    Add(Vec<(Column, String)>),
    /// These columns are missing, and the rule is not to add any.
    Refused(Vec<String>),
    /// These columns are not written.
    Ignored(Vec<String>),
    /// All is there.
    Nothing,
}

/// Plans. `existing`: the names of the table's columns, if there is a table.
pub(crate) fn plan(
    dialect: &impl Dialect,
    existing: Option<&[String]>,
    wanted: &Table,
    rule: Rule,
) -> Plan {
    let Some(existing) = existing else { return Plan::Create(wanted.create(dialect)) };
    // SQL compares the names of columns without regard to case.
    let there: HashSet<_> = existing.iter().map(|name| name.to_lowercase()).collect();
    let missing: Vec<_> =
        wanted.columns.iter().filter(|c| !there.contains(&c.name.to_lowercase())).collect();
    let names = || missing.iter().map(|column| column.name.clone()).collect();
    match rule {
        _ if missing.is_empty() => Plan::Nothing,
        Rule::Fail => Plan::Refused(names()),
        Rule::Ignore => Plan::Ignored(names()),
        Rule::Add => {
            let add = |column: &&Column| ((*column).clone(), wanted.add_column(dialect, column));
            Plan::Add(missing.iter().map(add).collect())
        }
    }
}
