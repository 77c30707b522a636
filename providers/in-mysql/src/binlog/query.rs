//! Query events: statements that were logged as such. What of them matters to a stream of rows?

use super::bytes::{Bytes, Damaged, Read};

/// A query event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query<'a> {
    pub(crate) database: &'a [u8],
    pub(crate) sql: &'a [u8],
}

/// Reads the event.
pub(crate) fn read(body: &[u8]) -> Read<Query<'_>> {
    let mut bytes = Bytes(body);
    bytes.take(8)?;
    let database = usize::from(bytes.byte()?);
    bytes.take(2)?;
    let variables = bytes.uint(2)?;
    bytes.take(usize::try_from(variables).unwrap_or(usize::MAX))?;
    let database = bytes.take(database)?;
    bytes.take(1)?;
    Ok(Query { database, sql: bytes.0 })
}

/// What a statement does, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    Begin,
    /// Ends a transaction: `COMMIT`, or `ROLLBACK` behind changes of tables without transactions.
    Commit,
    Rollback,
    /// Within a transaction, and without meaning here.
    Savepoint,
    /// `XA START`: rows follow.
    XaStart,
    /// `XA COMMIT` and `XA ROLLBACK` of a transaction that was prepared before.
    XaEnd,
    Truncate(Name),
    /// Rows are gone without row events: a table, or a partition of it.
    Gone(Vec<Name>),
    /// Rows changed by a statement: the server's binlog_format was not ROW.
    Rows(Vec<Name>),
    /// Columns may have changed.
    Other,
}

/// A table's name as a statement has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) database: Option<String>,
    pub(crate) table: String,
}

/// Looks at a statement's first words.
pub(crate) fn classify(sql: &[u8]) -> Statement {
    let text = String::from_utf8_lossy(sql);
    let mut words = Words(&text);
    let first = words.next().map(Word::upper).unwrap_or_default();
    let mut second = || words.next().map(Word::upper).unwrap_or_default();
    match first.as_str() {
        "BEGIN" => Statement::Begin,
        "START" => Statement::Begin,
        "COMMIT" => Statement::Commit,
        "ROLLBACK" if second() == "TO" => Statement::Savepoint,
        "ROLLBACK" => Statement::Rollback,
        "SAVEPOINT" | "RELEASE" => Statement::Savepoint,
        "XA" => match second().as_str() {
            "START" | "BEGIN" => Statement::XaStart,
            "COMMIT" | "ROLLBACK" => Statement::XaEnd,
            _ => Statement::Savepoint,
        },
        "TRUNCATE" => truncate(words).map_or(Statement::Other, Statement::Truncate),
        "DROP" => dropped(words),
        "ALTER" => altered(words),
        "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "LOAD" | "WITH" => {
            Statement::Rows(names(words))
        }
        _ => Statement::Other,
    }
}

fn truncate(mut words: Words<'_>) -> Option<Name> {
    let rest = words.0;
    if words.next()?.upper() != "TABLE" {
        words = Words(rest);
    }
    name(&mut words)
}

fn dropped(mut words: Words<'_>) -> Statement {
    match words.next().map(Word::upper).as_deref() {
        // `DROP TEMPORARY TABLE` is another matter.
        Some("TABLE") => Statement::Gone(names(words)),
        _ => Statement::Other,
    }
}

/// `ALTER TABLE … DROP|TRUNCATE|EXCHANGE|DISCARD … PARTITION|TABLESPACE`.
fn altered(mut words: Words<'_>) -> Statement {
    if words.next().map(Word::upper).as_deref() != Some("TABLE") {
        return Statement::Other;
    }
    let Some(table) = name(&mut words) else { return Statement::Other };
    let mut before = String::new();
    while let Some(word) = words.next() {
        let word = word.upper();
        let takes = ["DROP", "TRUNCATE", "EXCHANGE", "DISCARD"].contains(&before.as_str());
        if takes && matches!(word.as_str(), "PARTITION" | "TABLESPACE") {
            return Statement::Gone(vec![table]);
        }
        before = word;
    }
    Statement::Other
}

/// Everything that could be the name of a table.
fn names(mut words: Words<'_>) -> Vec<Name> {
    let mut all = Vec::new();
    while !words.0.is_empty() {
        match name(&mut words) {
            Some(name) => all.push(name),
            None => {
                if words.next().is_none() {
                    break;
                }
            }
        }
    }
    all
}

/// `table` or `database.table`, here.
fn name(words: &mut Words<'_>) -> Option<Name> {
    let before = words.0;
    let Some(Word::Name(first)) = words.next() else {
        words.0 = before;
        return None;
    };
    let rest = words.0;
    if let (Some(Word::Sign('.')), Some(Word::Name(table))) = (words.next(), words.next()) {
        return Some(Name { database: Some(first), table });
    }
    words.0 = rest;
    Some(Name { database: None, table: first })
}

/// A piece of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    /// A keyword, or a name with or without quotes.
    Name(String),
    Text,
    Sign(char),
}

impl Word {
    fn upper(self) -> String {
        match self {
            Self::Name(name) => name.to_ascii_uppercase(),
            _ => String::new(),
        }
    }
}

/// Splits a statement; comments are left out, but for those that a server runs.
struct Words<'a>(&'a str);

impl Words<'_> {
    fn skip_blanks(&mut self) {
        loop {
            self.0 = self.0.trim_start();
            let after = |end: Option<usize>, length: usize, text: &'_ str| {
                end.map_or(text.len(), |at| at + length)
            };
            if let Some(rest) = ["/*!", "/*M!"].iter().find_map(|open| self.0.strip_prefix(open)) {
                self.0 = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            } else if self.0.starts_with("/*") {
                self.0 = &self.0[after(self.0.find("*/"), 2, self.0)..];
            } else if self.0.starts_with('#') || self.0.starts_with("-- ") {
                self.0 = &self.0[after(self.0.find('\n'), 1, self.0)..];
            } else if let Some(rest) = self.0.strip_prefix("*/") {
                self.0 = rest;
            } else {
                return;
            }
        }
    }

    fn next(&mut self) -> Option<Word> {
        self.skip_blanks();
        let first = self.0.chars().next()?;
        if matches!(first, '`' | '"' | '\'') {
            let (text, rest) = quoted(self.0, first);
            self.0 = rest;
            return Some(if first == '\'' { Word::Text } else { Word::Name(text) });
        }
        let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let end = self.0.find(|c| !plain(c)).unwrap_or(self.0.len());
        if end == 0 {
            self.0 = &self.0[first.len_utf8()..];
            return Some(Word::Sign(first));
        }
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        Some(Word::Name(word.to_owned()))
    }
}

/// What is in the quotes, and what follows them.
fn quoted(text: &str, quote: char) -> (String, &str) {
    let mut inner = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && quote != '`' {
            chars.next();
        } else if c != quote {
            inner.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == quote) {
            chars.next();
            inner.push(c);
        } else {
            return (inner, &text[at + quote.len_utf8()..]);
        }
    }
    (inner, "")
}

/// Rows that were logged as `LOAD DATA`, without their rows.
pub(crate) fn load() -> Damaged {
    Damaged("LOAD DATA was logged as a statement")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(database: Option<&str>, table: &str) -> Name {
        Name { database: database.map(str::to_owned), table: table.into() }
    }

    #[test]
    fn statements_are_told_apart_by_their_first_words() {
        for (sql, wanted) in [
            ("BEGIN", Statement::Begin),
            ("COMMIT /* 7 */", Statement::Commit),
            ("rollback", Statement::Rollback),
            ("ROLLBACK TO `s`", Statement::Savepoint),
            ("XA START X'31',X'',1", Statement::XaStart),
            ("TRUNCATE t", Statement::Truncate(of(None, "t"))),
            ("/* x */ truncate table `a b`.`t``x`", Statement::Truncate(of(Some("a b"), "t`x"))),
            ("TRUNCATE TABLE -- no\n table2", Statement::Truncate(of(None, "table2"))),
            ("DROP TABLE `t` /* generated by server */", Statement::Gone(vec![of(None, "t")])),
            ("ALTER TABLE t DROP PARTITION p0", Statement::Gone(vec![of(None, "t")])),
            ("ALTER TABLE t ADD c int", Statement::Other),
            ("ALTER TABLE t DROP COLUMN `partition`", Statement::Other),
            ("CREATE TABLE t (id int)", Statement::Other),
        ] {
            assert_eq!(classify(sql.as_bytes()), wanted, "{sql}");
        }
    }

    #[test]
    fn a_statement_that_changes_rows_gives_every_name_in_it_and_no_text() {
        let Statement::Rows(names) = classify(b"INSERT INTO shop.t VALUES ('orders', 1)") else {
            panic!("a statement that changes rows");
        };
        assert!(names.contains(&of(Some("shop"), "t")));
        assert!(!names.iter().any(|name| name.table == "orders"));
    }
}
