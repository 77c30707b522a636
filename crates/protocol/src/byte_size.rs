//! Sizes as a person writes them, the same in a task file and in a provider's config.

/// Names of units, in any case, and their bytes.
pub const UNITS: [(&str, u64); 8] = [
    ("", 1),
    ("B", 1),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// A text is no size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSize {
    /// It is no number with a unit.
    #[error("not a size, such as `65536`, `64KiB` or `16MiB`")]
    NoSize,
    /// It is beyond 2^64 bytes.
    #[error("too large")]
    TooLarge,
}

/// Reads a number of bytes: `65536`, `64KiB`, `10 MB`.
///
/// # Errors
/// For any other text.
pub fn parse(text: &str) -> Result<u64, BadSize> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()));
    let (_, scale) = scale.filter(|_| !number.is_empty()).ok_or(BadSize::NoSize)?;
    let number: u64 = number.parse().map_err(|_| BadSize::TooLarge)?;
    number.checked_mul(*scale).ok_or(BadSize::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_a_unit() {
        for (text, bytes) in [
            ("0", 0),
            ("1024", 1024),
            ("512b", 512),
            (" 64 kb ", 64_000),
            ("16MiB", 16 << 20),
            ("10MB", 10_000_000),
            ("2gib", 2 << 30),
            ("3GB", 3_000_000_000),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "1x", "-1", "1.5MiB", "1 M", "1ib"] {
            assert_eq!(parse(text), Err(BadSize::NoSize), "{text}");
        }
        for text in ["99999999999GiB", "99999999999999999999"] {
            assert_eq!(parse(text), Err(BadSize::TooLarge), "{text}");
        }
    }
}
