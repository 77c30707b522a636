//! The tables that the stream has named so far, by their identity.

use std::collections::HashMap;

use dstream_postgres::Wire;
use dstream_sdk::Result;

use crate::catalog::{self, TableInfo};
use crate::stream::pgoutput::Relation;
use crate::table::{RawColumn, Table};

/// Tables by identity.
#[derive(Debug, Default)]
pub(crate) struct Relations {
    known: HashMap<u32, Known>,
    /// How many descriptions have come.
    pub(crate) arrived: u64,
    /// Newer ones, while a transaction is taken in whose own came earlier.
    newer: Vec<(u32, Known)>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) table: Table,
    /// Its schema was announced since it was last described.
    pub(crate) announced: bool,
    /// It was not read to its end before the stream began, or the stream has not passed that.
    pub(crate) handing_over: bool,
    /// Which description this is, in the order of their coming.
    arrived: u64,
}

impl Relations {
    #[inline]
    pub(crate) fn get_mut(&mut self, oid: u32) -> Option<&mut Known> {
        self.known.get_mut(&oid)
    }

    pub(crate) fn all(&mut self) -> impl Iterator<Item = &mut Known> {
        self.known.values_mut()
    }

    /// Takes in a description. The catalog is newer than the place in the log, so names and types
    /// come from the stream; of the catalog only what the stream does not say: what the types are,
    /// which columns cannot be null, the order of the key's columns.
    pub(crate) async fn describe(
        &mut self,
        wire: &mut Wire,
        relation: &Relation<'_>,
        arrived: u64,
        handing_over: bool,
    ) -> Result<()> {
        let mut info = [TableInfo { oid: relation.oid, ..TableInfo::default() }];
        catalog::describe(wire, &mut info).await?;
        let [info] = info;
        let column = |column: &crate::stream::pgoutput::RelationColumn<'_>| RawColumn {
            name: column.name.to_owned(),
            oid: column.oid,
            typmod: column.typmod,
            not_null: info.columns.iter().any(|c| c.name == column.name && c.not_null),
        };
        let columns: Vec<RawColumn> = relation.columns.iter().map(column).collect();
        let table = Table::resolve(
            wire,
            relation.schema,
            relation.name,
            &columns,
            &key(relation, &info.key),
        )
        .await?;
        let known = Known { table, announced: false, handing_over, arrived };
        self.put(relation.oid, known);
        Ok(())
    }

    /// One that came later, in another transaction, is kept for [`restore`](Self::restore).
    fn put(&mut self, oid: u32, known: Known) {
        let arrived = known.arrived;
        let before = self.known.insert(oid, known);
        self.newer.extend(before.filter(|b| b.arrived > arrived).map(|b| (oid, b)));
    }

    /// A transaction that was streamed is taken in: what came of others meanwhile holds again, since
    /// the server counts it as known.
    pub(crate) fn restore(&mut self) {
        for (oid, mut known) in self.newer.drain(..).rev() {
            known.announced = false;
            self.known.insert(oid, known);
        }
    }
}

/// The catalog's key where it is still the stream's, for its order; with the identity FULL, where
/// the stream marks every column, it is the primary key.
fn key(relation: &Relation<'_>, catalog: &[String]) -> Vec<String> {
    let marked: Vec<&str> = relation.columns.iter().filter(|c| c.key).map(|c| c.name).collect();
    let full = marked.len() == relation.columns.len();
    let known = catalog.iter().all(|name| marked.contains(&name.as_str()));
    if known && !catalog.is_empty() && (full || catalog.len() == marked.len()) {
        return catalog.to_vec();
    }
    // Every column marked and no primary key: nothing identifies a row.
    if full && catalog.is_empty() {
        return Vec::new();
    }
    marked.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use dstream_sdk::StreamSchema;

    use super::*;

    /// A table as its description number `arrived` has it.
    fn described(arrived: u64) -> Known {
        let schema = StreamSchema { stream: format!("as of {arrived}"), ..StreamSchema::default() };
        let (columns, key, metadata) = (Vec::new(), Vec::new(), Vec::new());
        let table = Table { schema, columns, key, metadata };
        Known { table, announced: true, handing_over: false, arrived }
    }

    #[test]
    fn behind_a_transaction_that_was_streamed_the_newest_description_holds_and_is_announced() {
        let mut relations = Relations::default();
        relations.put(7, described(5));
        // Of the transaction, which came before and is taken in only now.
        relations.put(7, described(2));
        relations.put(7, described(3));
        assert_eq!(relations.get_mut(7).unwrap().table.stream(), "as of 3");
        relations.restore();
        let known = relations.get_mut(7).unwrap();
        assert_eq!((known.table.stream(), known.announced), ("as of 5", false));
        relations.put(7, described(6));
        relations.restore();
        assert_eq!(relations.get_mut(7).unwrap().table.stream(), "as of 6", "nothing is older");
    }
}
