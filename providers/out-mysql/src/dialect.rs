//! MySQL's way of writing SQL.

use std::borrow::Cow;

use dstream_mysql::{Server, name};
use dstream_sdk::FieldType;
use dstream_sql::{Bookkeeping, Column, Dialect, TableName};

use crate::config::Settings;

/// MySQL or MariaDB, with the databases that are meant where none is said.
#[derive(Debug, Clone)]
pub(crate) struct MySqlDialect {
    database: String,
    bookkeeping_database: String,
    /// Whether the server takes names of tables for the same that differ in case only.
    pub(crate) folds_case: bool,
    pub(crate) is_mariadb: bool,
    /// 10.11 is 1011.
    pub(crate) version: u32,
}

/// Every table that is made says so, since a note and a table are no one transaction.
pub(crate) const COMMENT: &str = "made by dstream";

impl MySqlDialect {
    pub(crate) fn new(settings: &Settings, server: &Server, folds_case: bool) -> Self {
        let mut numbers = server.version.split('.').map_while(|part| part.parse::<u32>().ok());
        let mut number = || numbers.next().unwrap_or_default();
        Self {
            database: settings.database(),
            bookkeeping_database: settings.bookkeeping_database.clone(),
            folds_case,
            is_mariadb: server.is_mariadb(),
            version: number() * 100 + number(),
        }
    }

    /// Compares by the bytes, the blanks at the end too: `a`, `A` and `a ` are three keys.
    pub(crate) fn collation(&self) -> &'static str {
        if self.is_mariadb { "utf8mb4_nopad_bin" } else { "utf8mb4_0900_bin" }
    }

    /// Whether there is a type for UUIDs.
    pub(crate) fn has_uuid(&self) -> bool {
        self.is_mariadb && self.version >= 1007
    }
}

impl Dialect for MySqlDialect {
    fn quote(&self, text: &str) -> String {
        name(text)
    }

    fn column_type(&self, column: &Column) -> Cow<'static, str> {
        use FieldType as Kind;
        if let Some(native) = &column.native {
            return Cow::Owned(native.clone());
        }
        let Some(kind) = column.kind else { return Cow::Borrowed("LONGTEXT") };
        Cow::Borrowed(match kind {
            Kind::Bool => "TINYINT(1)",
            Kind::Int16 => "SMALLINT",
            Kind::Int32 => "INT",
            Kind::Int64 => "BIGINT",
            Kind::Uint64 => "BIGINT UNSIGNED",
            Kind::Float32 => "FLOAT",
            Kind::Float64 => "DOUBLE",
            Kind::Decimal(p @ 1..=65, s @ 0..=30) if s <= p => {
                return Cow::Owned(format!("DECIMAL({p},{s})"));
            }
            // One without bounds has more digits than any type here: they stay as they are.
            Kind::Decimal(..) | Kind::String | Kind::Enum => "LONGTEXT",
            Kind::Bytes => "LONGBLOB",
            Kind::Date => "DATE",
            Kind::Time => "TIME(6)",
            Kind::Timestamp | Kind::Timestamptz => "DATETIME(6)",
            Kind::Uuid if self.has_uuid() => "UUID",
            Kind::Uuid => "CHAR(36) CHARACTER SET ascii COLLATE ascii_bin",
            Kind::Json | Kind::Array => "JSON",
        })
    }

    fn placeholder(&self, _: usize) -> String {
        "?".into()
    }

    fn now(&self) -> &'static str {
        "CURRENT_TIMESTAMP(6)"
    }

    fn for_update(&self) -> &'static str {
        " FOR UPDATE"
    }

    fn fold_case<'n>(&self, name: &'n str) -> Cow<'n, str> {
        name.to_lowercase().into()
    }

    fn table_name(&self, text: &str) -> TableName {
        let TableName { schema, name } = TableName::parse(text, &self.database);
        if !self.folds_case {
            return TableName { schema, name };
        }
        TableName { schema: schema.map(|schema| schema.to_lowercase()), name: name.to_lowercase() }
    }

    fn create_schema(&self, table: &TableName) -> Option<String> {
        table.schema.as_deref().map(make_database)
    }

    fn table_options(&self) -> &'static str {
        match self.is_mariadb {
            true => {
                " ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin COMMENT = 'made by dstream'"
            }
            false => {
                " ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin COMMENT = 'made by dstream'"
            }
        }
    }

    /// Not `INSERT IGNORE`, which would hide every other error too.
    fn on_conflict(&self, key: &[&str], set: &[&str]) -> String {
        let set = if set.is_empty() { &key[..1] } else { set };
        let set = set.iter().map(|column| format!("{0} = VALUES({0})", name(column)));
        format!(" ON DUPLICATE KEY UPDATE {}", set.collect::<Vec<_>>().join(", "))
    }

    fn bookkeeping(&self) -> Bookkeeping {
        let table = |name: &str| TableName {
            schema: Some(self.bookkeeping_database.clone()),
            name: name.to_owned(),
        };
        let (checkpoints, rejected, tables) =
            (table("_dstream_checkpoints"), table("_dstream_rejected"), table("_dstream_tables"));
        let make = |name: &TableName, columns: &str| {
            let (name, options) = (self.quote_table(name), self.table_options());
            format!("CREATE TABLE IF NOT EXISTS {name} (\n  {columns}\n){options}")
        };
        let create =
            [make(&checkpoints, CHECKPOINTS), make(&rejected, REJECTED), make(&tables, TABLES)];
        let prepare = vec![make_database(&self.bookkeeping_database)];
        Bookkeeping { checkpoints, rejected, tables, prepare, create }
    }
}

fn make_database(database: &str) -> String {
    format!("CREATE DATABASE IF NOT EXISTS {}", name(database))
}

/// An index takes 3072 bytes, which are 768 characters.
const CHECKPOINTS: &str = "task_id VARCHAR(100) NOT NULL, output VARCHAR(100) NOT NULL, input VARCHAR(100) NOT NULL,
  part VARCHAR(468) NOT NULL, epoch BIGINT NOT NULL, state LONGTEXT, mark_epoch BIGINT, mark_id BIGINT,
  task LONGTEXT NOT NULL, updated_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  PRIMARY KEY (task_id, output, input, part)";

const REJECTED: &str =
    "task_id VARCHAR(100) NOT NULL, output VARCHAR(100) NOT NULL, epoch BIGINT NOT NULL,
  checkpoint BIGINT NOT NULL, n BIGINT NOT NULL, rejected LONGTEXT NOT NULL,
  created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  PRIMARY KEY (task_id, output, epoch, checkpoint, n)";

const TABLES: &str = "name VARCHAR(300) NOT NULL PRIMARY KEY, task_id VARCHAR(100) NOT NULL, output VARCHAR(100) NOT NULL,
  created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)";

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn dialect(is_mariadb: bool, version: u32) -> MySqlDialect {
        MySqlDialect {
            database: "shop".into(),
            bookkeeping_database: "_dstream".into(),
            folds_case: false,
            is_mariadb,
            version,
        }
    }

    #[test]
    fn names_are_one_where_the_server_takes_them_for_one() {
        let folding = MySqlDialect { folds_case: true, ..dialect(true, 1011) };
        assert_eq!(folding.table_name("Sales.Orders"), folding.table_name("sales.orders"));
        let apart = dialect(true, 1011);
        assert_ne!(apart.table_name("Orders"), apart.table_name("orders"));
        assert_eq!(apart.quote_table(&apart.table_name("a`b")), "`shop`.`a``b`");
    }

    #[test]
    fn every_table_says_who_made_it_and_compares_bytes() {
        for is_mariadb in [true, false] {
            let dialect = dialect(is_mariadb, 1011);
            assert!(dialect.table_options().contains(COMMENT));
            assert!(dialect.table_options().contains(dialect.collation()));
        }
    }
}
