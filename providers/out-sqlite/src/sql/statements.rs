//! The statements that change rows. Parameters are numbered in the order of the columns given,
//! those of the key behind them.

use super::Dialect;

/// `INSERT` of these columns.
pub(crate) fn insert(dialect: &impl Dialect, table: &str, columns: &[&str]) -> String {
    if columns.is_empty() {
        return format!("INSERT INTO {} DEFAULT VALUES", dialect.quote(table));
    }
    let names = dialect.quote_all(columns.iter().copied());
    let values: Vec<_> = (1..=columns.len()).map(|at| dialect.placeholder(at)).collect();
    format!("INSERT INTO {} ({names}) VALUES ({})", dialect.quote(table), values.join(", "))
}

/// `INSERT … ON CONFLICT`: the row with this key has these columns afterwards.
pub(crate) fn upsert(
    dialect: &impl Dialect,
    table: &str,
    columns: &[&str],
    key: &[String],
) -> String {
    let insert = insert(dialect, table, columns);
    let conflict = dialect.quote_all(key.iter().map(String::as_str));
    let others = columns.iter().filter(|name| !key.iter().any(|k| k == *name));
    let set: Vec<_> =
        others.map(|name| format!("{0} = excluded.{0}", dialect.quote(name))).collect();
    match set.is_empty() {
        true => format!("{insert} ON CONFLICT ({conflict}) DO NOTHING"),
        false => format!("{insert} ON CONFLICT ({conflict}) DO UPDATE SET {}", set.join(", ")),
    }
}

/// `UPDATE` of the row with this key, which may get another one.
pub(crate) fn update(
    dialect: &impl Dialect,
    table: &str,
    columns: &[&str],
    key: &[String],
) -> String {
    let set: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(at, name)| format!("{} = {}", dialect.quote(name), dialect.placeholder(at + 1)))
        .collect();
    let row = matching(dialect, key, columns.len());
    format!("UPDATE {} SET {} WHERE {row}", dialect.quote(table), set.join(", "))
}

/// `DELETE` of the row with this key.
pub(crate) fn delete(dialect: &impl Dialect, table: &str, key: &[String]) -> String {
    format!("DELETE FROM {} WHERE {}", dialect.quote(table), matching(dialect, key, 0))
}

/// `DELETE` of every row.
pub(crate) fn clear(dialect: &impl Dialect, table: &str) -> String {
    format!("DELETE FROM {}", dialect.quote(table))
}

fn matching(dialect: &impl Dialect, key: &[String], before: usize) -> String {
    let equal = |(at, name): (usize, &String)| {
        format!("{} = {}", dialect.quote(name), dialect.placeholder(before + at + 1))
    };
    key.iter().enumerate().map(equal).collect::<Vec<_>>().join(" AND ")
}
