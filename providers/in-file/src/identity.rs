//! Which file is it? Names change when logs rotate, and a new file may take an old one's name, so a
//! file is recognised by its inode and by the bytes that were read of it.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};

use serde::{Deserialize, Serialize};

const HEAD_BYTES: u64 = 1024;
const TAIL_BYTES: u64 = 256;

/// Device and inode; two zeros where the platform has none.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub(crate) struct Inode {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
}

impl Inode {
    #[cfg(unix)]
    pub(crate) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self { dev: metadata.dev(), ino: metadata.ino() }
    }

    /// Without inodes only the content tells files apart.
    #[cfg(not(unix))]
    pub(crate) fn of(_: &Metadata) -> Self {
        Self::default()
    }

    pub(crate) fn is_known(self) -> bool {
        self != Self::default()
    }
}

/// The first bytes of a file, and those in front of the place that was reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    head_len: u64,
    head_crc: u32,
    /// Where the tail ends; 0 where there is none (text offsets are no positions in the file).
    tail_end: u64,
    tail_crc: u32,
}

impl Fingerprint {
    /// Of the bytes up to `position`, or of the head only.
    pub(crate) fn take(file: &File, position: Option<u64>) -> io::Result<Self> {
        let limit = position.unwrap_or(u64::MAX).min(HEAD_BYTES);
        let (head_len, head_crc) = crc(file, 0, limit)?;
        let tail_end = position.unwrap_or(0);
        let start = tail_end.saturating_sub(TAIL_BYTES);
        let (_, tail_crc) = crc(file, start, tail_end - start)?;
        Ok(Self { head_len, head_crc, tail_end, tail_crc })
    }

    /// Whether `file` still begins, and goes on, as it did.
    pub(crate) fn matches(&self, file: &File) -> io::Result<bool> {
        if crc(file, 0, self.head_len)? != (self.head_len, self.head_crc) {
            return Ok(false);
        }
        let start = self.tail_end.saturating_sub(TAIL_BYTES);
        let len = self.tail_end - start;
        Ok(crc(file, start, len)? == (len, self.tail_crc))
    }
}

/// Bytes read and their checksum. Moves no position that a reader shares.
fn crc(file: &File, start: u64, len: u64) -> io::Result<(u64, u32)> {
    let mut bytes = Vec::new();
    read_at(file, start, len, &mut bytes)?;
    Ok((bytes.len() as u64, crc32fast::hash(&bytes)))
}

fn read_at(file: &File, start: u64, len: u64, into: &mut Vec<u8>) -> io::Result<()> {
    let mut file = file;
    let before = file.stream_position()?;
    file.seek(SeekFrom::Start(start))?;
    let read = file.take(len).read_to_end(into);
    file.seek(SeekFrom::Start(before))?;
    read.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_file_that_grew_is_the_same_and_a_rewritten_one_is_not() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[b'a'; 3000]).unwrap();
        let print = Fingerprint::take(&file, Some(2500)).unwrap();
        file.write_all(b"more").unwrap();
        assert!(print.matches(&file).unwrap());
        file.seek(SeekFrom::Start(2400)).unwrap();
        file.write_all(b"b").unwrap();
        assert!(!print.matches(&file).unwrap(), "a change in front of the position");
        file.set_len(2499).unwrap();
        assert!(!print.matches(&file).unwrap(), "a shorter file");
    }

    #[test]
    fn looking_at_a_file_does_not_move_its_reader() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        file.seek(SeekFrom::Start(4)).unwrap();
        Fingerprint::take(&file, Some(8)).unwrap();
        assert_eq!(file.stream_position().unwrap(), 4);
    }
}
