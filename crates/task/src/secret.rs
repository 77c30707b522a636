//! References to secrets, and what puts the values back in.
//!
//! In a [`Task`](crate::Task)'s config a secret stands as `{"$secret":"<id>"}`. The id says where it
//! was written, such as `orders/output/config.password`; it is no secret itself.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

/// The key of a reference.
pub const KEY: &str = "$secret";

/// What is shown in a secret's place.
pub const MASK: &str = "(sensitive)";

/// The value of one secret. Prints as `(sensitive)`.
#[derive(Clone, PartialEq)]
pub struct Secret(Value);

impl Secret {
    /// Takes a value in.
    pub fn new(value: Value) -> Self {
        Self(value)
    }

    /// The value itself. Whoever calls this must not print it.
    pub fn expose(&self) -> &Value {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// The values of a task file's secrets, by id.
#[derive(Debug, Clone, Default)]
pub struct Secrets(BTreeMap<String, Secret>);

/// A config refers to a secret that nobody supplied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the secret `{0}` is not known")]
pub struct UnknownSecret(pub String);

impl Secrets {
    /// Keeps a value and gives the reference that stands for it.
    pub fn insert(&mut self, id: impl Into<String>, value: Value) -> Value {
        let id = id.into();
        let reference = reference(&id);
        self.0.insert(id, Secret::new(value));
        reference
    }

    /// Puts the values in the place of their references.
    ///
    /// # Errors
    /// Where a reference has no value here.
    pub fn resolve(&self, config: &Value) -> Result<Value, UnknownSecret> {
        if let Some(id) = referenced(config) {
            let secret = self.0.get(id).ok_or_else(|| UnknownSecret(id.to_owned()))?;
            return Ok(secret.expose().clone());
        }
        Ok(match config {
            Value::Array(items) => {
                Value::Array(items.iter().map(|v| self.resolve(v)).collect::<Result<_, _>>()?)
            }
            Value::Object(map) => Value::Object(
                map.iter()
                    .map(|(k, v)| Ok((k.clone(), self.resolve(v)?)))
                    .collect::<Result<Map<_, _>, UnknownSecret>>()?,
            ),
            plain => plain.clone(),
        })
    }

    /// Every string and number inside the secrets, for masking logs.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        for secret in self.0.values() {
            collect_words(secret.expose(), &mut words);
        }
        words.sort_by_key(|w| std::cmp::Reverse(w.len()));
        words.dedup();
        words
    }
}

/// The id that a value refers to, if it is a reference.
pub fn referenced(value: &Value) -> Option<&str> {
    let map = value.as_object().filter(|m| m.len() == 1)?;
    map.get(KEY)?.as_str()
}

/// A copy of a config that can be shown: every reference becomes `(sensitive)`.
pub fn masked(config: &Value) -> Value {
    if referenced(config).is_some() {
        return Value::String(MASK.into());
    }
    match config {
        Value::Array(items) => Value::Array(items.iter().map(masked).collect()),
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), masked(v))).collect(),
        plain => plain.clone(),
    }
}

fn reference(id: &str) -> Value {
    Value::Object(Map::from_iter([(KEY.to_owned(), Value::String(id.to_owned()))]))
}

fn collect_words(value: &Value, words: &mut Vec<String>) {
    match value {
        Value::String(text) if !text.is_empty() => words.push(text.clone()),
        Value::Number(number) => words.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|v| collect_words(v, words)),
        Value::Object(map) => map.values().for_each(|v| collect_words(v, words)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secret_is_neither_in_the_config_nor_printed_and_comes_back_when_resolved() {
        let mut secrets = Secrets::default();
        let config = json!({"url": secrets.insert("t/input/config.url", json!("pw-7")), "n": 1});
        assert!(!config.to_string().contains("pw-7"));
        assert!(!format!("{secrets:?}").contains("pw-7"));
        assert_eq!(masked(&config), json!({"url": "(sensitive)", "n": 1}));
        assert_eq!(secrets.resolve(&config), Ok(json!({"url": "pw-7", "n": 1})));
        let stray = reference("nowhere");
        assert_eq!(secrets.resolve(&stray), Err(UnknownSecret("nowhere".into())));
    }
}
