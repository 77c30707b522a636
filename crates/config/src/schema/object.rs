//! Keys of objects: unknown, missing, written twice.

use dstream_protocol::keys::snake_case;
use serde_json::{Map, Value};

use super::{Checker, SchemaProblem, branches, join, name, problem};
use crate::suggest;

impl<'s> Checker<'s> {
    pub(super) fn object(
        &self,
        schema: &'s Value,
        map: &Map<String, Value>,
        path: &str,
        out: &mut Vec<SchemaProblem>,
    ) {
        let properties = schema.get("properties").and_then(Value::as_object);
        let closed = ["additionalProperties", "unevaluatedProperties"]
            .iter()
            .any(|k| schema.get(*k) == Some(&Value::Bool(false)));
        let mut known = Vec::new();
        self.known_keys(schema, &mut known, 0);
        for (key, value) in map {
            let here = join(path, key);
            let same = properties.and_then(|p| alike(key, p.keys().map(String::as_str)));
            if let Some(canonical) = same {
                if canonical != key && map.contains_key(canonical) {
                    out.push(written_twice(&here, key, canonical));
                } else if let Some(child) = properties.and_then(|p| p.get(canonical)) {
                    self.check(child, value, &here, out);
                }
            } else if let Some(extra) = schema.get("additionalProperties").filter(|s| s.is_object())
            {
                self.check(extra, value, &here, out);
            } else if closed && alike(key, known.iter().copied()).is_none() {
                out.push(unknown(&here, key, path, &known));
            }
        }
        self.required(schema, map, path, out);
    }

    fn required(
        &self,
        schema: &'s Value,
        map: &Map<String, Value>,
        path: &str,
        out: &mut Vec<SchemaProblem>,
    ) {
        for key in branches(schema, "required").iter().filter_map(Value::as_str) {
            if alike(key, map.keys().map(String::as_str)).is_none() {
                let mut found = problem(path, format!("{} needs `{key}`", name(path)));
                (found.at_key, found.missing) = (true, true);
                out.push(found);
            }
        }
    }

    /// The keys of a schema and of all that it is made of.
    fn known_keys(&self, schema: &'s Value, known: &mut Vec<&'s str>, depth: usize) {
        if depth > 8 {
            return;
        }
        let schema = self.resolve(schema);
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            known.extend(properties.keys().map(String::as_str));
        }
        for keyword in ["allOf", "anyOf", "oneOf"] {
            for part in branches(schema, keyword) {
                self.known_keys(part, known, depth + 1);
            }
        }
        known.sort_unstable();
        known.dedup();
    }
}

/// The name among `names` that is `key`, or is the same in the other case.
fn alike<'a>(key: &str, names: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let mut exact = names.clone().filter(|n| *n == key);
    let snake = snake_case(key);
    exact.next().or_else(|| names.clone().find(|n| snake_case(n) == snake))
}

fn unknown(here: &str, key: &str, path: &str, known: &[&str]) -> SchemaProblem {
    let place = if path.is_empty() { "the config".to_owned() } else { name(path) };
    SchemaProblem {
        suggestion: suggest::nearest(key, known.iter().copied()).map(str::to_owned),
        valid: known.iter().map(|k| (*k).to_owned()).collect(),
        at_key: true,
        ..problem(here, format!("{place} has no setting `{key}`"))
    }
}

fn written_twice(here: &str, key: &str, canonical: &str) -> SchemaProblem {
    SchemaProblem {
        at_key: true,
        ..problem(here, format!("`{key}` and `{canonical}` are the same setting, written twice"))
    }
}
