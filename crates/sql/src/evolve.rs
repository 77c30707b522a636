//! What has to change so that a table can take a stream's rows.

use std::collections::HashSet;

use crate::{Column, Dialect, Evolve, Table};

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
    rule: Evolve,
) -> Plan {
    let Some(existing) = existing else { return Plan::Create(wanted.create(dialect)) };
    let there: HashSet<_> = existing.iter().map(|name| dialect.fold_case(name)).collect();
    let missing: Vec<_> =
        wanted.columns.iter().filter(|c| !there.contains(&dialect.fold_case(&c.name))).collect();
    let names = || missing.iter().map(|column| column.name.clone()).collect();
    match rule {
        _ if missing.is_empty() => Plan::Nothing,
        Evolve::Fail => Plan::Refused(names()),
        Evolve::Ignore => Plan::Ignored(names()),
        Evolve::Add => {
            let add = |column: &&Column| ((*column).clone(), wanted.add_column(dialect, column));
            Plan::Add(missing.iter().map(add).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use dstream_sdk::FieldType;

    use super::*;
    use crate::dialect::tests::Plain;

    fn people() -> Table {
        Table {
            name: Plain.table_name("people"),
            columns: vec![
                Column::new("id", Some(FieldType::Int64)),
                Column { nullable: false, ..Column::new("more", None) },
            ],
            key: vec!["id".into()],
        }
    }

    #[test]
    fn a_table_that_is_not_there_is_made_with_its_key() {
        let sql = "CREATE TABLE <people> (\n  <id> int64 NOT NULL,\n  <more> any NOT NULL,\n  PRIMARY KEY (<id>)\n)";
        assert_eq!(plan(&Plain, None, &people(), Evolve::Fail), Plan::Create(sql.into()));
    }

    #[test]
    fn a_missing_column_is_added_refused_or_left_out() {
        let there = ["ID".to_owned()];
        let plan = |rule| plan(&Plain, Some(&there), &people(), rule);
        let added = "ALTER TABLE <people> ADD COLUMN <more> any".to_owned();
        assert_eq!(plan(Evolve::Add), Plan::Add(vec![(people().columns[1].clone(), added)]));
        assert_eq!(plan(Evolve::Fail), Plan::Refused(vec!["more".into()]));
        assert_eq!(plan(Evolve::Ignore), Plan::Ignored(vec!["more".into()]));
    }
}
