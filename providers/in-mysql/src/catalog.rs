//! What the server's catalog says of a table.

use dstream_mysql::error;
use dstream_mysql::mysql_async::prelude::Queryable;
use dstream_mysql::mysql_async::{Conn, Row};
use dstream_sdk::{Context, Result};

/// A table, as it is now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CatalogTable {
    pub(crate) columns: Vec<CatalogColumn>,
    /// The columns of its primary key, else of a unique key without nulls.
    pub(crate) key: Vec<String>,
}

/// One of its columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CatalogColumn {
    pub(crate) name: String,
    /// `bigint(20) unsigned`.
    pub(crate) column_type: String,
    /// `bigint`.
    pub(crate) data_type: String,
    pub(crate) charset: Option<String>,
    pub(crate) nullable: bool,
    pub(crate) precision: usize,
    pub(crate) scale: usize,
    /// Digits of the second.
    pub(crate) digits: u8,
    /// Bytes that a text can have.
    pub(crate) octets: u64,
    /// MariaDB's JSON: a text that is checked.
    pub(crate) json: bool,
    pub(crate) computed: bool,
}

impl CatalogColumn {
    pub(crate) fn unsigned(&self) -> bool {
        self.column_type.contains(" unsigned")
    }

    /// The labels of an ENUM or SET: `enum('a','it''s')`.
    pub(crate) fn labels(&self) -> Vec<Vec<u8>> {
        let inner = self.column_type.split_once('(').map_or("", |(_, rest)| rest);
        let mut labels = Vec::new();
        let mut chars = inner.chars().peekable();
        while chars.by_ref().any(|c| c == '\'') {
            let mut label = String::new();
            while let Some(c) = chars.next() {
                match c {
                    '\'' if chars.peek() == Some(&'\'') => {
                        chars.next();
                        label.push('\'');
                    }
                    '\'' => break,
                    other => label.push(other),
                }
            }
            labels.push(label.into_bytes());
        }
        labels
    }
}

const COLUMNS: &str = "SELECT COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, CHARACTER_SET_NAME, \
    IS_NULLABLE = 'YES', NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION, \
    CHARACTER_OCTET_LENGTH, EXTRA \
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? \
    ORDER BY ORDINAL_POSITION";

const KEYS: &str = "SELECT INDEX_NAME, COLUMN_NAME, NULLABLE = 'YES' OR SUB_PART IS NOT NULL \
    FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? \
    AND NON_UNIQUE = 0 ORDER BY INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX";

const CHECKS: &str = "SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS \
    WHERE CONSTRAINT_SCHEMA = ? AND TABLE_NAME = ?";

/// Looks a table up. Empty columns: it is not there, or may not be seen.
pub(crate) async fn table(
    conn: &mut Conn,
    database: &str,
    name: &str,
    mariadb: bool,
) -> Result<CatalogTable> {
    let of = (database, name);
    let what = || format!("cannot look up `{database}`.`{name}` in the catalog");
    let rows: Vec<Row> = conn.exec(COLUMNS, of).await.map_err(error).with_context(what)?;
    let mut columns: Vec<CatalogColumn> = rows.iter().map(column).collect();
    let keys: Vec<(String, Option<String>, bool)> =
        conn.exec(KEYS, of).await.map_err(error).with_context(what)?;
    if mariadb {
        let checks: Vec<String> = conn.exec(CHECKS, of).await.map_err(error).with_context(what)?;
        for column in &mut columns {
            let check = format!("json_valid({})", dstream_mysql::name(&column.name));
            column.json = checks.iter().any(|clause| clause.eq_ignore_ascii_case(&check));
        }
    }
    Ok(CatalogTable { columns, key: first_key(&keys) })
}

fn column(row: &Row) -> CatalogColumn {
    let text = |at: usize| row.get::<Option<String>, _>(at).flatten().unwrap_or_default();
    let number = |at: usize| row.get::<Option<u64>, _>(at).flatten().unwrap_or_default();
    let size = |at: usize| usize::try_from(number(at)).unwrap_or_default();
    CatalogColumn {
        name: text(0),
        column_type: text(1),
        data_type: text(2).to_ascii_lowercase(),
        charset: row.get::<Option<String>, _>(3).flatten(),
        nullable: number(4) == 1,
        precision: size(5),
        scale: size(6),
        digits: u8::try_from(number(7)).unwrap_or_default(),
        octets: number(8),
        json: false,
        computed: text(9).to_ascii_uppercase().contains("VIRTUAL GENERATED"),
    }
}

/// The first key of which no column can be null, nor is only a prefix.
fn first_key(keys: &[(String, Option<String>, bool)]) -> Vec<String> {
    for chunk in keys.chunk_by(|a, b| a.0 == b.0) {
        let columns = chunk.iter().map(|(_, column, loose)| column.clone().filter(|_| !loose));
        if let Some(columns) = columns.collect::<Option<Vec<_>>>() {
            return columns;
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_out_of_the_type_with_quotes_and_commas_in_them() {
        let column_type = "enum('a','it''s','x,y','')".into();
        let column = CatalogColumn { column_type, ..CatalogColumn::default() };
        let labels: Vec<_> =
            column.labels().into_iter().map(|l| String::from_utf8(l).unwrap()).collect();
        assert_eq!(labels, ["a", "it's", "x,y", ""]);
    }

    #[test]
    fn a_unique_key_stands_in_for_a_primary_one_only_where_it_has_no_nulls() {
        let of = |index: &str, column: &str, loose| (index.into(), Some(column.into()), loose);
        let keys = [of("a", "x", true), of("b", "y", false), of("b", "z", false)];
        assert_eq!(first_key(&keys), ["y", "z"]);
        assert!(first_key(&keys[..1]).is_empty());
    }
}
