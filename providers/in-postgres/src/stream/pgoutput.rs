//! The messages of the plugin `pgoutput`, read where they lie. By "Logical Replication Message
//! Formats" of PostgreSQL's manual; those of protocol version 1.

use super::bytes::Bytes;
use crate::lsn::Lsn;

/// One message.
#[derive(Debug)]
pub(crate) enum Logical<'a> {
    /// A transaction begins; it was committed at `commit`.
    Begin {
        commit: Lsn,
        time: i64,
        xid: u32,
    },
    /// It ends; the next record of the log begins at `end`.
    Commit {
        end: Lsn,
    },
    /// What the rows of a table look like from here on.
    Relation(Relation<'a>),
    Insert {
        relation: u32,
        new: Tuple<'a>,
    },
    Update {
        relation: u32,
        old: Option<Old<'a>>,
        new: Tuple<'a>,
    },
    Delete {
        relation: u32,
        old: Old<'a>,
    },
    Truncate {
        relations: Vec<u32>,
    },
    /// What `pg_logical_emit_message` wrote.
    Message {
        transactional: bool,
        lsn: Lsn,
        prefix: &'a [u8],
        content: &'a [u8],
    },
    /// Types and origins, which say nothing that is needed.
    Other,
}

/// A table's columns.
#[derive(Debug)]
pub(crate) struct Relation<'a> {
    pub(crate) oid: u32,
    pub(crate) schema: &'a str,
    pub(crate) name: &'a str,
    pub(crate) columns: Vec<RelationColumn<'a>>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct RelationColumn<'a> {
    /// Part of the replica identity.
    pub(crate) key: bool,
    pub(crate) name: &'a str,
    pub(crate) oid: u32,
    pub(crate) typmod: i32,
}

/// The row before a change, as far as the replica identity has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Old<'a> {
    /// All columns, not the key's alone.
    pub(crate) full: bool,
    pub(crate) tuple: Tuple<'a>,
}

/// The cells of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tuple<'a> {
    cells: &'a [u8],
}

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell<'a> {
    Null,
    /// A large value that did not change and was not written to the log.
    Unchanged,
    Text(&'a [u8]),
}

impl<'a> Logical<'a> {
    /// `None`: it is cut short, or not in text form.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut bytes = Bytes(bytes);
        Some(match bytes.u8()? {
            b'I' => {
                let relation = bytes.u32()?;
                (bytes.u8()? == b'N').then_some(())?;
                Self::Insert { relation, new: bytes.tuple()? }
            }
            b'U' => {
                let relation = bytes.u32()?;
                let (old, marker) = match bytes.u8()? {
                    marker @ (b'K' | b'O') => (Some(bytes.old(marker)?), bytes.u8()?),
                    marker => (None, marker),
                };
                (marker == b'N').then_some(())?;
                Self::Update { relation, old, new: bytes.tuple()? }
            }
            b'D' => {
                let relation = bytes.u32()?;
                let marker = bytes.u8()?;
                Self::Delete { relation, old: bytes.old(marker)? }
            }
            b'B' => Self::Begin { commit: bytes.lsn()?, time: bytes.i64()?, xid: bytes.u32()? },
            b'C' => {
                let (_flags, _commit) = (bytes.u8()?, bytes.lsn()?);
                Self::Commit { end: bytes.lsn()? }
            }
            b'R' => Self::Relation(bytes.relation()?),
            b'T' => {
                let (count, _options) = (bytes.u32()?, bytes.u8()?);
                let relations: Option<Vec<u32>> = (0..count).map(|_| bytes.u32()).collect();
                Self::Truncate { relations: relations? }
            }
            b'M' => {
                let transactional = bytes.u8()? & 1 == 1;
                let (lsn, prefix) = (bytes.lsn()?, bytes.text()?);
                let length = usize::try_from(bytes.u32()?).ok()?;
                Self::Message { transactional, lsn, prefix, content: bytes.take(length)? }
            }
            _ => Self::Other,
        })
    }
}

impl<'a> Tuple<'a> {
    /// The cells, in order.
    #[inline]
    pub(crate) fn cells(self) -> impl Iterator<Item = Cell<'a>> {
        let mut rest = Bytes(self.cells);
        std::iter::from_fn(move || rest.cell())
    }

    /// The text of one cell, where it has one.
    pub(crate) fn text(self, at: usize) -> Option<&'a [u8]> {
        match self.cells().nth(at)? {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'a> Bytes<'a> {
    fn old(&mut self, marker: u8) -> Option<Old<'a>> {
        let full = match marker {
            b'O' => true,
            b'K' => false,
            _ => return None,
        };
        Some(Old { full, tuple: self.tuple()? })
    }

    /// The cells are walked over, so that what follows them is found and nothing in them surprises.
    #[inline]
    fn tuple(&mut self) -> Option<Tuple<'a>> {
        let count = u16::from_be_bytes(self.chunk()?);
        let all = self.0;
        for _ in 0..count {
            self.cell()?;
        }
        Some(Tuple { cells: &all[..all.len() - self.0.len()] })
    }

    #[inline]
    fn cell(&mut self) -> Option<Cell<'a>> {
        match self.u8()? {
            b't' => {
                let length = usize::try_from(self.u32()?).ok()?;
                self.take(length).map(Cell::Text)
            }
            b'n' => Some(Cell::Null),
            b'u' => Some(Cell::Unchanged),
            _ => None,
        }
    }

    pub(super) fn relation(&mut self) -> Option<Relation<'a>> {
        let (oid, schema, name) = (self.u32()?, self.str()?, self.str()?);
        let _identity = self.u8()?;
        let count = u16::from_be_bytes(self.chunk()?);
        let column = |_| {
            let key = self.u8()? & 1 == 1;
            let name = self.str()?;
            let typmod = |bytes: [u8; 4]| i32::from_be_bytes(bytes);
            Some(RelationColumn { key, name, oid: self.u32()?, typmod: typmod(self.chunk()?) })
        };
        let columns: Option<Vec<_>> = (0..count).map(column).collect();
        // An empty name stands for `pg_catalog`.
        let schema = if schema.is_empty() { "pg_catalog" } else { schema };
        Some(Relation { oid, schema, name, columns: columns? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPDATE: &[u8] = b"U\0\0\0\x07K\0\x02t\0\0\0\x011nN\0\x03t\0\0\0\x012ut\0\0\0\x02hi";

    #[test]
    fn an_update_has_its_old_key_and_its_new_row() {
        let Some(Logical::Update { relation: 7, old: Some(old), new }) = Logical::read(UPDATE)
        else {
            panic!("it is an update");
        };
        assert!(!old.full);
        assert_eq!(old.tuple.cells().collect::<Vec<_>>(), [Cell::Text(b"1"), Cell::Null]);
        let new: Vec<_> = new.cells().collect();
        assert_eq!(new, [Cell::Text(b"2"), Cell::Unchanged, Cell::Text(b"hi")]);
    }

    #[test]
    fn a_message_that_is_cut_short_anywhere_is_noticed() {
        for end in 0..UPDATE.len() {
            assert!(Logical::read(&UPDATE[..end]).is_none(), "{end}");
        }
    }

    #[test]
    fn a_relation_names_its_columns() {
        let message = b"R\0\0\0\x07public\0t\0d\0\x02\x01id\0\0\0\0\x17\xff\xff\xff\xff\0n\0\0\0\x06\xa4\0\x0a\0\x06";
        let Some(Logical::Relation(relation)) = Logical::read(message) else {
            panic!("a relation")
        };
        assert_eq!((relation.oid, relation.schema, relation.name), (7, "public", "t"));
        assert!(relation.columns[0].key && !relation.columns[1].key);
        assert_eq!((relation.columns[1].oid, relation.columns[1].typmod), (1700, 0x000a_0006));
    }
}
