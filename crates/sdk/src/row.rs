//! A row's columns, by index, borrowed from its JSON. No tree.
//!
//! The text must be JSON, as that of every [`Envelope`](crate::Envelope) is: this looks only for the
//! ends of keys and values.
//!
//! ```
//! use dstream_sdk::row::Columns;
//!
//! let columns = Columns::new(vec!["id".into(), "name".into()]);
//! let (mut cells, mut unknown) = (Vec::new(), Vec::new());
//! let row = r#"{"name": "Ada", "id": 7, "born": 1815}"#;
//! columns.read(row, &mut cells, |key| unknown.push(key.to_owned())).unwrap();
//! assert_eq!(cells[0].unwrap().json(), "7");
//! assert_eq!(cells[1].unwrap().text(), "Ada");
//! assert_eq!(unknown, ["born"]);
//! ```

use std::borrow::Cow;
use std::collections::HashMap;

/// The columns that rows are matched against.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    names: Vec<String>,
    /// Each name as its key stands in most rows, with quotes and colon.
    keys: Vec<String>,
    by_name: HashMap<String, usize>,
}

/// A value's JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell<'a> {
    json: &'a str,
    /// A string without escapes.
    plain: bool,
}

impl<'a> Cell<'a> {
    /// Any JSON.
    pub fn new(json: &'a str) -> Self {
        Self { json, plain: false }
    }

    /// The JSON as it stands in the row.
    #[inline]
    pub fn json(self) -> &'a str {
        self.json
    }

    /// Whether it is known to be a string without escapes; then it holds no control characters.
    #[inline]
    pub fn is_plain(self) -> bool {
        self.plain
    }

    /// Whether it is `null`.
    #[inline]
    pub fn is_null(self) -> bool {
        self.json == "null"
    }

    /// The text of a string; copied only where it holds escapes.
    #[inline]
    pub fn text(self) -> Cow<'a, str> {
        if self.plain { Cow::Borrowed(inner(self.json)) } else { text(self.json) }
    }
}

/// The text is no object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the row is no object of columns")]
pub struct NoObject;

impl Columns {
    /// Columns with these names, in this order.
    pub fn new(names: Vec<String>) -> Self {
        let keys = names.iter().map(|name| format!("{}:", serde_json::Value::from(name.as_str())));
        let keys = keys.collect();
        let by_name = names.iter().enumerate().map(|(at, name)| (name.clone(), at)).collect();
        Self { names, keys, by_name }
    }

    /// The names, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Puts each value of the object `json` at its column's index in `cells`, and hands every key
    /// that is no column to `unknown`. Keys mostly come in the columns' order, so the next column
    /// is compared first.
    ///
    /// # Errors
    /// Where `json` is no object.
    #[inline]
    pub fn read<'a>(
        &self,
        json: &'a str,
        cells: &mut Vec<Option<Cell<'a>>>,
        mut unknown: impl FnMut(&str),
    ) -> Result<(), NoObject> {
        cells.clear();
        cells.resize(self.names.len(), None);
        let mut scan = Scan { text: json, at: 0 };
        scan.blanks();
        if scan.byte() != b'{' {
            return Err(NoObject);
        }
        scan.at += 1;
        let mut expected = 0;
        loop {
            scan.blanks();
            match scan.byte() {
                b',' => scan.at += 1,
                b'"' => {
                    let key = self.keys.get(expected).map(String::as_bytes).unwrap_or_default();
                    let found = if !key.is_empty() && scan.rest().starts_with(key) {
                        scan.at += key.len();
                        Some(expected)
                    } else {
                        let found = self.find(scan.string().json, &mut unknown);
                        scan.blanks();
                        scan.at += 1;
                        found
                    };
                    scan.blanks();
                    let value = scan.value();
                    if let Some(at) = found {
                        cells[at] = Some(value);
                        expected = at + 1;
                    }
                }
                _ => return Ok(()),
            }
        }
    }

    /// `key` with its quotes.
    fn find(&self, key: &str, unknown: &mut impl FnMut(&str)) -> Option<usize> {
        let name = text(key);
        let found = self.by_name.get(&*name).copied();
        if found.is_none() {
            unknown(&name);
        }
        found
    }
}

/// A place in a text that is JSON; behind its end every byte is 0.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    #[inline]
    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    fn blanks(&mut self) {
        while matches!(self.byte(), b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
    }

    #[inline]
    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// The value that begins here; stands behind it afterwards.
    #[inline]
    fn value(&mut self) -> Cell<'a> {
        let start = self.at;
        match self.byte() {
            b'"' => return self.string(),
            b'{' | b'[' => self.skip_nested(),
            _ => {
                while !matches!(self.byte(), b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n' | 0)
                {
                    self.at += 1;
                }
            }
        }
        Cell::new(self.since(start))
    }

    /// The string that begins here, with its quotes.
    #[inline]
    fn string(&mut self) -> Cell<'a> {
        let start = self.at;
        self.at += 1;
        let mut plain = true;
        loop {
            self.at = plain_end(self.text.as_bytes(), self.at);
            match self.text.as_bytes().get(self.at) {
                Some(b'\\') => self.at += 2,
                Some(_) => {
                    self.at += 1;
                    return Cell { json: self.since(start), plain };
                }
                None => {
                    self.at = self.text.len();
                    return Cell::new(self.since(start));
                }
            }
            plain = false;
        }
    }

    fn skip_nested(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.byte() {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                b'"' => {
                    self.string();
                    continue;
                }
                0 => return,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }
}

/// Where the next quote or backslash stands, or the end. Eight bytes at a time: most texts of a row
/// are too short for a call of memchr to pay.
#[inline]
fn plain_end(text: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    while let Some(chunk) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let quote = word ^ (ONES * u64::from(b'"'));
        let slash = word ^ (ONES * u64::from(b'\\'));
        // The first byte with its high bit set is exact; a borrow can only spoil those after it.
        let zero = (quote.wrapping_sub(ONES) & !quote) | (slash.wrapping_sub(ONES) & !slash);
        let hits = zero & (ONES * 0x80);
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while text.get(at).is_some_and(|&byte| byte != b'"' && byte != b'\\') {
        at += 1;
    }
    at
}

/// A JSON string's text; copied only where it holds escapes.
fn text(json: &str) -> Cow<'_, str> {
    if !json.contains('\\') {
        return Cow::Borrowed(inner(json));
    }
    serde_json::from_str::<String>(json).map_or(Cow::Borrowed(inner(json)), Cow::Owned)
}

/// What stands between the quotes.
#[inline]
fn inner(json: &str) -> &str {
    json.get(1..json.len() - 1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    #[test]
    fn values_are_found_by_column_whatever_their_order() {
        let columns = Columns::new(vec!["a".into(), "b\"".into(), "c".into()]);
        let (mut cells, mut unknown) = (Vec::new(), Vec::new());
        let json = r#" {"c": {"x":["}"]} , "extra":1, "b\"":"t\\" }"#;
        columns.read(json, &mut cells, |key| unknown.push(key.to_owned())).unwrap();
        let json: Vec<_> = cells.iter().map(|cell| cell.map(|cell| cell.json)).collect();
        assert_eq!(json, [None, Some(r#""t\\""#), Some(r#"{"x":["}"]}"#)]);
        assert_eq!(unknown, ["extra"]);
        for no_object in ["[1]", "1", "null", "\"{}\""] {
            assert!(matches!(columns.read(no_object, &mut cells, |_| {}), Err(NoObject)));
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f32>().prop_map(Value::from),
            "[a-c\"\\\\{}\\[\\],:\n é]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c\"\\\\]{0,3}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_serde_json_finds(
            row in prop::collection::btree_map("[a-e\"\\\\é]{0,2}", json(), 0..6),
            names in prop::collection::btree_set("[a-e\"\\\\é]{0,2}", 0..6),
            pretty: bool,
        ) {
            let row: Map<String, Value> = row.into_iter().collect();
            let names: Vec<String> = names.into_iter().collect();
            let text = match pretty {
                true => serde_json::to_string_pretty(&row).unwrap(),
                false => serde_json::to_string(&row).unwrap(),
            };
            let row: Map<String, Value> = serde_json::from_str(&text).unwrap();
            let (mut cells, mut unknown) = (Vec::new(), Vec::new());
            Columns::new(names.clone()).read(&text, &mut cells, |key| unknown.push(key.to_owned())).unwrap();
            for (name, cell) in names.iter().zip(&cells) {
                let value = cell.map(|cell| serde_json::from_str::<Value>(cell.json).unwrap());
                prop_assert_eq!(value.as_ref(), row.get(name));
                if let (Some(cell), Some(Value::String(text))) = (cell, &value) {
                    prop_assert_eq!(&cell.text(), text);
                }
            }
            let expected: Vec<_> = row.keys().filter(|key| !names.contains(key)).cloned().collect();
            prop_assert_eq!(unknown, expected);
        }
    }
}
