//! The statements that change one row. Parameters are numbered in the order of the columns given,
//! those of the key behind them.

use crate::{Dialect, TableName};

/// `INSERT` of these columns.
pub fn insert(dialect: &impl Dialect, table: &TableName, columns: &[&str]) -> String {
    let table = dialect.quote_table(table);
    if columns.is_empty() {
        return format!("INSERT INTO {table} DEFAULT VALUES");
    }
    dialect.insert(&table, columns) + &parameters(dialect, columns.len())
}

/// `INSERT`, and where the key is there already, an update: the row has these columns afterwards.
pub fn upsert(dialect: &impl Dialect, table: &TableName, columns: &[&str], key: &[&str]) -> String {
    let others: Vec<_> = columns.iter().copied().filter(|name| !key.contains(name)).collect();
    let [head, tail] = dialect.upsert(&dialect.quote_table(table), columns, key, &others, true);
    head + &parameters(dialect, columns.len()) + &tail
}

fn parameters(dialect: &impl Dialect, count: usize) -> String {
    let values: Vec<_> = (1..=count).map(|at| dialect.placeholder(at)).collect();
    format!("({})", values.join(", "))
}

/// `UPDATE` of the row with this key, which may get another one.
pub fn update(dialect: &impl Dialect, table: &TableName, columns: &[&str], key: &[&str]) -> String {
    let set: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(at, name)| format!("{} = {}", dialect.quote(name), dialect.placeholder(at + 1)))
        .collect();
    let row = matching(dialect, key, columns.len());
    format!("UPDATE {} SET {} WHERE {row}", dialect.quote_table(table), set.join(", "))
}

/// `DELETE` of the row with this key.
pub fn delete(dialect: &impl Dialect, table: &TableName, key: &[&str]) -> String {
    format!("DELETE FROM {} WHERE {}", dialect.quote_table(table), matching(dialect, key, 0))
}

/// `column = parameter` for each column of the key, numbered behind `before` others.
pub fn matching(dialect: &impl Dialect, key: &[&str], before: usize) -> String {
    let equal = |(at, name): (usize, &&str)| {
        format!("{} = {}", dialect.quote(name), dialect.placeholder(before + at + 1))
    };
    key.iter().enumerate().map(equal).collect::<Vec<_>>().join(" AND ")
}

/// `DELETE` of every row.
pub fn clear(dialect: &impl Dialect, table: &TableName) -> String {
    format!("DELETE FROM {}", dialect.quote_table(table))
}

/// Every row that has no such mark yet gets one.
pub fn mark_all(dialect: &impl Dialect, table: &TableName, column: &str) -> String {
    let (table, column, value) =
        (dialect.quote_table(table), dialect.quote(column), dialect.placeholder(1));
    format!("UPDATE {table} SET {column} = {value} WHERE {column} IS NULL")
}
