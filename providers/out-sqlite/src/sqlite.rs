//! SQLite's way of writing SQL.

use std::borrow::Cow;

use dstream_protocol::FieldType;

use crate::sql::Dialect;

/// SQLite; whether the table in question is a `STRICT` one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sqlite {
    pub(crate) strict: bool,
}

impl Dialect for Sqlite {
    fn quote(&self, name: &str) -> String {
        format!("\"{}\"", name.replace('"', "\"\""))
    }

    /// <https://www.sqlite.org/stricttables.html>. Exact decimals stay text: SQLite has no such type.
    fn column_type(&self, kind: Option<FieldType>) -> Cow<'static, str> {
        use FieldType::{Bool, Bytes, Float32, Float64, Int16, Int32, Int64, Uint64};
        Cow::Borrowed(match kind {
            Some(Bool | Int16 | Int32 | Int64 | Uint64) => "INTEGER",
            Some(Float32 | Float64) => "REAL",
            Some(Bytes) => "BLOB",
            Some(_) => "TEXT",
            // In a table that is not strict, a type called ANY would turn text into numbers.
            None if self.strict => "ANY",
            None => "",
        })
    }

    fn placeholder(&self, index: usize) -> String {
        format!("?{index}")
    }

    fn table_options(&self) -> &'static str {
        if self.strict { " STRICT" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Column, Table, evolve, statements};

    const DIALECT: Sqlite = Sqlite { strict: true };

    fn people() -> Table {
        let column = |name: &str, kind| Column { name: name.into(), kind, nullable: true };
        Table {
            name: "dbo.people".into(),
            columns: vec![
                column("id", Some(FieldType::Int64)),
                column("na\"me", Some(FieldType::String)),
                column("pay", Some(FieldType::Decimal(18, 4))),
                column("more", None),
            ],
            key: vec!["id".into()],
        }
    }

    #[test]
    fn a_table_is_made_with_types_key_and_quoted_names() {
        assert_eq!(
            people().create(&DIALECT),
            "CREATE TABLE \"dbo.people\" (\n  \"id\" INTEGER NOT NULL,\n  \"na\"\"me\" TEXT,\n  \"pay\" TEXT,\n  \"more\" ANY,\n  PRIMARY KEY (\"id\")\n) STRICT"
        );
    }

    #[test]
    fn a_missing_column_is_added_refused_or_left_out() {
        let there = ["ID".to_owned(), "na\"me".into(), "pay".into()];
        let plan = |rule| evolve::plan(&DIALECT, Some(&there), &people(), rule);
        let added = "ALTER TABLE \"dbo.people\" ADD COLUMN \"more\" ANY".to_owned();
        assert_eq!(
            plan(evolve::Rule::Add),
            evolve::Plan::Add(vec![(Column::untyped("more"), added)])
        );
        assert_eq!(plan(evolve::Rule::Fail), evolve::Plan::Refused(vec!["more".into()]));
        assert_eq!(plan(evolve::Rule::Ignore), evolve::Plan::Ignored(vec!["more".into()]));
    }

    #[test]
    fn statements_number_their_parameters_columns_first() {
        let key = ["id".to_owned()];
        assert_eq!(
            statements::upsert(&DIALECT, "t", &["id", "a"], &key),
            "INSERT INTO \"t\" (\"id\", \"a\") VALUES (?1, ?2) ON CONFLICT (\"id\") DO UPDATE SET \"a\" = excluded.\"a\""
        );
        assert_eq!(
            statements::upsert(&DIALECT, "t", &["id"], &key),
            "INSERT INTO \"t\" (\"id\") VALUES (?1) ON CONFLICT (\"id\") DO NOTHING"
        );
        assert_eq!(
            statements::update(&DIALECT, "t", &["id", "a"], &key),
            "UPDATE \"t\" SET \"id\" = ?1, \"a\" = ?2 WHERE \"id\" = ?3"
        );
        assert_eq!(statements::delete(&DIALECT, "t", &key), "DELETE FROM \"t\" WHERE \"id\" = ?1");
    }
}
