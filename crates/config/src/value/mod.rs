//! Values of expressions, each with its mark: sensitive or not.

mod number;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value as Json;

pub(crate) use number::Number;

/// A value. Its `Debug` does not show what is sensitive.
#[derive(Clone)]
pub(crate) struct Value {
    pub(crate) kind: Kind,
    /// Whether it, with all that is in it, must not be shown.
    pub(crate) sensitive: bool,
}

#[derive(Clone)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    /// Lists and tuples.
    List(Vec<Value>),
    /// In order, each once.
    Set(Vec<Value>),
    /// Maps and objects.
    Object(BTreeMap<String, Value>),
}

impl Value {
    pub(crate) const NULL: Self = Self { kind: Kind::Null, sensitive: false };

    pub(crate) fn string(text: impl Into<String>) -> Self {
        Kind::String(text.into()).into()
    }

    pub(crate) fn int(i: impl Into<i128>) -> Self {
        Kind::Number(Number::from_int(i.into())).into()
    }

    pub(crate) fn list(items: Vec<Self>) -> Self {
        Kind::List(items).into()
    }

    /// Sorts, and drops what is there twice.
    pub(crate) fn set(mut items: Vec<Self>) -> Self {
        items.sort_by_cached_key(Self::sort_key);
        items.dedup_by(|a, b| a.same(b));
        Kind::Set(items).into()
    }

    fn sort_key(&self) -> (u8, u64, String) {
        match &self.kind {
            Kind::Number(n) => {
                // The bits of a float, so turned that they order as the float does.
                let bits = n.as_f64().to_bits();
                let ordered = if bits >> 63 == 0 { bits | 1 << 63 } else { !bits };
                (0, ordered, n.to_string())
            }
            Kind::String(s) => (1, 0, s.clone()),
            _ => (2, 0, self.to_json().to_string()),
        }
    }

    /// Marked as sensitive, if told so.
    #[must_use]
    pub(crate) fn tainted(mut self, sensitive: bool) -> Self {
        self.sensitive |= sensitive;
        self
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// Whether it, or anything in it, is sensitive.
    pub(crate) fn holds_secret(&self) -> bool {
        self.sensitive
            || match &self.kind {
                Kind::List(items) | Kind::Set(items) => items.iter().any(Self::holds_secret),
                Kind::Object(map) => map.values().any(Self::holds_secret),
                _ => false,
            }
    }

    /// Without any mark.
    pub(crate) fn open(self) -> Self {
        let open_all = |items: Vec<Self>| items.into_iter().map(Self::open).collect();
        let kind = match self.kind {
            Kind::List(items) => Kind::List(open_all(items)),
            Kind::Set(items) => Kind::Set(open_all(items)),
            Kind::Object(map) => {
                Kind::Object(map.into_iter().map(|(k, v)| (k, v.open())).collect())
            }
            plain => plain,
        };
        kind.into()
    }

    /// Equal, whatever the marks.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::Null, Kind::Null) => true,
            (Kind::Bool(a), Kind::Bool(b)) => a == b,
            (Kind::Number(a), Kind::Number(b)) => a == b,
            (Kind::String(a), Kind::String(b)) => a == b,
            (Kind::List(a), Kind::List(b)) | (Kind::Set(a), Kind::Set(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b))
            }
            (Kind::Object(a), Kind::Object(b)) => {
                a.len() == b.len()
                    && a.iter().zip(b).all(|((ka, a), (kb, b))| ka == kb && a.same(b))
            }
            _ => false,
        }
    }

    /// What it is, in words.
    pub(crate) fn describe(&self) -> &'static str {
        match self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "a bool",
            Kind::Number(_) => "a number",
            Kind::String(_) => "a string",
            Kind::List(_) => "a list",
            Kind::Set(_) => "a set",
            Kind::Object(_) => "an object",
        }
    }

    /// The elements of a list or set; each is sensitive where the whole is.
    pub(crate) fn elements(&self) -> Option<Vec<Self>> {
        match &self.kind {
            Kind::List(items) | Kind::Set(items) => {
                Some(items.iter().map(|v| v.clone().tainted(self.sensitive)).collect())
            }
            _ => None,
        }
    }

    /// As a string, where conversion to one is implied: strings, numbers, bools.
    pub(crate) fn to_text(&self) -> Option<String> {
        match &self.kind {
            Kind::String(s) => Some(s.clone()),
            Kind::Number(n) => Some(n.to_string()),
            Kind::Bool(b) => Some(b.to_string()),
            _ => None,
        }
    }

    pub(crate) fn to_number(&self) -> Option<Number> {
        match &self.kind {
            Kind::Number(n) => Some(*n),
            Kind::String(s) => Number::parse(s),
            _ => None,
        }
    }

    pub(crate) fn to_bool(&self) -> Option<bool> {
        match &self.kind {
            Kind::Bool(b) => Some(*b),
            Kind::String(s) => match s.as_str() {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// The plain JSON, secrets and all.
    pub(crate) fn to_json(&self) -> Json {
        match &self.kind {
            Kind::Null => Json::Null,
            Kind::Bool(b) => Json::Bool(*b),
            Kind::Number(n) => n.to_json(),
            Kind::String(s) => Json::String(s.clone()),
            Kind::List(items) | Kind::Set(items) => items.iter().map(Self::to_json).collect(),
            Kind::Object(map) => map.iter().map(|(k, v)| (k.clone(), v.to_json())).collect(),
        }
    }

    pub(crate) fn from_json(json: &Json) -> Self {
        match json {
            Json::Null => Kind::Null,
            Json::Bool(b) => Kind::Bool(*b),
            Json::Number(n) => Number::from_json(n).map_or(Kind::Null, Kind::Number),
            Json::String(s) => Kind::String(s.clone()),
            Json::Array(items) => Kind::List(items.iter().map(Self::from_json).collect()),
            Json::Object(map) => {
                Kind::Object(map.iter().map(|(k, v)| (k.clone(), Self::from_json(v))).collect())
            }
        }
        .into()
    }

    /// How much there is of it, roughly in bytes: what a copy costs.
    pub(crate) fn size(&self) -> u64 {
        let inside = match &self.kind {
            Kind::String(s) => s.len() as u64,
            Kind::List(items) | Kind::Set(items) => items.iter().map(Self::size).sum(),
            Kind::Object(map) => map.iter().map(|(k, v)| k.len() as u64 + v.size()).sum(),
            _ => 0,
        };
        inside.saturating_add(16)
    }
}

impl From<Kind> for Value {
    fn from(kind: Kind) -> Self {
        Self { kind, sensitive: false }
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Kind::Bool(b).into()
    }
}

impl From<Number> for Value {
    fn from(n: Number) -> Self {
        Kind::Number(n).into()
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.holds_secret() {
            return f.write_str("(sensitive)");
        }
        self.to_json().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sensitive_value_does_not_show_in_debug_output() {
        let value = Value::list(vec![Value::string("pw-7").tainted(true)]);
        assert_eq!(format!("{value:?}"), "(sensitive)");
        assert!(format!("{:?}", value.open()).contains("pw-7"));
    }

    #[test]
    fn a_set_is_in_order_and_holds_each_element_once() {
        let set = Value::set(vec![Value::int(10), Value::int(-2), Value::int(9), Value::int(10)]);
        assert_eq!(set.to_json(), serde_json::json!([-2, 9, 10]));
    }

    #[test]
    fn elements_of_a_sensitive_list_are_sensitive() {
        let list = Value::list(vec![Value::int(1)]).tainted(true);
        assert!(list.elements().unwrap()[0].sensitive);
    }
}
