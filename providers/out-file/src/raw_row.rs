//! A row's columns, by index, borrowed from its JSON. No tree.

use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The columns that rows are matched against.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Columns {
    names: Vec<String>,
    by_name: HashMap<String, usize>,
}

impl Columns {
    pub(crate) fn new(names: Vec<String>) -> Self {
        let by_name = names.iter().enumerate().map(|(at, name)| (name.clone(), at)).collect();
        Self { names, by_name }
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Keys mostly come in the columns' order, so the next one is compared first.
    #[inline]
    fn find(&self, key: &str, expected: usize) -> Option<usize> {
        match self.names.get(expected) {
            Some(name) if name == key => Some(expected),
            _ => self.by_name.get(key).copied(),
        }
    }

    /// Puts each value of the object `json` at its column's index in `cells`, and hands every key
    /// that is no column to `unknown`.
    ///
    /// # Errors
    /// Where `json` is no object.
    pub(crate) fn read<'a>(
        &self,
        json: &'a str,
        cells: &mut Vec<Option<&'a str>>,
        unknown: impl FnMut(&str),
    ) -> Result<(), serde_json::Error> {
        cells.clear();
        cells.resize(self.names.len(), None);
        let mut deserializer = serde_json::Deserializer::from_str(json);
        deserializer.deserialize_map(RowVisitor { columns: self, cells, unknown })
    }
}

struct RowVisitor<'r, 'a, F> {
    columns: &'r Columns,
    cells: &'r mut Vec<Option<&'a str>>,
    unknown: F,
}

impl<'a, F: FnMut(&str)> Visitor<'a> for RowVisitor<'_, 'a, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of columns")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut expected = 0;
        loop {
            let key = Key { columns: self.columns, expected, unknown: &mut self.unknown };
            match map.next_key_seed(key)? {
                None => return Ok(()),
                Some(None) => drop(map.next_value::<IgnoredAny>()?),
                Some(Some(at)) => {
                    let value: &'a RawValue = map.next_value()?;
                    self.cells[at] = Some(value.get());
                    expected = at + 1;
                }
            }
        }
    }
}

struct Key<'r, F> {
    columns: &'r Columns,
    expected: usize,
    unknown: F,
}

impl<'de, F: FnMut(&str)> DeserializeSeed<'de> for Key<'_, F> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<F: FnMut(&str)> Visitor<'_> for Key<'_, F> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a column's name")
    }

    fn visit_str<E>(mut self, key: &str) -> Result<Self::Value, E> {
        let found = self.columns.find(key, self.expected);
        if found.is_none() {
            (self.unknown)(key);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_column_whatever_their_order() {
        let columns = Columns::new(vec!["a".into(), "b\"".into(), "c".into()]);
        let (mut cells, mut unknown) = (Vec::new(), Vec::new());
        let json = r#"{"c": {"x":[1]}, "extra":1, "b\"":"t\n"}"#;
        columns.read(json, &mut cells, |key| unknown.push(key.to_owned())).unwrap();
        assert_eq!(cells, [None, Some(r#""t\n""#), Some(r#"{"x":[1]}"#)]);
        assert_eq!(unknown, ["extra"]);
        assert!(columns.read("[1]", &mut cells, |_| {}).is_err());
    }
}
