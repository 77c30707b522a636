//! Finds keys that the schema does not have, and names those that it has.

use serde_json::Value;

use crate::{Error, Result};

/// How alike (0 to 1) two keys must be for one to be suggested for the other.
const ALIKE: f64 = 0.75;

/// Refuses the first unknown key.
pub(super) fn refuse(config: &Value, schema: &Value) -> Result<()> {
    at(config, &[schema], schema, &mut String::new())
}

/// `schemas` are the alternatives that may apply here; a key that one of them has is known.
fn at(value: &Value, schemas: &[&Value], root: &Value, path: &mut String) -> Result<()> {
    let schemas: Vec<&Value> = schemas.iter().flat_map(|s| alternatives(s, root)).collect();
    let length = path.len();
    match value {
        Value::Object(map) => {
            let open =
                schemas.iter().any(|s| s.get("additionalProperties") != Some(&Value::Bool(false)));
            for (key, child) in map {
                if length > 0 {
                    path.push('.');
                }
                path.push_str(key);
                let children: Vec<&Value> =
                    schemas.iter().filter_map(|s| s.get("properties")?.get(key)).collect();
                match (children.is_empty(), open) {
                    (true, false) => return Err(unknown(key, path, &schemas)),
                    (true, true) => {
                        let maps = schemas.iter().filter_map(|s| s.get("additionalProperties"));
                        at(child, &maps.collect::<Vec<_>>(), root, path)?;
                    }
                    (false, _) => at(child, &children, root, path)?,
                }
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            let children: Vec<&Value> = schemas.iter().filter_map(|s| s.get("items")).collect();
            for (i, item) in items.iter().enumerate() {
                path.push_str(&format!("[{i}]"));
                at(item, &children, root, path)?;
                path.truncate(length);
            }
        }
        _ => {}
    }
    Ok(())
}

/// A schema without its references and choices.
fn alternatives<'s>(schema: &'s Value, root: &'s Value) -> Vec<&'s Value> {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = reference.strip_prefix('#').and_then(|p| root.pointer(p));
        return target.map_or_else(Vec::new, |t| alternatives(t, root));
    }
    let choices = ["anyOf", "oneOf", "allOf"].iter().filter_map(|key| schema.get(key)?.as_array());
    let mut all: Vec<&Value> = choices.flatten().flat_map(|s| alternatives(s, root)).collect();
    if all.is_empty() || schema.get("properties").is_some() {
        all.push(schema);
    }
    // A choice that is no object says nothing of keys.
    let objects: Vec<&Value> =
        all.iter().copied().filter(|s| s.get("properties").is_some()).collect();
    if objects.is_empty() { all } else { objects }
}

fn unknown(key: &str, path: &str, schemas: &[&Value]) -> Error {
    let properties = schemas.iter().filter_map(|s| s.get("properties")?.as_object());
    let mut valid: Vec<&str> = properties.flat_map(|p| p.keys().map(String::as_str)).collect();
    valid.sort_unstable();
    valid.dedup();
    let likeness = |known: &&str| strsim::jaro_winkler(key, known);
    let best = valid.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let hint = match best {
        Some(known) if likeness(&known) >= ALIKE => format!("; did you mean `{known}`?"),
        _ => ".".into(),
    };
    let list = if valid.is_empty() { "no settings here".into() } else { valid.join(", ") };
    Error::config(path, format!("`{key}` is no setting{hint} Valid: {list}"))
}
