//! JSON values as literals of a statement, straight from their JSON. What a value is, and what is
//! refused, is the same everywhere; how a text or bytes are quoted, the [`Dialect`] says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dstream_sdk::FieldType;
use dstream_sdk::row::Cell;

use crate::Dialect;

/// How the values of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Literal {
    /// Digits: a server may round what has more, and take a text for 0 in a comparison.
    Integer,
    /// A number with every digit.
    Decimal,
    /// A number that is read as a double at once, not by way of a decimal.
    Float,
    /// A string's text, and the JSON of everything else.
    Text,
    /// Base64 becomes bytes.
    Bytes,
    /// The JSON as it is.
    Json,
    /// A moment is written in UTC and without its zone, which such a column does not read.
    Moment,
    /// EWKB in hexadecimal digits.
    Geometry,
}

/// Why a value cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{shown} is no {wanted}")]
pub struct WrongValue {
    shown: String,
    wanted: &'static str,
}

impl Literal {
    /// For a column of this `DATA_TYPE` of the standard's catalog. `kind`: the type in the stream.
    pub fn of(data_type: &str, kind: Option<FieldType>) -> Self {
        use FieldType::{Array, Bytes, Json};
        match data_type {
            "tinyint" | "smallint" | "mediumint" | "int" | "integer" | "bigint" | "bit"
            | "year" => Self::Integer,
            "decimal" | "numeric" => Self::Decimal,
            "float" | "double" | "real" => Self::Float,
            "datetime" | "datetime2" | "smalldatetime" | "timestamp" => Self::Moment,
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob"
                if kind == Some(Bytes) =>
            {
                Self::Bytes
            }
            // A text that holds JSON is JSON; that of a column without a schema is what it looks like.
            "json" if kind.is_none() => Self::Json,
            _ if matches!(kind, Some(Json | Array)) => Self::Json,
            "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
            | "multipolygon" | "geometrycollection" | "geomcollection" => Self::Geometry,
            _ => Self::Text,
        }
    }

    /// Appends the value.
    ///
    /// # Errors
    /// Where such a column has no such value.
    #[inline]
    pub fn write(
        self,
        dialect: &impl Dialect,
        cell: Option<Cell<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<(), WrongValue> {
        let Some(cell) = cell.filter(|cell| !cell.is_null()) else {
            out.extend_from_slice(b"NULL");
            return Ok(());
        };
        let json = cell.json();
        let is_text = json.starts_with('"');
        let text = if is_text { cell.text() } else { json.into() };
        match self {
            Self::Integer => integer(&text, out)?,
            Self::Decimal | Self::Float => number(&text, self == Self::Float, out)?,
            Self::Text => dialect.push_text(&text, cell.is_plain(), out),
            Self::Json => dialect.push_text(json, false, out),
            Self::Moment => dialect.push_text(&moment(&text), cell.is_plain(), out),
            Self::Bytes => {
                let bytes = STANDARD.decode(&*text).map_err(|_| wrong(&text, "base64"))?;
                dialect.push_bytes(&bytes, out);
            }
            Self::Geometry => {
                let (srid, wkb) = geometry(&text).ok_or_else(|| wrong(&text, "geometry"))?;
                dialect.push_geometry(srid, &wkb, out);
            }
        }
        Ok(())
    }
}

fn integer(text: &str, out: &mut Vec<u8>) -> Result<(), WrongValue> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    match text {
        "true" => out.push(b'1'),
        "false" => out.push(b'0'),
        _ if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            out.extend_from_slice(text.as_bytes());
        }
        _ => return Err(wrong(text, "integer")),
    }
    Ok(())
}

fn number(text: &str, float: bool, out: &mut Vec<u8>) -> Result<(), WrongValue> {
    let bytes = text.as_bytes();
    let known = bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
    // All that is made of these and is a number for Rust is one for the server.
    if !known || text.parse::<f64>().is_err() {
        return Err(wrong(text, "number"));
    }
    out.extend_from_slice(bytes);
    if float && !text.contains(['e', 'E']) {
        out.extend_from_slice(b"e0");
    }
    Ok(())
}

/// A text in single quotes, its own doubled: the standard's form.
#[inline]
pub fn quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'\'');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|b| *b == b'\'') {
        out.extend_from_slice(&rest[..=at]);
        out.push(b'\'');
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'\'');
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    const HEX: [u8; 16] = *b"0123456789ABCDEF";
    out.extend(bytes.iter().flat_map(|b| [HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]));
}

/// Without a zone it is as it should be already.
fn moment(text: &str) -> std::borrow::Cow<'_, str> {
    const DATE_AND_HOUR: usize = "2026-03-01T12".len();
    if let Some(utc) = text.strip_suffix(['Z', 'z']) {
        return utc.into();
    }
    if !text.get(DATE_AND_HOUR..).is_some_and(|rest| rest.contains(['+', '-'])) {
        return text.into();
    }
    match text.parse::<jiff::Timestamp>() {
        Ok(moment) => moment.to_string().trim_end_matches('Z').to_owned().into(),
        Err(_) => text.into(),
    }
}

/// EWKB, little-endian, has the number of its reference system behind the type: that number, and
/// WKB without it.
fn geometry(text: &str) -> Option<(u32, Vec<u8>)> {
    const HAS_SRID: u32 = 0x2000_0000;
    let digits = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    let bytes: Vec<u8> = (0..text.len()).step_by(2).map(digits).collect::<Option<_>>()?;
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let kind = word(1).filter(|_| bytes[0] == 1)?;
    let (srid, rest) = if kind & HAS_SRID == 0 { (0, 5) } else { (word(5)?, 9) };
    let mut wkb = vec![1];
    wkb.extend_from_slice(&(kind & !HAS_SRID).to_le_bytes());
    wkb.extend_from_slice(bytes.get(rest..)?);
    Some((srid, wkb))
}

#[cold]
fn wrong(text: &str, wanted: &'static str) -> WrongValue {
    WrongValue { shown: format!("`{}`", shown(text)), wanted }
}

/// The beginning of a value, for a message.
pub fn shown(value: &str) -> String {
    const SHOWN: usize = 60;
    let mut shown: String = value.chars().take(SHOWN).collect();
    if shown.len() < value.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::tests::Plain;

    fn written(data_type: &str, kind: Option<FieldType>, json: &str) -> Result<String, String> {
        let mut out = Vec::new();
        let done = Literal::of(data_type, kind).write(&Plain, Some(Cell::new(json)), &mut out);
        done.map(|()| String::from_utf8(out).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_value_is_written_as_its_column_reads_it() {
        use FieldType::{Bool, Bytes, Json, Timestamptz};
        for (data_type, kind, json, literal) in [
            ("int", None, "-7", "-7"),
            ("bigint", None, "\"18446744073709551615\"", "18446744073709551615"),
            ("tinyint", Some(Bool), "true", "1"),
            ("year", None, "0", "0"),
            ("decimal", None, "\"-12.50\"", "-12.50"),
            ("double", None, "0.1", "0.1e0"),
            ("double", None, "1e-300", "1e-300"),
            ("text", None, "\"it's\"", "'it''s'"),
            ("text", None, r#""a\\b\n""#, "'a\\b\n'"),
            ("text", None, "1.50", "'1.50'"),
            ("text", None, r#"{"a":"\\"}"#, r#"'{"a":"\\"}'"#),
            ("longtext", Some(Json), "\"text\"", "'\"text\"'"),
            ("blob", Some(Bytes), "\"AP8=\"", "x'00FF'"),
            ("blob", Some(Bytes), "\"\"", "x''"),
            (
                "datetime",
                Some(Timestamptz),
                "\"2026-03-01T12:30:00.5Z\"",
                "'2026-03-01T12:30:00.5'",
            ),
            (
                "datetime",
                Some(Timestamptz),
                "\"2026-03-01T14:30:00+02:00\"",
                "'2026-03-01T12:30:00'",
            ),
            ("datetime", None, "\"0000-00-00T00:00:00\"", "'0000-00-00T00:00:00'"),
            ("point", None, "\"0101000020E610000009\"", "ST_GeomFromWKB(x'010100000009', 4326)"),
            ("int", None, "null", "NULL"),
        ] {
            assert_eq!(
                written(data_type, kind, json).as_deref(),
                Ok(literal),
                "{data_type} {json}"
            );
        }
    }

    #[test]
    fn what_the_server_would_round_or_take_for_zero_is_refused() {
        for (data_type, json) in [
            ("int", "1.5"),
            ("int", "\"x\""),
            ("int", "\"\""),
            ("int", "\"0x10\""),
            ("decimal", "\"NaN\""),
            ("double", "\"-Infinity\""),
            ("double", "\"1 OR 1\""),
            ("point", "\"zz\""),
        ] {
            let error = written(data_type, None, json).unwrap_err();
            assert!(error.contains(" is no "), "{error}");
        }
        assert!(written("blob", Some(FieldType::Bytes), "\"%\"").is_err());
    }
}
