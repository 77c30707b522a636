//! Makes a table that the database takes: names, keys and rows that are short enough.

use dstream_sdk::{Error, FieldType, Result};

use crate::{Dialect, Table};

/// What a database takes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// What a name may have.
    pub name: Option<NameLimit>,
    /// How many bytes a key may have, where one of long texts is refused.
    pub key_bytes: Option<usize>,
    /// How many bytes a row may have, what is stored apart from it not counted.
    pub row_bytes: Option<usize>,
    /// How many bytes are counted for a character.
    pub char_bytes: usize,
}

/// What a name may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameLimit {
    /// So many bytes.
    Bytes(usize),
    /// So many characters.
    Chars(usize),
}

impl Limits {
    /// None that is known.
    pub const NONE: Self = Self { name: None, key_bytes: None, row_bytes: None, char_bytes: 4 };
}

/// Refuses names that the database would cut off: the next one with the same beginning would then
/// be the same. `title`: what the database is called.
pub(crate) fn check_names(dialect: &impl Dialect, table: &Table, title: &str) -> Result<()> {
    let Some(limit) = dialect.limits().name else { return Ok(()) };
    for name in table.names().chain([table.name.name.as_str()]) {
        let (has, what, most) = match limit {
            NameLimit::Bytes(most) => (name.len(), "bytes", most),
            NameLimit::Chars(most) => (name.chars().count(), "characters", most),
        };
        if has > most {
            return Err(Error::permanent(format!(
                "the name `{name}` has {has} {what}, and {title} takes {most}: set `table`, or give the column a shorter name with `columns`"
            )));
        }
    }
    Ok(())
}

/// Takes away native types that the database does not have, and gives the texts of a key what an
/// index takes, and a row that would be too long texts that are stored apart.
pub(crate) fn fit(dialect: &impl Dialect, table: &mut Table) {
    for at in 0..table.columns.len() {
        let native = table.columns[at].native.take();
        table.columns[at].native = native.and_then(|own| dialect.native(&table.columns[at], &own));
    }
    let limits = dialect.limits();
    if let Some(bytes) = limits.key_bytes {
        shorten_key(dialect, table, bytes);
    }
    if let Some(bytes) = limits.row_bytes {
        shorten_rows(dialect, table, bytes, limits.char_bytes);
    }
}

/// What the texts of a key may have, of what its other columns leave.
fn shorten_key(dialect: &impl Dialect, table: &mut Table, limit: usize) {
    let char_bytes = dialect.limits().char_bytes;
    let Table { columns, key, .. } = table;
    let (long, fixed): (Vec<_>, Vec<_>) = columns
        .iter_mut()
        .filter(|column| key.contains(&column.name))
        .partition(|column| is_long(&dialect.column_type(column)));
    let fixed = fixed.iter().map(|column| bytes(&dialect.column_type(column), char_bytes));
    let share = limit.saturating_sub(fixed.sum()) / long.len().max(1);
    for column in long {
        let kind = dialect.column_type(column).to_ascii_lowercase();
        column.fitted |= !column.is_native();
        column.native = Some(match kind.contains("blob") || kind.contains("binary") {
            true => format!("VARBINARY({share})"),
            false => dialect.key_text(share),
        });
    }
}

/// The longest texts are stored apart, until the rest is short enough.
fn shorten_rows(dialect: &impl Dialect, table: &mut Table, limit: usize, char_bytes: usize) {
    let Table { columns, key, .. } = table;
    let size = |column: &crate::Column| bytes(&dialect.column_type(column), char_bytes);
    while columns.iter().map(size).sum::<usize>() > limit {
        let others = columns.iter_mut().filter(|column| !key.contains(&column.name));
        let Some(longest) = others.max_by_key(|column| size(column)) else { return };
        longest.native = None;
        longest.kind =
            longest.kind.filter(|kind| *kind == FieldType::Bytes).or(Some(FieldType::String));
    }
}

/// A text or a blob that an index takes only a part of.
fn is_long(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    let (base, rest) = split(&kind);
    base.ends_with("text") || base.ends_with("blob") || rest == "(max)"
}

/// What a column has of a row, about.
fn bytes(kind: &str, char_bytes: usize) -> usize {
    let lower = kind.to_ascii_lowercase();
    let (base, rest) = split(&lower);
    let digits = rest.trim_start_matches('(').split(')').next().unwrap_or_default();
    let length: usize = digits.parse().unwrap_or_default();
    match base {
        "varchar" | "char" | "nvarchar" | "nchar" => length * char_bytes + 2,
        "varbinary" | "binary" => length + 2,
        "decimal" => 32,
        "uuid" | "inet6" => 16,
        _ => 12,
    }
}

fn split(kind: &str) -> (&str, &str) {
    kind.split_at(kind.find(['(', ' ']).unwrap_or(kind.len()))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::dialect::tests::Plain;
    use crate::{BookTypes, Column, TableName};

    /// With the limits and some types of a MySQL.
    #[derive(Clone)]
    struct Narrow;

    impl Dialect for Narrow {
        fn quote(&self, name: &str) -> String {
            name.into()
        }

        fn type_of(&self, kind: Option<FieldType>) -> Cow<'static, str> {
            match kind {
                Some(FieldType::Int64) => "BIGINT".into(),
                Some(FieldType::Bytes) => "LONGBLOB".into(),
                _ => "LONGTEXT".into(),
            }
        }

        fn now(&self) -> &'static str {
            "now"
        }

        fn book_types(&self) -> BookTypes {
            Plain.book_types()
        }

        fn limits(&self) -> Limits {
            Limits {
                name: Some(NameLimit::Chars(3)),
                key_bytes: Some(3072),
                row_bytes: Some(65_535),
                char_bytes: 4,
            }
        }
    }

    fn table(columns: Vec<Column>, key: &[&str]) -> Table {
        let name = TableName { schema: None, name: "t".into() };
        Table { name, columns, key: key.iter().map(|name| (*name).to_owned()).collect() }
    }

    fn fitted(columns: Vec<Column>, key: &[&str]) -> Vec<String> {
        let mut table = table(columns, key);
        fit(&Narrow, &mut table);
        table.columns.iter().map(|column| Narrow.column_type(column).into_owned()).collect()
    }

    #[test]
    fn the_texts_of_a_key_share_what_an_index_takes() {
        let column = |name: &str, kind| Column::new(name, Some(kind));
        let of = |kinds: &[FieldType]| {
            let names = ["a", "b", "c"];
            let columns = names.iter().zip(kinds).map(|(name, kind)| column(name, *kind)).collect();
            fitted(columns, &names[..kinds.len()])
        };
        assert_eq!(of(&[FieldType::String]), ["VARCHAR(768)"]);
        assert_eq!(of(&[FieldType::Int64, FieldType::Enum]), ["BIGINT", "VARCHAR(765)"]);
        assert_eq!(of(&[FieldType::Bytes, FieldType::String]), ["VARBINARY(1536)", "VARCHAR(384)"]);
    }

    #[test]
    fn a_row_that_would_be_too_long_has_its_longest_texts_stored_apart() {
        let of = |name: &str, native: &str| Column {
            native: Some(native.into()),
            ..Column::new(name, Some(FieldType::String))
        };
        let columns =
            vec![of("a", "varchar(9000)"), of("c", "varchar(9)"), of("b", "varchar(9000)")];
        let types = fitted(columns, &[]);
        assert_eq!(types.iter().filter(|kind| *kind == "LONGTEXT").count(), 1, "{types:?}");
        assert_eq!(types[1], "varchar(9)");
    }

    #[test]
    fn a_name_that_would_be_cut_off_is_refused() {
        let named = |name: &str| table(vec![Column::new(name, None)], &[]);
        check_names(&Narrow, &named("ééé"), "This").unwrap();
        let error = check_names(&Narrow, &named("long"), "This").unwrap_err().to_string();
        assert!(error.contains("`long` has 4 characters, and This takes 3"), "{error}");
    }
}
