//! Checks a config block against the JSON Schema that a provider describes itself with.
//!
//! The part of JSON Schema 2020-12 that `schemars` writes: `$ref`, `type`, `enum`, `const`,
//! `anyOf`, `oneOf`, `allOf`, `properties`, `additionalProperties`, `required`, `items`,
//! `prefixItems`, limits of length and size, `pattern`. What is not in this list is not checked;
//! the provider has the last word. Sensitive values are checked as well, and not shown.

mod choice;
mod object;
mod scalar;
mod sensitive;

use std::cell::Cell;

use dstream_task::Secrets;
use dstream_task::secret::referenced;
use serde_json::Value;

/// One thing that a config says and its schema does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaProblem {
    /// Where: `tables[1]`, `lock_config.type`; empty for the block itself.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// The name that was probably meant.
    pub suggestion: Option<String>,
    /// The keys or values that are valid there.
    pub valid: Vec<String>,
    /// What to do, where the names do not tell.
    pub help: Option<String>,
    /// Whether the key is at fault, not its value.
    pub at_key: bool,
    /// Whether something is not there that has to be.
    pub missing: bool,
}

/// Everything in `config` that `schema` does not allow, in the order of the keys. A key may be
/// written in snake or camel case, whichever the schema has. `secrets` are those that the config
/// refers to; no message holds one.
pub fn check_against_schema(
    schema: &Value,
    config: &Value,
    secrets: &Secrets,
) -> Vec<SchemaProblem> {
    let mut problems = Vec::new();
    Checker { root: schema, secrets, depth: Cell::new(0) }.check(schema, config, "", &mut problems);
    problems
}

struct Checker<'s> {
    root: &'s Value,
    secrets: &'s Secrets,
    depth: Cell<usize>,
}

/// Schemas within schemas: more than this is a loop.
const MAX_DEPTH: usize = 100;

/// References that lead to references: more than this is a loop.
const MAX_REFERENCES: usize = 32;

impl<'s> Checker<'s> {
    fn check(&self, schema: &'s Value, value: &Value, path: &str, out: &mut Vec<SchemaProblem>) {
        if self.depth.get() >= MAX_DEPTH {
            return;
        }
        if referenced(value).is_some() {
            return self.sensitive(schema, value, path, out);
        }
        self.depth.set(self.depth.get() + 1);
        self.check_resolved(self.resolve(schema), value, path, out);
        self.depth.set(self.depth.get() - 1);
    }

    fn check_resolved(
        &self,
        schema: &'s Value,
        value: &Value,
        path: &str,
        out: &mut Vec<SchemaProblem>,
    ) {
        if schema == &Value::Bool(false) {
            out.push(problem(path, "this setting is not allowed here"));
            return;
        }
        if let Some(found) = scalar::wrong_type(schema, value, path) {
            out.push(found);
            return;
        }
        if let Some(found) = scalar::not_listed(schema, value, path) {
            out.push(found);
            return;
        }
        scalar::limits(schema, value, path, out);
        match value {
            Value::Object(map) => self.object(schema, map, path, out),
            Value::Array(items) => self.array(schema, items, path, out),
            _ => {}
        }
        for part in branches(schema, "allOf") {
            self.check(part, value, path, out);
        }
        for keyword in ["anyOf", "oneOf"] {
            self.choice(branches(schema, keyword), value, path, out);
        }
    }

    fn array(&self, schema: &'s Value, items: &[Value], path: &str, out: &mut Vec<SchemaProblem>) {
        let first = branches(schema, "prefixItems");
        for (i, item) in items.iter().enumerate() {
            if let Some(item_schema) = first.get(i).or_else(|| schema.get("items")) {
                self.check(item_schema, item, &format!("{path}[{i}]"), out);
            }
        }
    }

    /// Follows references within the document.
    fn resolve(&self, mut schema: &'s Value) -> &'s Value {
        for _ in 0..MAX_REFERENCES {
            let reference = schema.get("$ref").and_then(Value::as_str);
            let target = reference.and_then(|r| r.strip_prefix('#'));
            match target.and_then(|pointer| self.root.pointer(pointer)) {
                Some(found) => schema = found,
                None => break,
            }
        }
        schema
    }
}

fn branches<'s>(schema: &'s Value, keyword: &str) -> &'s [Value] {
    schema.get(keyword).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn problem(path: &str, message: impl Into<String>) -> SchemaProblem {
    SchemaProblem {
        path: path.to_owned(),
        message: message.into(),
        suggestion: None,
        valid: Vec::new(),
        help: None,
        at_key: false,
        missing: false,
    }
}

/// The last part of a path, for a message.
fn name(path: &str) -> String {
    if path.is_empty() {
        return "the config block".into();
    }
    format!("`{}`", path.rsplit('.').next().unwrap_or(path))
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests;
