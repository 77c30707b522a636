//! What MariaDB compresses: events (`log_bin_compress`), and columns that are `COMPRESSED`.

use std::io::Read as _;

use flate2::read::{DeflateDecoder, ZlibDecoder};

use crate::binlog::bytes::{Bytes, Damaged, Read, big};

/// The compressed tail of an event: a byte with the length's length, the length, zlib.
pub(crate) fn event(bytes: &[u8]) -> Read<Vec<u8>> {
    let mut bytes = Bytes(bytes);
    let head = bytes.byte()?;
    if head & 0x70 != 0 {
        return Err(Damaged("it is compressed in a way that is not known"));
    }
    let length = big(bytes.take(usize::from(head & 7))?);
    all(ZlibDecoder::new(bytes.0), length)
}

/// A column's value: a byte with the method and the length's length, the length (its first byte
/// first), and the data. By `compress_zlib` in MariaDB's `sql/field_comp.cc`.
pub(crate) fn column(bytes: &[u8]) -> Read<Vec<u8>> {
    let Some((head, rest)) = bytes.split_first() else { return Ok(Vec::new()) };
    let mut rest = Bytes(rest);
    match head >> 4 {
        0 => Ok(rest.0.to_vec()),
        8 => {
            let length = big(rest.take(usize::from(head & 7))?);
            // The fourth bit: a zlib stream without its header.
            if head & 8 == 0 {
                all(ZlibDecoder::new(rest.0), length)
            } else {
                all(DeflateDecoder::new(rest.0), length)
            }
        }
        _ => Err(Damaged("a column is compressed in a way that is not known")),
    }
}

fn all(decoder: impl std::io::Read, length: u64) -> Read<Vec<u8>> {
    let mut plain = Vec::new();
    let read = decoder.take(length).read_to_end(&mut plain);
    match read {
        Ok(read) if read as u64 == length => Ok(plain),
        _ => Err(Damaged("what it compresses cannot be read")),
    }
}
