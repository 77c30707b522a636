//! The splitter against literal cases and against the `csv` crate.

use super::*;
use proptest::prelude::*;

fn records(dialect: Dialect, text: &[u8]) -> Vec<Result<Vec<String>, &'static str>> {
    let (mut rest, mut out) = (text, Vec::new());
    let (mut fields, mut scratch) = (Vec::new(), Vec::new());
    while !rest.is_empty() {
        match split(dialect, rest, true, &mut fields) {
            Split::Record { len, content, .. } => {
                let record = &rest[..content];
                let texts = fields.iter().map(|&f| {
                    String::from_utf8(text_of(dialect, record, f, &mut scratch)).unwrap()
                });
                out.push(Ok(texts.collect()));
                rest = &rest[len..];
            }
            Split::Malformed { len, why, .. } => {
                out.push(Err(why));
                rest = &rest[len..];
            }
            Split::Incomplete => panic!("incomplete at the end of the file"),
        }
    }
    out
}

fn text_of(dialect: Dialect, record: &[u8], field: Field, scratch: &mut Vec<u8>) -> Vec<u8> {
    super::text(dialect, record, field, scratch).to_vec()
}

fn of(text: &str) -> Vec<Result<Vec<String>, &'static str>> {
    records(Dialect::default(), text.as_bytes())
}

fn row(fields: &[&str]) -> Result<Vec<String>, &'static str> {
    Ok(fields.iter().map(|f| (*f).to_owned()).collect())
}

#[test]
fn quotes_delimiters_and_line_ends_inside_quotes_are_text() {
    let text = "a,\"b,\"\"c\"\"\r\nd\",e\r\n\"\",,\n";
    assert_eq!(of(text), [row(&["a", "b,\"c\"\r\nd", "e"]), row(&["", "", ""])]);
}

#[test]
fn every_line_end_ends_a_record_and_the_last_one_may_lack_it() {
    assert_eq!(of("a\nb\r\nc\rd"), [row(&["a"]), row(&["b"]), row(&["c"]), row(&["d"])]);
}

#[test]
fn a_quote_inside_an_unquoted_field_is_an_ordinary_character() {
    assert_eq!(of("5\" pipe,6\n"), [row(&["5\" pipe", "6"])]);
}

#[test]
fn a_quote_that_is_never_closed_costs_one_line_only() {
    assert_eq!(of("a,\"b\nc,d\n"), [Err(UNCLOSED), row(&["c", "d"])]);
    assert_eq!(of("\"a\"b,c\nd\n"), [Err(AFTER_QUOTE), row(&["d"])]);
}

#[test]
fn a_record_counts_the_lines_that_it_covers() {
    let mut fields = Vec::new();
    let found = split(Dialect::default(), b"\"a\nb\nc\",d\n", false, &mut fields);
    assert_eq!(found, Split::Record { len: 10, content: 9, lines: 3 });
}

#[test]
fn without_a_quote_character_quotes_are_text() {
    let dialect = Dialect { delimiter: b'\t', quote: None };
    assert_eq!(records(dialect, b"\"a\tb\"\n"), [row(&["\"a", "b\""])]);
}

proptest! {
    #[test]
    fn what_the_csv_crate_writes_is_read_back(
        rows in prop::collection::vec(prop::collection::vec("[a-c,\"\r\n ;é]{0,6}", 2..5), 1..12),
        crlf: bool,
    ) {
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut writer =
            csv::WriterBuilder::new().flexible(true).terminator(terminator).from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let text = writer.into_inner().unwrap();
        let expected: Vec<_> = rows.iter().map(|r| Ok(r.clone())).collect();
        prop_assert_eq!(records(Dialect::default(), &text), expected);
    }

    #[test]
    fn a_record_is_the_same_however_the_file_is_cut_into_reads(text in "[a,\"\r\n]{0,24}") {
        let whole = records(Dialect::default(), text.as_bytes());
        let (mut at, mut seen, mut out) = (0, 0, Vec::new());
        let mut fields = Vec::new();
        let bytes = text.as_bytes();
        while at < bytes.len() {
            let at_end = seen == bytes.len();
            match split(Dialect::default(), &bytes[at..seen], at_end, &mut fields) {
                Split::Incomplete => seen += 1,
                Split::Record { len, content, .. } => {
                    let record = &bytes[at..at + content];
                    let texts = fields.iter().map(|&f| {
                        String::from_utf8(text_of(Dialect::default(), record, f, &mut Vec::new())).unwrap()
                    });
                    out.push(Ok(texts.collect()));
                    at += len;
                }
                Split::Malformed { len, why, .. } => {
                    out.push(Err(why));
                    at += len;
                }
            }
        }
        prop_assert_eq!(out, whole);
    }
}
