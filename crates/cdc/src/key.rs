//! The key of a row, in an order that database and input agree on.

use serde::{Deserialize, Serialize};

/// The values of a key's columns, in order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(pub Vec<KeyPart>);

/// One value. The columns of a table's key are each of one kind, in every row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum KeyPart {
    /// An integer, in the order of integers.
    Int(i64),
    /// A text, in the order of its bytes: the database has to be asked for that order (`COLLATE
    /// "C"`), or to have it by itself (UUIDs, binary texts).
    Text(String),
}

impl Key {
    /// A key of one integer.
    pub fn int(value: i64) -> Self {
        Self(vec![KeyPart::Int(value)])
    }

    /// The integer, where the key is one.
    pub fn as_int(&self) -> Option<i64> {
        match self.0.as_slice() {
            [KeyPart::Int(value)] => Some(*value),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_json_arrays_and_compare_column_by_column() {
        let key = Key(vec![KeyPart::Int(7), KeyPart::Text("b".into())]);
        let json = serde_json::to_string(&key).unwrap();
        assert_eq!(json, r#"[7,"b"]"#);
        assert_eq!(serde_json::from_str::<Key>(&json).unwrap(), key);
        assert!(key < Key(vec![KeyPart::Int(10), KeyPart::Text("a".into())]));
        assert!(key > Key(vec![KeyPart::Int(7), KeyPart::Text("B".into())]));
    }
}
