//! The event that a transaction begins with: its id, and how it will end.

use super::bytes::{Bytes, Read, little};
use super::codes::event as code;
use crate::transaction::Gtid;

/// A transaction begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Begun {
    /// None where the server has GTIDs turned off.
    pub(crate) gtid: Option<Gtid>,
    /// It ends with a COMMIT; otherwise with its only statement.
    pub(crate) explicit: bool,
    /// The microsecond of the commit since 1970, where the event has it.
    pub(crate) commit: Option<i64>,
}

/// Reads the event; `server` wrote it.
pub(crate) fn read(kind: u8, body: &[u8], server: u32) -> Read<Begun> {
    let mut bytes = Bytes(body);
    if kind == code::MARIADB_GTID {
        let (sequence, domain) = (bytes.uint(8)?, bytes.uint(4)?);
        // The first flag: it is one statement, which nothing ends.
        let explicit = bytes.byte()? & 1 == 0;
        let gtid = Some(Gtid::MariaDb { domain: domain as u32, server, sequence });
        return Ok(Begun { gtid, explicit, commit: None });
    }
    bytes.byte()?;
    let mut uuid = [0; 16];
    uuid.copy_from_slice(bytes.take(16)?);
    let number = bytes.uint(8)?;
    // Since 8.0.1: the logical clock, and the microsecond of the commit.
    let commit = bytes.0.get(17..24).map(|commit| little(commit) & ((1 << 55) - 1));
    let commit = commit.and_then(|micros| i64::try_from(micros).ok());
    let gtid = (kind == code::GTID).then_some(Gtid::MySql { uuid, number });
    Ok(Begun { gtid, explicit: false, commit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mariadb_says_its_domain_and_whether_a_commit_ends_it() {
        let body = [7, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0];
        let begun = read(code::MARIADB_GTID, &body, 9).unwrap();
        let gtid = Some(Gtid::MariaDb { domain: 3, server: 9, sequence: 7 });
        assert_eq!(begun, Begun { gtid, explicit: true, commit: None });
        let mut standalone = body;
        standalone[12] = 1;
        assert!(!read(code::MARIADB_GTID, &standalone, 9).unwrap().explicit);
    }

    #[test]
    fn mysql_says_its_number_and_since_8_0_the_moment_of_the_commit() {
        let mut body = vec![1];
        body.extend([0xab; 16]);
        body.extend(5u64.to_le_bytes());
        let gtid = Some(Gtid::MySql { uuid: [0xab; 16], number: 5 });
        let old = read(code::GTID, &body, 1).unwrap();
        assert_eq!(old, Begun { gtid: gtid.clone(), explicit: false, commit: None });
        // The kind of the clock, two numbers of it, and 7 bytes of which the last bit says more.
        body.extend([2; 17]);
        body.extend(&(1_700_000_000_000_001u64 | 1 << 55).to_le_bytes()[..7]);
        let new = read(code::GTID, &body, 1).unwrap();
        assert_eq!((new.gtid, new.commit), (gtid, Some(1_700_000_000_000_001)));
        assert_eq!(read(code::ANONYMOUS_GTID, &body, 1).unwrap().gtid, None);
    }
}
