//! A table as the lines to the host need it: columns ready to be written, and its schema.

use dstream_cdc::{Key, KeyPart, stream_name};
use dstream_postgres::Wire;
use dstream_sdk::{Field, Result, StreamSchema};

use crate::render::{self, Kind};
use crate::types::{self, ColumnType, Order};

/// A table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) schema: StreamSchema,
    pub(crate) columns: Vec<Column>,
    /// The key's columns, in order; empty where nothing identifies a row.
    pub(crate) key: Vec<usize>,
    /// `,"metadata":{"stream":"public.orders","op":"`
    pub(crate) metadata: Vec<u8>,
}

/// A column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// `"name":`
    pub(crate) member: Vec<u8>,
    pub(crate) kind: Kind,
    pub(crate) order: Order,
}

/// What the catalog, or the stream, says of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawColumn {
    pub(crate) name: String,
    pub(crate) oid: u32,
    pub(crate) typmod: i32,
    pub(crate) not_null: bool,
}

impl Table {
    /// Asks the catalog what it does not know of the types.
    pub(crate) async fn resolve(
        wire: &mut Wire,
        schema: &str,
        name: &str,
        columns: &[RawColumn],
        key: &[String],
    ) -> Result<Self> {
        Self::resolve_as(wire, stream_name(schema, name), columns, key).await
    }

    /// The same for a stream that is called otherwise than its table, or has none.
    pub(crate) async fn resolve_as(
        wire: &mut Wire,
        stream: String,
        columns: &[RawColumn],
        key: &[String],
    ) -> Result<Self> {
        let asked: Vec<(u32, i32)> = columns.iter().map(|c| (c.oid, c.typmod)).collect();
        let types = types::resolve(wire, &asked).await?;
        Ok(Self::new(stream, columns, types, key))
    }

    /// Rows are read in the order of these columns, and told apart by them.
    pub(crate) fn order_by(&mut self, names: &[String]) {
        let place = |name: &String| self.columns.iter().position(|c| c.name == *name);
        self.key = names.iter().filter_map(place).collect();
    }

    /// The columns that rows are read in the order of.
    pub(crate) fn order(&self) -> Vec<String> {
        let name = |&at: &usize| self.columns.get(at).map(|column| column.name.clone());
        self.key.iter().filter_map(name).collect()
    }

    fn new(stream: String, raw: &[RawColumn], types: Vec<ColumnType>, key: &[String]) -> Self {
        let place = |name: &String| raw.iter().position(|c| c.name == *name);
        // A key of which a column is not published identifies nothing.
        let places: Option<Vec<usize>> = key.iter().map(place).collect();
        let key = places.unwrap_or_default();
        let field = |(column, kind): (&RawColumn, &ColumnType)| Field {
            name: column.name.clone(),
            kind: kind.field,
            nullable: !column.not_null,
            source_type: kind.source.clone(),
        };
        let fields = raw.iter().zip(&types).map(field).collect();
        let column = |(column, kind): (&RawColumn, ColumnType)| Column {
            name: column.name.clone(),
            member: render::name(&column.name),
            kind: kind.kind,
            order: kind.order,
        };
        let mut metadata = br#","metadata":{"stream":"#.to_vec();
        render::string(&mut metadata, stream.as_bytes());
        metadata.extend_from_slice(br#","op":""#);
        Self {
            schema: StreamSchema {
                stream,
                key: key.iter().filter_map(|&i| raw.get(i)).map(|c| c.name.clone()).collect(),
                fields,
                system: Some("postgresql".into()),
                ..StreamSchema::default()
            },
            columns: raw.iter().zip(types).map(column).collect(),
            key,
            metadata,
        }
    }

    /// The stream's name.
    pub(crate) fn stream(&self) -> &str {
        &self.schema.stream
    }

    /// The key of a row; `None`: one of its columns is missing.
    pub(crate) fn key_of<'v>(&self, cell: impl Fn(usize) -> Option<&'v [u8]>) -> Option<Key> {
        let part = |&i: &usize| {
            let text = std::str::from_utf8(cell(i)?).ok()?;
            Some(match self.columns.get(i)?.order {
                Order::Int => KeyPart::Int(text.parse().ok()?),
                _ => KeyPart::Text(text.to_owned()),
            })
        };
        let parts: Option<Vec<KeyPart>> = self.key.iter().map(part).collect();
        parts.filter(|p| !p.is_empty()).map(Key)
    }
}
