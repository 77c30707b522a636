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
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for char in text.chars() {
        match char {
            '\'' => quoted.push_str("''"),
            '\\' => quoted.push_str("\\\\"),
            '\0' => quoted.push_str("\\0"),
            other => quoted.push(other),
        }
    }
    quoted.push('\'');
    quoted
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
