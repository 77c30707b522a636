//! Config keys that are written in another case than the schema has them.
//!
//! The original's settings are in camel case (`maxCount`), most others in snake case. A file may use
//! either: a key that the schema does not know, but that becomes a known one when both are written
//! in snake case, is that one.

use serde_json::{Map, Value};

/// A key in snake case: `maxCount` and `max_count` become the same.
pub fn snake_case(key: &str) -> String {
    let mut out = String::with_capacity(key.len() + 4);
    for (i, c) in key.char_indices() {
        if c.is_ascii_uppercase() {
            if i > 0 && !out.ends_with('_') {
                out.push('_');
            }
            out.push(c.to_ascii_lowercase());
        } else {
            out.push(c);
        }
    }
    out
}

/// The key of `schema` that `key` stands for: itself, or the one that is equal in snake case.
pub fn known_key<'s>(key: &str, schema: &'s Value) -> Option<&'s str> {
    let properties = schema.get("properties")?.as_object()?;
    let same = properties.keys().find(|known| *known == key);
    let alike = || properties.keys().find(|known| snake_case(known) == snake_case(key));
    same.or_else(alike).map(String::as_str)
}

/// Renames the keys of `config` to those of `schema`, in nested objects too. Unknown keys stay as
/// they are, and so does a key whose namesake is there already.
pub fn normalise(config: &mut Value, schema: &Value) {
    normalise_at(config, schema, schema);
}

fn normalise_at(value: &mut Value, schema: &Value, root: &Value) {
    let schema = resolve(schema, root);
    match value {
        Value::Object(map) => {
            let taken = std::mem::take(map);
            *map = rename(taken, schema);
            for (key, child) in map.iter_mut() {
                if let Some(child_schema) = schema.pointer(&format!("/properties/{key}")) {
                    normalise_at(child, child_schema, root);
                }
            }
        }
        Value::Array(items) => {
            if let Some(item_schema) = schema.get("items") {
                for item in items {
                    normalise_at(item, item_schema, root);
                }
            }
        }
        _ => {}
    }
}

fn rename(map: Map<String, Value>, schema: &Value) -> Map<String, Value> {
    let written: Vec<String> = map.keys().cloned().collect();
    map.into_iter()
        .map(|(key, value)| match known_key(&key, schema) {
            Some(known) if known != key && !written.iter().any(|w| w == known) => {
                (known.to_owned(), value)
            }
            _ => (key, value),
        })
        .collect()
}

/// Follows `$ref` into the same document, and the one real branch of an `Option`'s `anyOf`.
fn resolve<'s>(schema: &'s Value, root: &'s Value) -> &'s Value {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = reference.strip_prefix('#').and_then(|p| root.pointer(p));
        return target.map_or(schema, |t| resolve(t, root));
    }
    let branches = schema.get("anyOf").and_then(Value::as_array);
    let real = branches.and_then(|all| all.iter().find(|b| b.get("type") != Some(&"null".into())));
    real.map_or(schema, |branch| resolve(branch, root))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn either_case_names_the_same_setting_at_any_depth() {
        let schema = json!({
            "properties": {
                "max_count": {}, "outputFormat": {},
                "lock_config": {"anyOf": [{"$ref": "#/$defs/Lock"}, {"type": "null"}]},
                "rules": {"items": {"$ref": "#/$defs/Lock"}}
            },
            "$defs": {"Lock": {"properties": {"container_name": {}}}}
        });
        let mut config = json!({
            "maxCount": 5, "output_format": "simple",
            "lock_config": {"containerName": "locks"}, "rules": [{"containerName": "a"}],
            "unknownKey": 1
        });
        normalise(&mut config, &schema);
        let expected = json!({
            "max_count": 5, "outputFormat": "simple",
            "lock_config": {"container_name": "locks"}, "rules": [{"container_name": "a"}],
            "unknownKey": 1
        });
        assert_eq!(config, expected);
    }

    #[test]
    fn a_key_written_in_both_cases_is_left_for_the_check_to_refuse() {
        let schema = json!({"properties": {"max_count": {}}});
        let mut config = json!({"maxCount": 5, "max_count": 6});
        normalise(&mut config, &schema);
        assert_eq!(config, json!({"maxCount": 5, "max_count": 6}));
    }
}
