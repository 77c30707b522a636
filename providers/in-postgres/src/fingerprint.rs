//! A short name for a text, the same in every version.

/// FNV-1a in hexadecimal.
pub(crate) fn of(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_that_of_the_specification() {
        assert_eq!(super::of("foobar"), "85944171f73967e8");
    }
}
