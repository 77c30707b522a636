//! A log sequence number: ten bytes that sort as the log does.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use dstream_mssql::tiberius::ColumnData;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

/// What a commit, or a change within one, is called in the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Lsn(pub(crate) [u8; 10]);

impl Lsn {
    /// Before everything; what the server answers for an instance that it does not show.
    pub(crate) const ZERO: Self = Self([0; 10]);

    /// Out of a `binary(10)`; `None`: null.
    pub(crate) fn of(value: &ColumnData<'_>) -> Option<Self> {
        let ColumnData::Binary(Some(bytes)) = value else { return None };
        <[u8; 10]>::try_from(bytes.as_ref()).ok().map(Self)
    }

    /// As T-SQL writes it.
    pub(crate) fn sql(self) -> String {
        format!("0x{}", self.hex().map(char::from).iter().collect::<String>())
    }

    fn hex(self) -> [u8; 20] {
        let mut hex = [0; 20];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        hex
    }

    /// Appends what [`Display`](fmt::Display) shows; each change has one of its own.
    pub(crate) fn push(self, out: &mut Vec<u8>) {
        let (hex, mut text) = (self.hex(), *b"00000000:00000000:0000");
        text[..8].copy_from_slice(&hex[..8]);
        text[9..17].copy_from_slice(&hex[8..16]);
        text[18..].copy_from_slice(&hex[16..]);
        out.extend_from_slice(&text);
    }

    /// The next one, as `sys.fn_cdc_increment_lsn` has it.
    pub(crate) fn next(self) -> Self {
        let mut bytes = self.0;
        for byte in bytes.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                break;
            }
        }
        Self(bytes)
    }

    /// The one before.
    pub(crate) fn before(self) -> Self {
        let mut bytes = self.0;
        for byte in bytes.iter_mut().rev() {
            *byte = byte.wrapping_sub(1);
            if *byte != 0xff {
                break;
            }
        }
        Self(bytes)
    }
}

/// As the server's own tools show it: `0000002A:000001F0:0003`.
impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(22);
        self.push(&mut text);
        text.iter().try_for_each(|byte| f.write_char(char::from(*byte)))
    }
}

impl FromStr for Lsn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hex: String = text.trim_start_matches("0x").chars().filter(|c| *c != ':').collect();
        let byte = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(byte).collect();
        let bytes = bytes.and_then(|bytes| <[u8; 10]>::try_from(bytes).ok());
        bytes.map(Self).ok_or_else(|| {
            format!("`{text}` is no log sequence number; one looks like 0000002A:000001F0:0003")
        })
    }
}

impl Serialize for Lsn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Lsn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_sequence_number_reads_what_it_writes_and_sorts_as_its_bytes() {
        let lsn = Lsn([0, 0, 0, 0x2a, 0, 0, 1, 0xf0, 0, 3]);
        assert_eq!(lsn.to_string(), "0000002A:000001F0:0003");
        assert_eq!((lsn.to_string().parse(), lsn.sql().parse()), (Ok(lsn), Ok(lsn)));
        assert!(lsn < lsn.next() && lsn.next().to_string() > lsn.to_string());
        for bad in ["", "0x12", "0000002A:000001F0:00", "zz00002A:000001F0:0003", "ü"] {
            assert!(bad.parse::<Lsn>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_next_and_the_one_before_carry_over() {
        let lsn = Lsn([0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff]);
        assert_eq!(lsn.next().sql(), "0x00000000000000020000");
        assert_eq!(lsn.next().before(), lsn);
    }
}
