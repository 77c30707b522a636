//! Names of tables, and patterns of them.

use std::fmt;

/// `schema.table`, where `*` stands for any text and `?` for one character: `public.*`,
/// `sales.order_?`. A part that holds a dot, a star or the like is put in double quotes and taken
/// literally: `public."weird.name"`. Without a dot it is a table of the default schema.
///
/// ```
/// let pattern: dstream_cdc::TablePattern = "sales.order_*".parse().unwrap();
/// assert!(pattern.matches("public", "sales", "order_items"));
/// assert!(!pattern.matches("public", "public", "order_items"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TablePattern {
    text: String,
    schema: Option<Part>,
    table: Part,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Taken literally.
    Name(String),
    /// With wildcards.
    Glob(Vec<char>),
}

/// What is wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no table: {what}; expected is `schema.table`, with `*` and `?` as wildcards, or \"quotes\" around a name that is to be taken literally"
)]
pub struct BadPattern {
    text: String,
    what: &'static str,
}

impl std::str::FromStr for TablePattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        let bad = |what| BadPattern { text: text.to_owned(), what };
        let mut parts = Vec::new();
        let mut rest = text.trim();
        loop {
            let (part, after) = part(rest).map_err(bad)?;
            parts.push(part);
            match after.strip_prefix('.') {
                Some(next) => rest = next,
                None if after.is_empty() => break,
                None => return Err(bad("something stands behind a closing quote")),
            }
        }
        let table = parts.pop().ok_or_else(|| bad("it is empty"))?;
        let schema = parts.pop();
        if !parts.is_empty() {
            return Err(bad("it has more than two parts"));
        }
        Ok(Self { text: text.to_owned(), schema, table })
    }
}

/// The first part of `text`, and what follows it.
fn part(text: &str) -> Result<(Part, &str), &'static str> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        let name = &text[..end];
        if name.is_empty() {
            return Err("a name is empty");
        }
        let part = match name.contains(['*', '?']) {
            true => Part::Glob(name.chars().collect()),
            false => Part::Name(name.to_owned()),
        };
        return Ok((part, &text[end..]));
    };
    let mut name = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' if chars.peek().is_some_and(|(_, next)| *next == '"') => {
                chars.next();
                name.push('"');
            }
            '"' if name.is_empty() => return Err("a name is empty"),
            '"' => return Ok((Part::Name(name), &quoted[at + 1..])),
            c => name.push(c),
        }
    }
    Err("a quote is not closed")
}

impl TablePattern {
    /// Whether it means this table.
    pub fn matches(&self, default_schema: &str, schema: &str, table: &str) -> bool {
        let schema_matches = match &self.schema {
            Some(part) => part.matches(schema),
            None => schema == default_schema,
        };
        schema_matches && self.table.matches(table)
    }

    /// Whether it names one table, without wildcards.
    pub fn is_name(&self) -> bool {
        matches!((&self.schema, &self.table), (None | Some(Part::Name(_)), Part::Name(_)))
    }
}

/// Reads a list of a config.
///
/// # Errors
/// For one that is no pattern, with its place: `tables[1]`.
pub fn table_patterns(path: &str, texts: &[String]) -> dstream_sdk::Result<Vec<TablePattern>> {
    let read = |(at, text): (usize, &String)| {
        let pattern = text.parse::<TablePattern>();
        pattern.map_err(|e| dstream_sdk::Error::config(format!("{path}[{at}]"), e.to_string()))
    };
    texts.iter().enumerate().map(read).collect()
}

impl fmt::Display for TablePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Part {
    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Glob(glob) => glob_matches(glob, &name.chars().collect::<Vec<_>>()),
        }
    }
}

/// The usual two pointers: a star is tried with ever more characters.
fn glob_matches(glob: &[char], text: &[char]) -> bool {
    let (mut g, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match glob.get(g) {
            Some('*') => {
                star = Some((g, t));
                g += 1;
            }
            Some(&c) if c == '?' || c == text[t] => (g, t) = (g + 1, t + 1),
            _ => match &mut star {
                Some((at, upto)) => {
                    *upto += 1;
                    (g, t) = (*at + 1, *upto);
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|&c| c == '*')
}

/// The name of a table's stream: `public.orders`; a part with a dot, a quote or a wildcard in it is
/// quoted, so that no two tables share one.
///
/// ```
/// assert_eq!(dstream_cdc::stream_name("public", "a.b"), "public.\"a.b\"");
/// ```
pub fn stream_name(schema: &str, table: &str) -> String {
    let part = |name: &str| match name.contains(['.', '"', '*', '?']) {
        true => format!("\"{}\"", name.replace('"', "\"\"")),
        false => name.to_owned(),
    };
    format!("{}.{}", part(schema), part(table))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, schema: &str, table: &str) -> bool {
        pattern.parse::<TablePattern>().unwrap().matches("public", schema, table)
    }

    #[test]
    fn patterns_match_names_as_they_are_written() {
        for (pattern, schema, table, wanted) in [
            ("orders", "public", "orders", true),
            ("orders", "sales", "orders", false),
            ("public.*", "public", "anything", true),
            ("*.*", "a", "b", true),
            ("*", "public", "b", true),
            ("*", "a", "b", false),
            ("sales.ord?r*", "sales", "order_items", true),
            ("sales.ord?r*", "sales", "ordr", false),
            ("a*b*c", "public", "a__b__b_c", true),
            ("a*b*c", "public", "a__c__b", false),
            ("public.Orders", "public", "orders", false),
            (r#""My Schema"."a.b""#, "My Schema", "a.b", true),
            (r#"public."*""#, "public", "x", false),
            (r#"public."*""#, "public", "*", true),
            (r#"public."a""b""#, "public", "a\"b", true),
        ] {
            assert_eq!(matches(pattern, schema, table), wanted, "{pattern} {schema} {table}");
        }
    }

    #[test]
    fn the_name_of_a_stream_is_a_pattern_that_means_only_its_table() {
        for (schema, table) in
            [("public", "orders"), ("a.b", "c"), ("a", "b.c"), ("a", "say \"hi\"*")]
        {
            let pattern: TablePattern = stream_name(schema, table).parse().unwrap();
            assert!(pattern.matches("x", schema, table) && pattern.is_name(), "{pattern}");
        }
    }

    #[test]
    fn a_bad_pattern_says_what_is_expected() {
        for bad in ["", "a..b", "a.b.c", "\"a", "\"a\"b", "a.\"\""] {
            let error = bad.parse::<TablePattern>().unwrap_err().to_string();
            assert!(error.contains("expected is `schema.table`"), "{error}");
        }
    }
}
