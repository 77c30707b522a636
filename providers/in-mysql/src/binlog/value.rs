//! One value of a row: how long it is in the log, and what it is in JSON.

use std::net::Ipv4Addr;

use super::bytes::{Bytes, Damaged, Read, big, little};
use super::special::{geometry, inet6, padded, uuid};
use super::{decimal, json, temporal};
use crate::charset::Charset;
use crate::text;

/// How a column stands in the log.
#[derive(Debug, Clone)]
pub(crate) enum Wire {
    /// Bytes, signed or not.
    Int {
        bytes: usize,
        unsigned: bool,
    },
    Float,
    Double,
    Year,
    Decimal {
        precision: usize,
        scale: usize,
    },
    Bit {
        bits: usize,
    },
    Date,
    /// Before MySQL 5.6 (a table from then) and with `mysql56_temporal_format=0`.
    OldTime,
    OldDatetime,
    OldTimestamp,
    Time {
        digits: u8,
    },
    Datetime {
        digits: u8,
    },
    Timestamp {
        digits: u8,
    },
    /// Labels by number from 1, as JSON strings.
    Enum {
        bytes: usize,
        labels: Vec<Vec<u8>>,
    },
    /// Labels by bit, as UTF-8.
    Set {
        bytes: usize,
        labels: Vec<Vec<u8>>,
    },
    Text {
        prefix: usize,
        charset: Charset,
    },
    /// `fixed`: the length of a BINARY, whose zeros at the end are not in the log.
    Binary {
        prefix: usize,
        fixed: usize,
    },
    /// MariaDB's types of 16 and 4 bytes.
    Uuid,
    Inet6,
    Inet4,
    /// MySQL's.
    JsonBinary {
        prefix: usize,
    },
    /// MariaDB's, a text with a check.
    JsonText {
        prefix: usize,
    },
    Geometry {
        prefix: usize,
    },
    /// MariaDB's `COMPRESSED` columns.
    Compressed {
        prefix: usize,
        charset: Charset,
    },
}

impl Wire {
    /// Takes the value's bytes, without a length in front of them.
    pub(crate) fn split<'a>(&self, row: &mut Bytes<'a>) -> Read<&'a [u8]> {
        let fixed = match self {
            Self::Int { bytes, .. } | Self::Enum { bytes, .. } | Self::Set { bytes, .. } => *bytes,
            Self::Float | Self::OldTimestamp => 4,
            Self::Double | Self::OldDatetime => 8,
            Self::Year => 1,
            Self::Decimal { precision, scale } => decimal::length(*precision, *scale),
            Self::Bit { bits } => bits.div_ceil(8),
            Self::Date | Self::OldTime => 3,
            Self::Time { digits } => 3 + temporal::fraction_len(*digits),
            Self::Datetime { digits } => 5 + temporal::fraction_len(*digits),
            Self::Timestamp { digits } => 4 + temporal::fraction_len(*digits),
            Self::Uuid | Self::Inet6 | Self::Inet4 => usize::from(row.byte()?),
            Self::Text { prefix, .. }
            | Self::Binary { prefix, .. }
            | Self::JsonBinary { prefix }
            | Self::JsonText { prefix }
            | Self::Geometry { prefix }
            | Self::Compressed { prefix, .. } => {
                let length = row.uint(*prefix)?;
                usize::try_from(length).map_err(|_| Damaged("a length is out of range"))?
            }
        };
        row.take(fixed)
    }

    /// Appends the value as JSON.
    pub(crate) fn render(&self, bytes: &[u8], out: &mut Vec<u8>) -> Read<()> {
        match self {
            Self::Int { bytes: count, unsigned } => integer(bytes, *count, *unsigned, out),
            Self::Float => {
                text::float32(f32::from_bits(little(bytes) as u32), out);
            }
            Self::Double => text::float64(f64::from_bits(little(bytes)), out),
            Self::Year => {
                let number = little(bytes);
                text::integer(false, if number == 0 { 0 } else { 1900 + number }, out);
            }
            Self::Decimal { precision, scale } => {
                out.push(b'"');
                decimal::render(bytes, *precision, *scale, out);
                out.push(b'"');
            }
            Self::Bit { bits: 1 } => {
                out.extend_from_slice(if big(bytes) == 0 { b"false" } else { b"true" });
            }
            Self::Bit { .. } => text::integer(false, big(bytes), out),
            Self::Enum { labels, .. } => match labels.get(enum_index(bytes)) {
                Some(label) => out.extend_from_slice(label),
                // 0 is the empty string that stands for an invalid value.
                None => out.extend_from_slice(b"\"\""),
            },
            Self::Set { labels, .. } => set(little(bytes), labels, out),
            Self::Text { charset, .. } => charset.decode(bytes, |utf8| text::string(utf8, out)),
            Self::Binary { fixed, .. } if bytes.len() < *fixed => {
                text::base64(&padded(bytes, *fixed), out);
            }
            Self::Binary { .. } => text::base64(bytes, out),
            Self::Uuid => uuid(bytes, out),
            Self::Inet6 => inet6(bytes, out),
            Self::Inet4 => {
                let address = Ipv4Addr::from(big(&padded(bytes, 4)) as u32);
                text::string(address.to_string().as_bytes(), out);
            }
            Self::JsonBinary { .. } => json::render(bytes, out)?,
            Self::JsonText { .. } => text::json(bytes, out),
            Self::Geometry { .. } => geometry(bytes, out),
            Self::Compressed { charset, .. } => {
                let plain = crate::inflate::column(bytes)?;
                match charset {
                    Charset::Binary => text::base64(&plain, out),
                    _ => charset.decode(&plain, |utf8| text::string(utf8, out)),
                }
            }
            _ => self.temporal(bytes, out),
        }
        Ok(())
    }

    fn temporal(&self, bytes: &[u8], out: &mut Vec<u8>) {
        use temporal::{write_date, write_datetime, write_time};
        out.push(b'"');
        match self {
            Self::Date => write_date(&temporal::date(little(bytes)), out),
            Self::OldTime => write_time(&temporal::time1(little(bytes)), 0, out),
            Self::Time { digits } => write_time(&temporal::time2(bytes), *digits, out),
            Self::OldDatetime => write_datetime(&temporal::datetime1(little(bytes)), 0, out),
            Self::Datetime { digits } => {
                write_datetime(&temporal::datetime2(bytes), *digits, out);
            }
            Self::OldTimestamp => {
                write_datetime(&temporal::timestamp(little(bytes), &[]), 0, out);
                out.push(b'Z');
            }
            Self::Timestamp { digits } => {
                let (seconds, fraction) = bytes.split_at(4.min(bytes.len()));
                write_datetime(&temporal::timestamp(big(seconds), fraction), *digits, out);
                out.push(b'Z');
            }
            _ => {}
        }
        out.push(b'"');
    }
}

fn integer(bytes: &[u8], count: usize, unsigned: bool, out: &mut Vec<u8>) {
    let number = little(bytes);
    if unsigned {
        text::integer(false, number, out);
    } else {
        let shift = 64 - 8 * count;
        text::signed((number << shift) as i64 >> shift, out);
    }
}

fn enum_index(bytes: &[u8]) -> usize {
    usize::try_from(little(bytes)).unwrap_or_default().wrapping_sub(1)
}

fn set(bits: u64, labels: &[Vec<u8>], out: &mut Vec<u8>) {
    let mut chosen = Vec::new();
    for (at, label) in labels.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1) {
        if at > 0 && !chosen.is_empty() {
            chosen.push(b',');
        }
        chosen.extend_from_slice(label);
    }
    text::string(&chosen, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(wire: &Wire, bytes: &[u8]) -> String {
        let mut out = Vec::new();
        wire.render(bytes, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn integers_have_the_sign_that_their_column_has() {
        let int = |bytes, unsigned| Wire::Int { bytes, unsigned };
        assert_eq!(json(&int(3, false), &[0xff, 0xff, 0xff]), "-1");
        assert_eq!(json(&int(3, true), &[0xff, 0xff, 0xff]), "16777215");
        assert_eq!(json(&int(8, true), &[0xff; 8]), "\"18446744073709551615\"");
        assert_eq!(json(&int(8, false), &[0xff; 8]), "-1");
    }

    #[test]
    fn zeros_at_the_end_of_a_binary_come_back() {
        assert_eq!(json(&Wire::Binary { prefix: 1, fixed: 3 }, b"a"), "\"YQAA\"");
        assert_eq!(json(&Wire::Binary { prefix: 1, fixed: 0 }, b"a"), "\"YQ==\"");
    }

    #[test]
    fn sets_are_their_labels_and_an_invalid_enum_is_empty() {
        let labels = vec![b"a".to_vec(), b"b".to_vec(), b"c".to_vec()];
        assert_eq!(json(&Wire::Set { bytes: 1, labels }, &[0b101]), "\"a,c\"");
        let labels = vec![b"\"x\"".to_vec()];
        let wire = Wire::Enum { bytes: 1, labels };
        assert_eq!((json(&wire, &[1]), json(&wire, &[0])), ("\"x\"".into(), "\"\"".into()));
    }

    #[test]
    fn a_point_with_an_srid_is_ewkb() {
        let point = [0xe6, 0x10, 0, 0, 1, 1, 0, 0, 0, 9];
        assert_eq!(json(&Wire::Geometry { prefix: 4 }, &point), "\"0101000020E610000009\"");
        let plain = [0, 0, 0, 0, 1, 1, 0, 0, 0, 9];
        assert_eq!(json(&Wire::Geometry { prefix: 4 }, &plain), "\"010100000009\"");
    }
}
