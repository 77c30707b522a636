//! Names and texts inside of statements.

/// A name, in brackets: it may hold anything.
pub fn name(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

/// `[schema].[table]`.
pub fn table(schema: &str, table: &str) -> String {
    format!("{}.{}", name(schema), name(table))
}

/// A text, of Unicode.
pub fn literal(text: &str) -> String {
    format!("N'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_quote_early() {
        assert_eq!(table("Sales]; DROP", "Order Lines"), "[Sales]]; DROP].[Order Lines]");
        assert_eq!(literal("it's; --"), "N'it''s; --'");
    }
}
