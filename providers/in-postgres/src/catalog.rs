//! What the catalog says of tables: columns, keys, what identifies a row.

use std::collections::BTreeMap;

use dstream_cdc::stream_name;
use dstream_postgres::{Row, Wire, quote};
use dstream_sdk::Result;

use crate::table::RawColumn;

/// One table of the database.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableInfo {
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) partitioned: bool,
    /// `pg_class.relkind`.
    pub(crate) kind: char,
    /// `d`efault, `n`othing, `f`ull or `i`ndex.
    pub(crate) identity: char,
    /// An estimate.
    pub(crate) rows: u64,
    pub(crate) columns: Vec<RawColumn>,
    /// The columns of the replica identity's index, else of the primary key.
    pub(crate) key: Vec<String>,
    /// The condition that the publication has for its rows.
    pub(crate) filter: Option<String>,
}

impl TableInfo {
    pub(crate) fn stream(&self) -> String {
        stream_name(&self.schema, &self.name)
    }

    /// Its name in SQL.
    pub(crate) fn sql(&self) -> String {
        quote::qualified(&self.schema, &self.name)
    }

    /// Whether updates and deletes say which row they mean. Where not, a publication makes the
    /// application's own updates and deletes fail.
    pub(crate) fn identifies(&self) -> bool {
        match self.identity {
            'f' => true,
            'n' => false,
            _ => !self.key.is_empty(),
        }
    }
}

/// Every table that could be published, without its columns.
pub(crate) async fn tables(wire: &mut Wire) -> Result<Vec<TableInfo>> {
    list(wire, "c.relkind IN ('r', 'p') AND c.relpersistence = 'p'").await
}

/// Everything that rows can be selected from, without its columns.
pub(crate) async fn readable(wire: &mut Wire) -> Result<Vec<TableInfo>> {
    list(wire, "c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'").await
}

async fn list(wire: &mut Wire, which: &str) -> Result<Vec<TableInfo>> {
    // A table that was never analysed has no number of rows, but a size; a row takes 40 bytes or more.
    let rows = wire
        .query(&format!(
            "SELECT c.oid, n.nspname, c.relname, c.relkind = 'p', c.relreplident, \
               CASE WHEN c.reltuples >= 0 THEN c.reltuples::int8 WHEN c.relkind = 'r' \
                 THEN pg_relation_size(c.oid) / 40 ELSE 0 END, c.relkind \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE {which} AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 2, 3"
        ))
        .await?;
    let kind = |row| TableInfo { kind: text(row, 6).chars().next().unwrap_or('r'), ..info(row) };
    Ok(rows.iter().map(kind).collect())
}

/// The partitions among all tables, whose changes a publication of their root has.
pub(crate) async fn partitions(wire: &mut Wire) -> Result<Vec<u32>> {
    let rows = wire
        .query("SELECT oid FROM pg_class WHERE relispartition AND relkind IN ('r', 'p')")
        .await?;
    Ok(rows.iter().map(|row| number(row, 0)).collect())
}

/// The tables of a publication, with the columns and rows that it publishes.
pub(crate) async fn published(
    wire: &mut Wire,
    publication: &str,
    version: u32,
) -> Result<Vec<TableInfo>> {
    let lists = if version >= 150_000 { "p.attnames::text[], p.rowfilter" } else { "NULL, NULL" };
    let rows = wire
        .query(&format!(
            "SELECT c.oid, p.schemaname, p.tablename, c.relkind = 'p', c.relreplident, \
               greatest(c.reltuples, 0)::int8, array_to_json(l.names), l.filter \
             FROM pg_publication_tables p CROSS JOIN LATERAL (SELECT {lists}) AS l(names, filter) \
             JOIN pg_namespace n ON n.nspname = p.schemaname \
             JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename \
             WHERE p.pubname = {} ORDER BY 2, 3",
            quote::literal(publication)
        ))
        .await?;
    let mut tables = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut table = info(row);
        let names: Option<Vec<String>> =
            row.get(6).and_then(Option::as_deref).and_then(|json| serde_json::from_str(json).ok());
        table.filter = row.get(7).cloned().flatten();
        if let Some(names) = names {
            let column = |name| RawColumn { name, oid: 0, typmod: -1, not_null: false };
            table.columns = names.into_iter().map(column).collect();
        }
        tables.push(table);
    }
    describe(wire, &mut tables).await?;
    Ok(tables)
}

/// Adds columns and keys. Where a table has columns already, only those are kept.
pub(crate) async fn describe(wire: &mut Wire, tables: &mut [TableInfo]) -> Result<()> {
    if tables.is_empty() {
        return Ok(());
    }
    let oids = tables.iter().map(|t| t.oid.to_string()).collect::<Vec<_>>().join(", ");
    // Generated columns are not in the log, so they are left out everywhere.
    let columns = wire
        .query(&format!(
            "SELECT attrelid, attname, atttypid, atttypmod, attnotnull FROM pg_attribute \
             WHERE attrelid IN ({oids}) AND attnum > 0 AND NOT attisdropped AND attgenerated = '' \
             ORDER BY attrelid, attnum"
        ))
        .await?;
    let keys = wire.query(&key_question(&oids)).await?;
    let mut by_table: BTreeMap<u32, (Vec<RawColumn>, Vec<String>)> = BTreeMap::new();
    for row in &columns {
        let column = RawColumn {
            name: text(row, 1),
            oid: number(row, 2),
            typmod: text(row, 3).parse().unwrap_or(-1),
            not_null: text(row, 4) == "t",
        };
        by_table.entry(number(row, 0)).or_default().0.push(column);
    }
    for row in &keys {
        by_table.entry(number(row, 0)).or_default().1.push(text(row, 1));
    }
    for table in tables {
        let Some((mut columns, key)) = by_table.remove(&table.oid) else { continue };
        if !table.columns.is_empty() {
            columns.retain(|c| table.columns.iter().any(|wanted| wanted.name == c.name));
        }
        (table.columns, table.key) = (columns, key);
    }
    Ok(())
}

/// The key's columns of each table, in the order of its index.
fn key_question(oids: &str) -> String {
    format!(
        "SELECT i.indrelid, a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid \
         CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place) \
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
         WHERE i.indrelid IN ({oids}) AND k.place <= i.indnkeyatts AND i.indisvalid \
           AND CASE WHEN c.relreplident = 'i' THEN i.indisreplident ELSE i.indisprimary END \
         ORDER BY i.indrelid, k.place"
    )
}

fn info(row: &Row) -> TableInfo {
    TableInfo {
        oid: number(row, 0),
        schema: text(row, 1),
        name: text(row, 2),
        partitioned: text(row, 3) == "t",
        identity: text(row, 4).chars().next().unwrap_or('d'),
        kind: 'r',
        rows: text(row, 5).parse().unwrap_or(0),
        ..TableInfo::default()
    }
}

pub(crate) fn text(row: &Row, at: usize) -> String {
    row.get(at).cloned().flatten().unwrap_or_default()
}

fn number(row: &Row, at: usize) -> u32 {
    text(row, at).parse().unwrap_or(0)
}
