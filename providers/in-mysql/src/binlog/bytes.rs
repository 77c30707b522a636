//! Reads the numbers of a binlog event. Little-endian, where nothing else is said.

/// The event is shorter than it says, or not what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event is damaged, or of a kind that is not known: {0}")]
pub(crate) struct Damaged(pub(crate) &'static str);

pub(crate) type Read<T> = Result<T, Damaged>;

/// What is left of an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    #[inline]
    pub(crate) fn take(&mut self, count: usize) -> Read<&'a [u8]> {
        match self.0.split_at_checked(count) {
            Some((taken, rest)) => {
                self.0 = rest;
                Ok(taken)
            }
            None => Err(Damaged("it ends too early")),
        }
    }

    /// An unsigned number of `count` bytes, at most eight.
    #[inline]
    pub(crate) fn uint(&mut self, count: usize) -> Read<u64> {
        Ok(little(self.take(count)?))
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Read<u8> {
        self.take(1).map(|b| b[0])
    }

    /// A number in one to nine bytes ("length-encoded integer" in MySQL's protocol).
    pub(crate) fn packed(&mut self) -> Read<u64> {
        match self.byte()? {
            0xfc => self.uint(2),
            0xfd => self.uint(3),
            0xfe => self.uint(8),
            small => Ok(u64::from(small)),
        }
    }

    /// The same, as a length.
    pub(crate) fn packed_len(&mut self) -> Read<usize> {
        usize::try_from(self.packed()?).map_err(|_| Damaged("a length is out of range"))
    }

    /// A text with its length in front.
    pub(crate) fn packed_bytes(&mut self) -> Read<&'a [u8]> {
        let length = self.packed_len()?;
        self.take(length)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Little-endian, of up to eight bytes.
#[inline]
pub(crate) fn little(bytes: &[u8]) -> u64 {
    let mut all = [0; 8];
    let count = bytes.len().min(8);
    all[..count].copy_from_slice(&bytes[..count]);
    u64::from_le_bytes(all)
}

/// Big-endian, of up to eight bytes.
#[inline]
pub(crate) fn big(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |n, b| n << 8 | u64::from(*b))
}

/// A bitmap, the first bit lowest in the first byte.
#[inline]
pub(crate) fn bit(bitmap: &[u8], index: usize) -> bool {
    bitmap.get(index / 8).is_some_and(|byte| byte >> (index % 8) & 1 == 1)
}
