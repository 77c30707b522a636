//! Whether the columns of `key` tell rows apart.

use dstream_postgres::{Wire, quote};
use dstream_sdk::{Error, Result};

use super::sources::Source;
use crate::catalog::text;

/// Without uniqueness a read that goes on behind a key would leave rows out.
pub(super) async fn require_unique(wire: &mut Wire, source: &Source, key: &[String]) -> Result<()> {
    let rows = wire
        .query(&format!(
            "SELECT array_to_json(array_agg(a.attname))::text FROM pg_index i \
             CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place) \
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
             WHERE i.indrelid = {} AND i.indisunique AND i.indisvalid AND i.indpred IS NULL \
               AND i.indexprs IS NULL AND k.place <= i.indnkeyatts GROUP BY i.indexrelid",
            source.info.oid
        ))
        .await?;
    let covered = rows.iter().any(|row| {
        let index: Vec<String> = serde_json::from_str(&text(row, 0)).unwrap_or_default();
        !index.is_empty() && index.iter().all(|name| key.contains(name))
    });
    let nullable = key.iter().find(|name| {
        source.table.schema.fields.iter().any(|field| field.name == **name && field.nullable)
    });
    match (covered, nullable) {
        (true, None) => Ok(()),
        (false, _) => Err(Error::config(
            "key",
            format!(
                "no unique index of {} is on ({}): rows could not be told apart by it. Name the columns of a unique index, \
                 or leave `key` out for the primary key",
                source.table.stream(),
                key.join(", ")
            ),
        )),
        (true, Some(name)) => Err(Error::config(
            "key",
            format!(
                "the column {name} of {} may be null, so it tells no rows apart: name other columns, or run \
                 ALTER TABLE {} ALTER {} SET NOT NULL;",
                source.table.stream(),
                source.info.sql(),
                quote::name(name)
            ),
        )),
    }
}
