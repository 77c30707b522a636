//! What is read: each table, or the SELECT, with its columns, key and order.

use dstream_postgres::{Client, Target, Wire, quote};
use dstream_sdk::{Error, FieldType, Result};

use super::describe::{described, refused, require_permission, select_sql};
use super::unique::require_unique;
use crate::catalog::{self, TableInfo};
use crate::config::Config;
use crate::fingerprint;
use crate::setup::tables;
use crate::snapshot::{Reading, Select};
use crate::table::{RawColumn, Table};

/// Something that rows are read from.
pub(super) struct Source {
    pub(super) info: TableInfo,
    /// Its `key` is the order that rows are read in.
    pub(super) table: Table,
    pub(super) select: Select,
}

impl Source {
    /// Whether it has keys and indexes that the catalog knows.
    pub(super) fn is_table(&self) -> bool {
        self.info.oid != 0 && matches!(self.info.kind, 'r' | 'p')
    }
}

impl Reading {
    /// The type of the cursor.
    pub(super) fn cursor_type(&self) -> Option<FieldType> {
        field_type(&self.table, self.table.order().first()?)
    }
}

/// Everything that the config means.
pub(super) async fn find(wire: &mut Wire, target: &Target, config: &Config) -> Result<Vec<Source>> {
    let client = Client::connect(target).await?;
    let own_sql = config.select.query.is_some();
    let path = if own_sql { "" } else { "; SET search_path = pg_catalog" };
    let set = format!("SET default_transaction_read_only = on{path}");
    client.batch_execute(&set).await.map_err(dstream_postgres::Error::from)?;
    if let (Some(query), Some(stream)) = (&config.select.query, &config.select.stream) {
        return Ok(vec![of_query(wire, &client, config, query, stream).await?]);
    }
    let all = catalog::readable(wire).await?;
    let chosen = tables::choose(wire, config, all).await?;
    tables::require_settings_used(config, &chosen)?;
    let mut sources = Vec::with_capacity(chosen.len());
    for info in chosen {
        sources.push(of_table(wire, &client, config, info).await?);
    }
    Ok(sources)
}

async fn of_table(
    wire: &mut Wire,
    client: &Client,
    config: &Config,
    info: TableInfo,
) -> Result<Source> {
    let Wanted { columns: names, filters } = Wanted::of(config, &info)?;
    // The rows of its partitions belong to a partitioned table; those of inheriting ones do not.
    let only = if info.kind == 'r' { "ONLY " } else { "" };
    let from = format!("{only}{}", info.sql());
    let list = match names.as_slice() {
        [] => "*".to_owned(),
        names => quote::names(names.iter().map(String::as_str)),
    };
    let sql = format!("SELECT {list} FROM {from}");
    let mut columns =
        described(client, &sql).await.map_err(|e| refused(e, "columns", &info.sql()))?;
    for column in &mut columns {
        column.not_null = info.columns.iter().any(|c| c.name == column.name && c.not_null);
    }
    let mut conditions = Vec::new();
    for (path, filter) in filters {
        let condition = format!("(\n{filter}\n)");
        let sql = format!("SELECT FROM {from} WHERE {condition}");
        described(client, &sql).await.map_err(|e| refused(e, &path, &info.sql()))?;
        conditions.push(condition);
    }
    require_permission(client, &select_sql(&list, &from, &conditions))
        .await
        .map_err(|e| refused(e, "tables", &info.sql()))?;
    let key = match config.select.key.is_empty() {
        true => info.key.clone(),
        false => config.select.key.clone(),
    };
    let table = Table::resolve(wire, &info.schema, &info.name, &columns, &key).await?;
    let of = fingerprint::of(&select_sql(&list, &from, &conditions));
    let select = Select { from, conditions, of, incremental: false };
    let source = Source { info, table, select };
    if !config.select.key.is_empty() && source.is_table() {
        require_unique(wire, &source, &key).await?;
    }
    ordered(config, source, &key)
}

/// What the config says of one table.
struct Wanted {
    /// None: all.
    columns: Vec<String>,
    /// Conditions, with their places in the config.
    filters: Vec<(String, String)>,
}

impl Wanted {
    fn of(config: &Config, info: &TableInfo) -> Result<Self> {
        let mut columns = config.select.columns.clone();
        let general = config.select.filter.iter().map(|text| ("where".to_owned(), text.clone()));
        let mut filters: Vec<(String, String)> = general.collect();
        for (pattern, own) in config.table_settings()? {
            if pattern.matches("public", &info.schema, &info.name) {
                let path = format!("table.{pattern}");
                filters.extend(own.filter.iter().map(|text| (path.clone(), text.clone())));
                if !own.columns.is_empty() {
                    columns.clone_from(&own.columns);
                }
            }
        }
        Ok(Self { columns, filters })
    }
}

/// The SELECT as a table: it has to be one statement that gives rows and can stand in FROM.
async fn of_query(
    wire: &mut Wire,
    client: &Client,
    config: &Config,
    query: &str,
    stream: &str,
) -> Result<Source> {
    let query = query.trim_end_matches(|c: char| c.is_whitespace() || c == ';');
    // Alone first: as one statement it is complete, and cannot leave the parentheses around it.
    described(client, query).await.map_err(|e| refused(e, "query", stream))?;
    require_permission(client, query).await.map_err(|e| refused(e, "query", stream))?;
    let from = format!("(\n{query}\n) AS {}", quote::name("query"));
    let columns = described(client, &format!("SELECT * FROM {from}"))
        .await
        .map_err(|e| refused(e, "query", stream))?;
    require_names_once(&columns)?;
    let key = config.select.key.clone();
    let table = Table::resolve_as(wire, stream.to_owned(), &columns, &key).await?;
    let of = fingerprint::of(query);
    let select = Select { from, conditions: Vec::new(), of, incremental: false };
    ordered(config, Source { info: TableInfo::default(), table, select }, &key)
}

fn require_names_once(columns: &[RawColumn]) -> Result<()> {
    let is_again = |(at, column): &(usize, &RawColumn)| {
        columns[..*at].iter().any(|before| before.name == column.name)
    };
    match columns.iter().enumerate().find(is_again) {
        None => Ok(()),
        Some((_, column)) => Err(Error::config(
            "query",
            format!("`query` has two columns that are called `{}`: name one with AS", column.name),
        )),
    }
}

/// Sets the order that rows are read in: the key's, or that of cursor and key.
fn ordered(config: &Config, mut source: Source, key: &[String]) -> Result<Source> {
    let has = |name: &String| source.table.columns.iter().any(|column| column.name == *name);
    let stream = source.table.stream();
    if let Some(missing) = config.select.key.iter().find(|name| !has(name)) {
        return Err(unknown_column("key", missing, &source.table));
    }
    let Some(cursor) = &config.select.cursor else { return Ok(source) };
    if !has(cursor) {
        return Err(unknown_column("cursor", cursor, &source.table));
    }
    if source.table.key.is_empty() {
        let text = format!(
            "a cursor needs a key that tells rows of equal cursor values apart, and {stream} has none among the columns \
             that are read: name its columns in `key`"
        );
        return Err(Error::config("key", text));
    }
    let time = [FieldType::Date, FieldType::Timestamp, FieldType::Timestamptz];
    if config.select.cursor_lag.is_some()
        && !field_type(&source.table, cursor).is_some_and(|kind| time.contains(&kind))
    {
        let text = format!(
            "`cursor_lag` needs a cursor that is a date or a timestamp; `{cursor}` of {stream} is not"
        );
        return Err(Error::config("cursor_lag", text));
    }
    let nullable = source.table.schema.fields.iter().any(|f| f.name == *cursor && f.nullable);
    if nullable {
        source.select.conditions.push(format!("{} IS NOT NULL", quote::name(cursor)));
        tracing::info!(stream, cursor, "rows whose cursor is null are not read");
    }
    let rest = key.iter().filter(|name| *name != cursor);
    let order: Vec<String> = std::iter::once(cursor).chain(rest).cloned().collect();
    source.table.order_by(&order);
    source.select.incremental = true;
    Ok(source)
}

fn field_type(table: &Table, name: &str) -> Option<FieldType> {
    table.schema.fields.iter().find(|field| field.name == name).map(|field| field.kind)
}

fn unknown_column(setting: &str, name: &str, table: &Table) -> Error {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let text = format!(
        "`{name}` is no column of {} that is read; there are: {}",
        table.stream(),
        names.join(", ")
    );
    Error::config(setting, text)
}
