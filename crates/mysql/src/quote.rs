//! Names and texts inside a statement.

/// `` `name` ``, whatever is in it.
pub fn name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// `` `database`.`table` ``.
pub fn table_name(database: &str, table: &str) -> String {
    format!("{}.{}", name(database), name(table))
}

/// `'text'`, for a session without `NO_BACKSLASH_ESCAPES`.
pub fn literal(text: &str) -> String {
    let mut quoted = Vec::with_capacity(text.len() + 2);
    push_literal(text, &mut quoted);
    String::from_utf8_lossy(&quoted).into_owned()
}

/// The same, behind what is there:
/// <https://dev.mysql.com/doc/refman/8.4/en/string-literals.html>.
pub fn push_literal(text: &str, out: &mut Vec<u8>) {
    out.push(b'\'');
    for byte in text.bytes() {
        match byte {
            b'\'' => out.extend_from_slice(b"''"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0 => out.extend_from_slice(b"\\0"),
            other => out.push(other),
        }
    }
    out.push(b'\'');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_quote_is_doubled() {
        assert_eq!(table_name("my`db", "t"), "`my``db`.`t`");
        assert_eq!(literal(r"it's \ here"), r"'it''s \\ here'");
    }
}
