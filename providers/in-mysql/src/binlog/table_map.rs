//! The table map event: which columns the row events behind it have. With
//! `binlog_row_metadata=FULL` it names them.

use super::bytes::{Bytes, Damaged, Read, bit};
use super::codes::column as code;

/// One table, as it was when its rows were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TableMap {
    pub(crate) database: String,
    pub(crate) table: String,
    pub(crate) columns: Vec<WireColumn>,
    /// Ordinals of the primary key's columns; `None` where the log does not say.
    pub(crate) key: Option<Vec<usize>>,
}

/// One column, as the log has it. What the metadata does not say is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct WireColumn {
    pub(crate) code: u8,
    /// The two bytes behind the type, or the one: length, precision and scale, digits.
    pub(crate) meta: [u8; 2],
    pub(crate) nullable: bool,
    pub(crate) name: Option<String>,
    pub(crate) unsigned: Option<bool>,
    /// The number of its collation.
    pub(crate) collation: Option<u64>,
    /// The values of an ENUM or SET, in the column's charset.
    pub(crate) labels: Option<Vec<Vec<u8>>>,
}

impl WireColumn {
    pub(crate) fn meta16(&self) -> usize {
        usize::from(u16::from_le_bytes(self.meta))
    }

    fn is_numeric(&self) -> bool {
        use code::*;
        matches!(self.code, TINY | SHORT | INT24 | LONG | LONGLONG | NEWDECIMAL | FLOAT | DOUBLE)
            || self.code == YEAR
    }

    fn is_character(&self) -> bool {
        use code::*;
        matches!(
            self.code,
            STRING | VAR_STRING | VARCHAR | BLOB | BLOB_COMPRESSED | VARCHAR_COMPRESSED | VECTOR
        )
    }

    fn has_labels(&self) -> bool {
        matches!(self.code, code::ENUM | code::SET)
    }
}

/// The names alone, to see whether the table is of interest.
pub(crate) fn names(body: &[u8]) -> Read<(u64, &[u8], &[u8])> {
    let mut bytes = Bytes(body);
    let id = bytes.uint(6)?;
    bytes.take(2)?;
    let mut name = || {
        let length = bytes.byte()?;
        let name = bytes.take(usize::from(length))?;
        bytes.take(1)?;
        Ok(name)
    };
    let database = name()?;
    Ok((id, database, name()?))
}

/// The whole event.
pub(crate) fn read(body: &[u8]) -> Read<TableMap> {
    let (_, database, table) = names(body)?;
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let mut map = TableMap { database: text(database), table: text(table), ..TableMap::default() };
    let mut bytes = Bytes(&body[8 + database.len() + table.len() + 4..]);
    let count = bytes.packed_len()?;
    let types = bytes.take(count)?;
    let mut meta = Bytes(bytes.packed_bytes()?);
    for code in types {
        map.columns.push(column(*code, &mut meta)?);
    }
    let nullable = bytes.take(count.div_ceil(8))?;
    for (at, column) in map.columns.iter_mut().enumerate() {
        column.nullable = bit(nullable, at);
    }
    while !bytes.is_empty() {
        let field = bytes.byte()?;
        map.add(field, Bytes(bytes.packed_bytes()?))?;
    }
    Ok(map)
}

fn column(code: u8, meta: &mut Bytes<'_>) -> Read<WireColumn> {
    use code::*;
    let mut column = WireColumn { code, ..WireColumn::default() };
    match code {
        FLOAT
        | DOUBLE
        | TINY_BLOB..=BLOB
        | GEOMETRY
        | JSON
        | TIME2
        | DATETIME2
        | TIMESTAMP2
        | BLOB_COMPRESSED
        | VECTOR => {
            column.meta[0] = meta.byte()?;
        }
        VARCHAR | VARCHAR_COMPRESSED | BIT | NEWDECIMAL | VAR_STRING => {
            column.meta.copy_from_slice(meta.take(2)?);
        }
        STRING | ENUM | SET => fixed(&mut column, meta.take(2)?),
        _ => {}
    }
    Ok(column)
}

/// CHAR, BINARY, ENUM and SET share a code: the first byte is the true one, and where the length
/// does not fit the second, two bits of it stand, inverted, in the first.
fn fixed(column: &mut WireColumn, meta: &[u8]) {
    let (first, second) = (meta[0], meta[1]);
    if first & 0x30 == 0x30 {
        column.code = first;
        column.meta = [second, 0];
    } else {
        column.code = first | 0x30;
        column.meta = (u16::from(second) | u16::from((first & 0x30) ^ 0x30) << 4).to_le_bytes();
    }
}

impl TableMap {
    /// One field of the optional metadata (MySQL's `Table_map_log_event::Optional_metadata_fields`).
    fn add(&mut self, field: u8, mut bytes: Bytes<'_>) -> Read<()> {
        match field {
            1 => {
                let numeric = self.columns.iter_mut().filter(|c| c.is_numeric());
                // Here the first bit is the highest.
                for (at, column) in numeric.enumerate() {
                    let byte = bytes.0.get(at / 8).ok_or(Damaged("the signs end too early"))?;
                    column.unsigned = Some(byte >> (7 - at % 8) & 1 == 1);
                }
            }
            2 => default_charsets(&mut bytes, &mut self.columns, WireColumn::is_character)?,
            3 => charsets(&mut bytes, &mut self.columns, WireColumn::is_character)?,
            4 => {
                for column in &mut self.columns {
                    let name = String::from_utf8_lossy(bytes.packed_bytes()?).into_owned();
                    column.name = Some(name);
                }
            }
            5 => labels(&mut bytes, &mut self.columns, code::SET)?,
            6 => labels(&mut bytes, &mut self.columns, code::ENUM)?,
            8 => self.key = Some(ordinals(&mut bytes, false)?),
            9 => self.key = Some(ordinals(&mut bytes, true)?),
            10 => default_charsets(&mut bytes, &mut self.columns, WireColumn::has_labels)?,
            11 => charsets(&mut bytes, &mut self.columns, WireColumn::has_labels)?,
            // Geometry types, visibility, and what later versions add.
            _ => {}
        }
        // All names are there, and no key: there is none.
        if field == 4 && self.key.is_none() {
            self.key = Some(Vec::new());
        }
        Ok(())
    }
}

fn default_charsets(
    bytes: &mut Bytes<'_>,
    columns: &mut [WireColumn],
    which: fn(&WireColumn) -> bool,
) -> Read<()> {
    let default = bytes.packed()?;
    let mut columns: Vec<_> = columns.iter_mut().filter(|c| which(c)).collect();
    columns.iter_mut().for_each(|c| c.collation = Some(default));
    while !bytes.is_empty() {
        let (at, collation) = (bytes.packed_len()?, bytes.packed()?);
        let column = columns.get_mut(at).ok_or(Damaged("a charset has no column"))?;
        column.collation = Some(collation);
    }
    Ok(())
}

fn charsets(
    bytes: &mut Bytes<'_>,
    columns: &mut [WireColumn],
    which: fn(&WireColumn) -> bool,
) -> Read<()> {
    for column in columns.iter_mut().filter(|c| which(c)) {
        column.collation = Some(bytes.packed()?);
    }
    Ok(())
}

fn labels(bytes: &mut Bytes<'_>, columns: &mut [WireColumn], code: u8) -> Read<()> {
    for column in columns.iter_mut().filter(|c| c.code == code) {
        let count = bytes.packed_len()?;
        let labels = (0..count).map(|_| bytes.packed_bytes().map(<[u8]>::to_vec));
        column.labels = Some(labels.collect::<Read<_>>()?);
    }
    Ok(())
}

fn ordinals(bytes: &mut Bytes<'_>, with_prefix: bool) -> Read<Vec<usize>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        all.push(bytes.packed_len()?);
        if with_prefix {
            bytes.packed()?;
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As MySQL 9.7 wrote it: a BLOB, a VECTOR and a VARCHAR have charsets, of which the third is not
    /// the default.
    #[test]
    fn a_vector_is_counted_among_the_columns_with_a_charset() {
        let hex = "c6000000000001000473686f7000066f7264657273000d03f612f5fcfefef208100dff0f0f1404060402f7\
                   01f801040101042800fe1f01013002053f02fcff000701010d0103042402696405746f74616c0174016a01\
                   620165017301760175026274017901670565787472610a03fcff0005050201780179060602016102c39f08\
                   01000c02fff8";
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let body: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        let map = read(&body).unwrap();
        let of = |name: &str| {
            let column = map.columns.iter().find(|c| c.name.as_deref() == Some(name)).unwrap();
            (column.code, column.collation)
        };
        assert_eq!(of("b"), (code::BLOB, Some(63)));
        assert_eq!(of("v"), (code::VECTOR, Some(63)));
        assert_eq!(of("extra"), (code::VARCHAR, Some(255)));
        assert_eq!(map.key, Some(vec![0]));
    }

    #[test]
    fn a_map_with_full_metadata_names_columns_signs_charsets_and_key() {
        let mut body = vec![7, 0, 0, 0, 0, 0, 1, 0];
        body.extend_from_slice(b"\x04shop\0\x01t\0");
        body.extend_from_slice(&[3, code::LONG, code::VARCHAR, code::STRING]);
        body.extend_from_slice(&[4, 200, 0, code::ENUM, 1]);
        body.push(0b110);
        body.extend_from_slice(&[1, 1, 0x80]);
        body.extend_from_slice(&[2, 1, 45]);
        body.extend_from_slice(b"\x04\x08\x02id\x01a\x02en");
        body.extend_from_slice(b"\x06\x05\x02\x01x\x01y");
        body.extend_from_slice(&[8, 1, 0]);
        let map = read(&body).unwrap();
        assert_eq!((map.database.as_str(), map.table.as_str()), ("shop", "t"));
        assert_eq!(map.key, Some(vec![0]));
        let [id, a, en] = &map.columns[..] else { panic!("{map:?}") };
        assert_eq!((id.name.as_deref(), id.unsigned, id.nullable), (Some("id"), Some(true), false));
        assert_eq!((a.meta16(), a.collation, a.nullable), (200, Some(45), true));
        assert_eq!((en.code, en.meta[0]), (code::ENUM, 1));
        assert_eq!(en.labels, Some(vec![b"x".to_vec(), b"y".to_vec()]));
        assert!(map.columns.iter().all(|column| column.name.is_some()));
    }

    #[test]
    fn an_event_that_ends_too_early_is_an_error_wherever_it_is_cut() {
        let mut body = vec![7, 0, 0, 0, 0, 0, 1, 0];
        body.extend_from_slice(b"\x04shop\0\x01t\0\x01\x0f\x02\x64\x00\x01");
        assert!(read(&body).is_ok());
        for length in 0..body.len() {
            assert!(read(&body[..length]).is_err(), "{length}");
        }
    }
}
