//! From the column's charset to UTF-8.
//!
//! One-byte charsets are converted by a table that the server itself gave, so that the result is
//! what the server would print; those with more bytes by encoding_rs.

use std::sync::Arc;

use encoding_rs::Encoding;

/// How a text is stored.
#[derive(Debug, Clone)]
pub(crate) enum Charset {
    /// UTF-8, or ASCII.
    Utf8,
    /// No text: bytes.
    Binary,
    /// One byte a character: what each of the 256 stands for.
    Table(Arc<[String]>),
    /// Several bytes a character, in an encoding of the WHATWG standard.
    Encoding(&'static Encoding),
    /// Four bytes a character, big-endian.
    Utf32,
}

impl Charset {
    /// Those that need no table; `None`: the server has to be asked for one.
    pub(crate) fn known(name: &str) -> Option<Self> {
        let label = match name {
            "utf8mb4" | "utf8mb3" | "utf8" | "ascii" => return Some(Self::Utf8),
            "binary" => return Some(Self::Binary),
            "utf32" => return Some(Self::Utf32),
            "ucs2" | "utf16" => "utf-16be",
            "utf16le" => "utf-16le",
            "gb18030" | "gbk" | "gb2312" => "gb18030",
            "big5" => "big5",
            "sjis" | "cp932" => "shift_jis",
            "ujis" | "eucjpms" => "euc-jp",
            "euckr" => "euc-kr",
            _ => return None,
        };
        Encoding::for_label(label.as_bytes()).map(Self::Encoding)
    }

    /// Calls `with` with the text as UTF-8.
    pub(crate) fn decode<T>(&self, bytes: &[u8], with: impl FnOnce(&[u8]) -> T) -> T {
        match self {
            Self::Utf8 | Self::Binary => with(bytes),
            _ if bytes.is_ascii() && !self.is_wide() => with(bytes),
            Self::Table(table) => {
                let text: String =
                    bytes.iter().filter_map(|b| table.get(usize::from(*b))).cloned().collect();
                with(text.as_bytes())
            }
            Self::Encoding(encoding) => {
                with(encoding.decode_without_bom_handling(bytes).0.as_bytes())
            }
            Self::Utf32 => {
                let number = |c: &[u8]| super::binlog::bytes::big(c) as u32;
                let chars =
                    bytes.chunks(4).map(|c| char::from_u32(number(c)).unwrap_or('\u{fffd}'));
                with(chars.collect::<String>().as_bytes())
            }
        }
    }

    /// Whether ASCII does not stand for itself.
    fn is_wide(&self) -> bool {
        match self {
            Self::Utf32 => true,
            Self::Encoding(encoding) => !encoding.is_ascii_compatible(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(name: &str, bytes: &[u8]) -> String {
        let charset = Charset::known(name).unwrap();
        charset.decode(bytes, |text| String::from_utf8(text.to_vec()).unwrap())
    }

    #[test]
    fn charsets_of_several_bytes_are_decoded_and_those_of_one_need_a_table() {
        assert_eq!(decode("utf8mb4", "é😀".as_bytes()), "é😀");
        assert_eq!(decode("ucs2", &[0, b'a', 0x20, 0xac]), "a€");
        assert_eq!(decode("utf32", &[0, 1, 0xf6, 0]), "😀");
        assert_eq!(decode("gbk", &[0xc4, 0xe3, b'a']), "你a");
        assert_eq!(decode("sjis", &[0x82, 0xa0]), "あ");
        assert!(Charset::known("latin1").is_none());
        let table: Arc<[String]> = (0..=255_u8)
            .map(|b| if b == 0x80 { "€".into() } else { char::from(b).into() })
            .collect();
        let latin1 = Charset::Table(table);
        let text = latin1.decode(&[b'a', 0x80, 0xe9], |t| String::from_utf8(t.to_vec()).unwrap());
        assert_eq!(text, "a€é");
    }
}
