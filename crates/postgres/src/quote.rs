//! Names and literals in SQL.

/// A name, always quoted: `"order"`, `"say ""hi"""`.
///
/// ```
/// assert_eq!(dstream_postgres::quote::name(r#"a"b"#), r#""a""b""#);
/// ```
pub fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table's name with its schema: `"public"."order"`.
pub fn qualified(schema: &str, table: &str) -> String {
    format!("{}.{}", name(schema), name(table))
}

/// A list of names.
pub fn names<'n>(all: impl IntoIterator<Item = &'n str>) -> String {
    all.into_iter().map(name).collect::<Vec<_>>().join(", ")
}

/// A literal, whatever `standard_conforming_strings` is: with a backslash in it, it is written as
/// `E'…'`. A zero byte cannot be in a text of PostgreSQL and is left out.
///
/// ```
/// use dstream_postgres::quote::literal;
/// assert_eq!(literal("it's"), "'it''s'");
/// assert_eq!(literal(r"a\b"), r" E'a\\b'");
/// ```
pub fn literal(text: &str) -> String {
    let text = text.replace('\0', "").replace('\'', "''");
    if text.contains('\\') {
        // The space keeps the E apart from what stands before it, as libpq does.
        return format!(" E'{}'", text.replace('\\', "\\\\"));
    }
    format!("'{text}'")
}
