//! Values whose bytes have a form of their own: UUIDs, addresses, geometries.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::bytes::{big, little};
use crate::text;

pub(super) fn padded(bytes: &[u8], length: usize) -> Vec<u8> {
    let mut all = bytes.to_vec();
    all.resize(length.max(bytes.len()), 0);
    all
}

/// MariaDB stores UUIDs of version 1 to 5 with their parts in the reverse order, so that they sort
/// by time (`sql/sql_type_uuid.h`).
pub(super) fn uuid(bytes: &[u8], out: &mut Vec<u8>) {
    let stored = padded(bytes, 16);
    let swapped = stored[6] & 0x80 != 0 && (1..0x60).contains(&stored[8]);
    let plain = if swapped {
        let (node, rest) = stored.split_at(6);
        [&rest[6..10], &rest[4..6], &rest[2..4], &rest[..2], node].concat()
    } else {
        stored
    };
    let mut digits = Vec::with_capacity(32);
    text::hex(&plain, &mut digits);
    digits.make_ascii_lowercase();
    out.push(b'"');
    for (at, digit) in digits.into_iter().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            out.push(b'-');
        }
        out.push(digit);
    }
    out.push(b'"');
}

pub(super) fn inet6(bytes: &[u8], out: &mut Vec<u8>) {
    let stored = padded(bytes, 16);
    let mut all = [0; 16];
    all.copy_from_slice(&stored[..16]);
    let (front, back) = all.split_at(12);
    let shown = if front.iter().all(|b| *b == 0) && back[..2] != [0, 0] {
        // As the server prints IPv4-compatible addresses.
        format!("::{}", Ipv4Addr::from(big(back) as u32))
    } else {
        Ipv6Addr::from(all).to_string()
    };
    text::string(shown.as_bytes(), out);
}

/// The server's own form is an SRID and WKB; ours EWKB in hexadecimal digits, as PostGIS reads it.
pub(crate) fn geometry(bytes: &[u8], out: &mut Vec<u8>) {
    const WITH_SRID: u32 = 0x2000_0000;
    let Some((head, rest)) = bytes.split_at_checked(9) else {
        return text::base64(bytes, out);
    };
    let (srid, order, kind) = (little(&head[..4]) as u32, head[4], &head[5..]);
    out.push(b'"');
    text::hex(&[order], out);
    if srid == 0 {
        text::hex(kind, out);
    } else if order == 1 {
        text::hex(&(little(kind) as u32 | WITH_SRID).to_le_bytes(), out);
        text::hex(&srid.to_le_bytes(), out);
    } else {
        text::hex(&(big(kind) as u32 | WITH_SRID).to_be_bytes(), out);
        text::hex(&srid.to_be_bytes(), out);
    }
    text::hex(rest, out);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(write: fn(&[u8], &mut Vec<u8>), bytes: &[u8]) -> String {
        let mut out = Vec::new();
        write(bytes, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_uuid_is_the_same_in_both_orders_that_a_server_may_store_it_in() {
        let written = "\"123e4567-e89b-12d3-a456-426655440000\"";
        let plain = 0x123e_4567_e89b_12d3_a456_4266_5544_0000_u128.to_be_bytes();
        let by_time = 0x4266_5544_0000_a456_12d3_e89b_123e_4567_u128.to_be_bytes();
        assert_eq!(json(uuid, &plain), written);
        assert_eq!(json(uuid, &by_time), written);
        // Those of version 7 sort by time as they are; zeros at the end are not in the log.
        let seven = 0x0189_0a5d_ac96_774b_bcce_b302_099a_8057_u128.to_be_bytes();
        assert_eq!(json(uuid, &seven), "\"01890a5d-ac96-774b-bcce-b302099a8057\"");
        assert_eq!(json(uuid, &[]), "\"00000000-0000-0000-0000-000000000000\"");
    }
}
