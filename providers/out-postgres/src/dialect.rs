//! PostgreSQL's way of writing SQL.

use std::borrow::Cow;

use dstream_postgres::quote;
use dstream_sdk::FieldType;
use dstream_sql::{BookTypes, Dialect, Limits, NameLimit, TableName};

use crate::catalog::COLUMNS;
use crate::config::Settings;

/// PostgreSQL, with the schemas that are meant where none is said.
#[derive(Debug, Clone)]
pub(crate) struct PostgresDialect {
    schema: String,
    pub(crate) bookkeeping_schema: String,
}

/// The largest precision of `numeric(p, s)`.
const MAX_PRECISION: u16 = 1000;

impl PostgresDialect {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            schema: settings.schema.clone(),
            bookkeeping_schema: settings.bookkeeping_schema.clone(),
        }
    }
}

impl Dialect for PostgresDialect {
    fn quote(&self, name: &str) -> String {
        quote::name(name)
    }

    fn type_of(&self, kind: Option<FieldType>) -> Cow<'static, str> {
        use FieldType as Kind;
        let Some(kind) = kind else { return Cow::Borrowed("text") };
        Cow::Borrowed(match kind {
            Kind::Bool => "boolean",
            Kind::Int16 => "smallint",
            Kind::Int32 => "integer",
            Kind::Int64 => "bigint",
            Kind::Uint64 => "numeric(20,0)",
            Kind::Float32 => "real",
            Kind::Float64 => "double precision",
            Kind::Decimal(p @ 1..=MAX_PRECISION, s) if s <= p => {
                return Cow::Owned(format!("numeric({p},{s})"));
            }
            Kind::Decimal(..) => "numeric",
            Kind::String | Kind::Enum => "text",
            Kind::Bytes => "bytea",
            Kind::Date => "date",
            Kind::Time => "time",
            Kind::Timestamp => "timestamp",
            Kind::Timestamptz => "timestamptz",
            Kind::Uuid => "uuid",
            Kind::Json | Kind::Array => "jsonb",
        })
    }

    fn placeholder(&self, index: usize) -> String {
        format!("${index}")
    }

    fn now(&self) -> &'static str {
        "now()"
    }

    fn fold_case<'n>(&self, name: &'n str) -> Cow<'n, str> {
        Cow::Borrowed(name)
    }

    fn table_name(&self, text: &str) -> TableName {
        TableName::parse(text, &self.schema)
    }

    fn create_schema(&self, table: &TableName) -> Option<String> {
        table.schema.as_deref().map(make_schema)
    }

    fn limits(&self) -> Limits {
        Limits { name: Some(NameLimit::Bytes(63)), ..Limits::NONE }
    }

    fn columns_query(&self) -> String {
        COLUMNS.into()
    }

    fn schema_query(&self) -> &'static str {
        "SELECT 1 FROM pg_namespace WHERE nspname = {1}"
    }

    fn add_unique(&self, table: &str, columns: &str) -> String {
        format!("CREATE UNIQUE INDEX ON {table} ({columns})")
    }

    fn bookkeeping_schema(&self) -> Option<&str> {
        Some(&self.bookkeeping_schema)
    }

    fn book_types(&self) -> BookTypes {
        BookTypes::of("text", "bigint", "timestamptz")
    }

    /// Two runs that start at once would both make the schema, and one of them fail.
    fn prepare_bookkeeping(&self, _: &TableName) -> Vec<String> {
        let lock = format!("SELECT pg_advisory_xact_lock({ADVISORY_LOCK})");
        vec![lock, make_schema(&self.bookkeeping_schema)]
    }
}

/// `CREATE SCHEMA IF NOT EXISTS` asks for the right to make it also where it is there.
fn make_schema(name: &str) -> String {
    let name = quote::name(name);
    let text = quote::literal(&name);
    format!(
        "DO $do$ BEGIN IF to_regnamespace({text}) IS NULL THEN CREATE SCHEMA {name}; END IF; END $do$"
    )
}

/// `dstream` in ASCII.
const ADVISORY_LOCK: i64 = 0x64_7374_7265_616d;
