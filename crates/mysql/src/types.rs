//! A column's type, as the catalog writes it: `bigint(20) unsigned`, `enum('a','b')`.

use crate::Server;

/// Types that may be followed by `(n)` or `(n,m)`, `unsigned` and `zerofill`.
const PLAIN: [&str; 36] = [
    "tinyint",
    "smallint",
    "mediumint",
    "int",
    "bigint",
    "decimal",
    "float",
    "double",
    "bit",
    "date",
    "time",
    "datetime",
    "timestamp",
    "year",
    "char",
    "varchar",
    "binary",
    "varbinary",
    "tinytext",
    "text",
    "mediumtext",
    "longtext",
    "tinyblob",
    "blob",
    "mediumblob",
    "longblob",
    "json",
    "geometry",
    "point",
    "linestring",
    "polygon",
    "multipoint",
    "multilinestring",
    "multipolygon",
    "geometrycollection",
    "geomcollection",
];

/// A type that a server has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnType {
    text: String,
    base_ends: usize,
}

impl ColumnType {
    /// Reads it; `None`: this server has no such type, or it is no type at all.
    pub fn of(server: &Server, text: &str) -> Option<Self> {
        let text = lowercase(text);
        let base_ends = text.find(['(', ' ']).unwrap_or(text.len());
        let (base, rest) = text.split_at(base_ends);
        let maria = |since| server.is_mariadb() && server.release() >= since && rest.is_empty();
        let known = match base {
            "enum" | "set" => is_labels(rest),
            "uuid" => server.has_uuid() && rest.is_empty(),
            "inet6" => maria(1005),
            "inet4" => maria(1010),
            base => PLAIN.contains(&base) && is_modifier(rest),
        };
        known.then_some(Self { text, base_ends })
    }

    /// The type without length, labels and modifiers.
    pub fn base(&self) -> &str {
        &self.text[..self.base_ends]
    }

    /// What stands in parentheses, where that is one number.
    pub fn length(&self) -> Option<usize> {
        let rest = self.text[self.base_ends..].strip_prefix('(')?;
        rest.split_once(')')?.0.parse().ok()
    }

    /// As every server of the family reads it.
    pub fn sql(&self) -> String {
        self.text.replace("geomcollection", "geometrycollection")
    }
}

/// The labels of an enum keep their case.
fn lowercase(text: &str) -> String {
    let end = text.find('\'').unwrap_or(text.len());
    text[..end].to_ascii_lowercase() + &text[end..]
}

/// `(n)`, `(n,m)`, `unsigned`, `zerofill`, or nothing.
fn is_modifier(rest: &str) -> bool {
    let rest = match rest.strip_prefix('(').and_then(|inside| inside.split_once(')')) {
        Some((numbers, rest)) if numbers.bytes().all(|b| b.is_ascii_digit() || b == b',') => rest,
        Some(_) => return false,
        None => rest,
    };
    rest.split_whitespace().all(|word| matches!(word, "unsigned" | "zerofill"))
}

/// `('a','it''s')`, and nothing that could end the quotes.
fn is_labels(rest: &str) -> bool {
    let Some(inside) = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) else {
        return false;
    };
    let mut quoted = false;
    for char in inside.chars() {
        match char {
            '\'' => quoted = !quoted,
            ',' => {}
            _ if !quoted => return false,
            '\\' => return false,
            _ => {}
        }
    }
    !quoted && !inside.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Flavor;

    fn known(version: &str, text: &str) -> Option<String> {
        let server = Server {
            flavor: Flavor::MariaDb,
            version: version.into(),
            id: 1,
            identity: String::new(),
        };
        ColumnType::of(&server, text).map(|known| known.sql())
    }

    #[test]
    fn a_type_is_known_only_where_it_is_one() {
        for (text, expected) in [
            ("BIGINT(20) unsigned zerofill", Some("bigint(20) unsigned zerofill")),
            ("decimal(10,2)", Some("decimal(10,2)")),
            ("enum('A','it''s (x)')", Some("enum('A','it''s (x)')")),
            ("enum('a') DEFAULT ('x')", None),
            (r"enum('a\'')", None),
            ("int); DROP TABLE t; --", None),
            ("geomcollection", Some("geometrycollection")),
            ("vector(3)", None),
            ("inet4", Some("inet4")),
        ] {
            assert_eq!(known("10.11.6", text).as_deref(), expected, "{text}");
        }
        assert_eq!(known("10.6.1", "uuid"), None);
    }
}
