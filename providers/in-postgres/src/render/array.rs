//! Array literals. By "Array Input and Output Syntax" of PostgreSQL's manual.

use super::text::string;
use super::value::{Kind, value};

/// `{1,2,NULL}` becomes `[1,2,null]`, `{{1},{2}}` becomes `[[1],[2]]`. With bounds of its own
/// (`[0:1]={1,2}`), which JSON cannot say, it stays a string.
pub(super) fn array(out: &mut Vec<u8>, element: &Kind, delimiter: u8, text: &[u8]) {
    let start = out.len();
    let written = match text.first() {
        Some(b'{') => literal(out, element, delimiter, text),
        _ => None,
    };
    if written.is_none() {
        out.truncate(start);
        string(out, text);
    }
}

/// `None`: it is no literal that is known here.
fn literal(out: &mut Vec<u8>, element: &Kind, delimiter: u8, text: &[u8]) -> Option<()> {
    let mut scratch = Vec::new();
    let mut at = 0;
    loop {
        match *text.get(at)? {
            b'{' => {
                out.push(b'[');
                at += 1;
            }
            b'}' => {
                out.push(b']');
                at += 1;
                if at == text.len() {
                    return Some(());
                }
            }
            c if c == delimiter => {
                out.push(b',');
                at += 1;
            }
            b'"' => {
                at = quoted(&mut scratch, text, at + 1)?;
                value(out, element, &scratch);
            }
            _ => {
                let end = at + text[at..].iter().position(|&c| c == delimiter || c == b'}')?;
                match &text[at..end] {
                    b"NULL" => out.extend_from_slice(b"null"),
                    bare => value(out, element, bare),
                }
                at = end;
            }
        }
    }
}

/// The quoted element that begins at `at`; the place behind its closing quote.
fn quoted(scratch: &mut Vec<u8>, text: &[u8], mut at: usize) -> Option<usize> {
    scratch.clear();
    loop {
        let end = at + memchr::memchr2(b'"', b'\\', &text[at..])?;
        scratch.extend_from_slice(&text[at..end]);
        if text[end] == b'"' {
            return Some(end + 1);
        }
        scratch.push(*text.get(end + 1)?);
        at = end + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(kind: Kind, text: &str) -> String {
        let mut out = Vec::new();
        array(&mut out, &kind, b',', text.as_bytes());
        let json = String::from_utf8(out).unwrap();
        serde_json::from_str::<serde_json::Value>(&json).unwrap();
        json
    }

    #[test]
    fn literals_become_lists_with_elements_of_their_type() {
        assert_eq!(shown(Kind::Int, "{}"), "[]");
        assert_eq!(shown(Kind::Int, "{1,NULL,-3}"), "[1,null,-3]");
        assert_eq!(
            shown(Kind::Text, r#"{a,"b c","NULL","say \"hi\"","back\\slash",NULL,""}"#),
            r#"["a","b c","NULL","say \"hi\"","back\\slash",null,""]"#
        );
        assert_eq!(shown(Kind::Bool, "{{t,f},{f,NULL}}"), "[[true,false],[false,null]]");
        assert_eq!(shown(Kind::Json, r#"{"{\"a\": [1, 2]}",NULL}"#), r#"[{"a": [1, 2]},null]"#);
        assert_eq!(shown(Kind::Bytes, r#"{"\\x00ff"}"#), r#"["AP8="]"#);
        assert_eq!(
            shown(Kind::Timestamp, r#"{"2024-05-01 10:00:00",infinity}"#),
            r#"["2024-05-01T10:00:00","infinity"]"#
        );
    }

    #[test]
    fn bounds_of_their_own_stay_as_the_server_writes_them() {
        assert_eq!(shown(Kind::Int, "[0:1]={1,2}"), r#""[0:1]={1,2}""#);
    }
}
