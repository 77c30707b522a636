//! The statements that change sets of rows. Their parameters are arrays, one a column.

use dstream_sql::{Dialect as _, Table};

use crate::catalog::Types;
use crate::dialect::PostgresDialect;

/// Writes statements for one table.
pub(crate) struct Sql<'s> {
    pub(crate) dialect: &'s PostgresDialect,
    pub(crate) table: &'s Table,
    pub(crate) types: &'s Types,
}

impl Sql<'_> {
    fn table(&self) -> String {
        self.dialect.quote_table(&self.table.name)
    }

    fn name(&self, column: usize) -> String {
        self.dialect.quote(&self.table.columns[column].name)
    }

    fn names(&self, columns: &[usize]) -> String {
        columns.iter().map(|at| self.name(*at)).collect::<Vec<_>>().join(", ")
    }

    /// A parameter's column as a value of the table's column.
    fn value(&self, parameter: usize, column: usize) -> String {
        format!("s.c{parameter}::{}", self.types.casts[column])
    }

    /// `COPY` of all columns.
    pub(crate) fn copy(&self) -> String {
        let all: Vec<_> = (0..self.table.columns.len()).collect();
        format!("COPY {} ({}) FROM STDIN", self.table(), self.names(&all))
    }

    /// `INSERT` of these columns. Identity columns get the rows' values.
    pub(crate) fn insert(&self, columns: &[usize]) -> String {
        let values: Vec<_> =
            columns.iter().enumerate().map(|(at, column)| self.value(at, *column)).collect();
        format!(
            "INSERT INTO {} AS t ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}",
            self.table(),
            self.names(columns),
            values.join(", "),
            source(columns.len())
        )
    }

    /// The same, and the row with that key is updated.
    pub(crate) fn upsert(&self, columns: &[usize], key: &[usize]) -> String {
        let others = columns.iter().filter(|column| !key.contains(column));
        let names: Vec<_> =
            others.map(|column| self.table.columns[*column].name.as_str()).collect();
        let key: Vec<_> = key.iter().map(|at| self.table.columns[*at].name.as_str()).collect();
        self.insert(columns) + &self.dialect.on_conflict(&key, &names)
    }

    /// The same, only for rows that are not there.
    pub(crate) fn insert_missing(&self, columns: &[usize], key: &[usize]) -> String {
        let parameter = |column: &usize| columns.iter().position(|one| one == column).unwrap_or(0);
        let parameters: Vec<_> = key.iter().map(parameter).collect();
        let matching = self.matching(&parameters, key);
        let insert = self.insert(columns);
        format!("{insert} WHERE NOT EXISTS (SELECT FROM {} AS t WHERE {matching})", self.table())
    }

    /// `UPDATE` of these columns; the key's old values are the parameters behind them.
    pub(crate) fn update(&self, columns: &[usize], key: &[usize]) -> String {
        let set = |(at, column): (usize, &usize)| {
            format!("{} = {}", self.name(*column), self.value(at, *column))
        };
        let set: Vec<_> = columns.iter().enumerate().map(set).collect();
        let parameters: Vec<_> = (columns.len()..columns.len() + key.len()).collect();
        format!(
            "UPDATE {} AS t SET {} FROM {} WHERE {}",
            self.table(),
            set.join(", "),
            source(columns.len() + key.len()),
            self.matching(&parameters, key)
        )
    }

    /// `DELETE` by key.
    pub(crate) fn delete(&self, key: &[usize]) -> String {
        let parameters: Vec<_> = (0..key.len()).collect();
        format!(
            "DELETE FROM {} AS t USING {} WHERE {}",
            self.table(),
            source(key.len()),
            self.matching(&parameters, key)
        )
    }

    /// Every row is gone. A table with checks that are still to come cannot be truncated, so they
    /// come now.
    pub(crate) fn truncate(&self) -> String {
        let table = self.table();
        format!("SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE {table}; SET CONSTRAINTS ALL DEFERRED")
    }

    fn matching(&self, parameters: &[usize], key: &[usize]) -> String {
        let equal = |(at, column): (&usize, &usize)| {
            format!("t.{} = {}", self.name(*column), self.value(*at, *column))
        };
        parameters.iter().zip(key).map(equal).collect::<Vec<_>>().join(" AND ")
    }
}

/// The parameters as rows.
fn source(columns: usize) -> String {
    let list = |one: &dyn Fn(usize) -> String| (0..columns).map(one).collect::<Vec<_>>().join(", ");
    let arrays = list(&|at| format!("${}::text[]", at + 1));
    let names = list(&|at| format!("c{at}"));
    format!("unnest({arrays}) AS s({names})")
}
