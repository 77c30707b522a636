//! Types, listed values, limits.

use serde_json::Value;

use super::{SchemaProblem, name, problem};
use crate::suggest;

/// The value's type is not one that the schema has.
pub(super) fn wrong_type(schema: &Value, value: &Value, path: &str) -> Option<SchemaProblem> {
    let types = schema.get("type")?;
    let types: Vec<&str> = match types {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    if types.iter().any(|t| is_of(t, value)) {
        return None;
    }
    let wanted: Vec<&str> = types.iter().filter(|t| **t != "null").map(|t| words(t)).collect();
    let wanted = wanted.join(" or ");
    Some(problem(path, format!("{} must be {wanted}, not {}", name(path), is(value))))
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|f| f.fract() == 0.0)
        }
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

fn words(kind: &str) -> &str {
    match kind {
        "boolean" => "true or false",
        "string" => "a string",
        "number" => "a number",
        "integer" => "a whole number",
        "array" => "a list",
        "object" => "an object",
        other => other,
    }
}

/// What a value is, in words.
pub(super) fn is(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a bool",
        Value::Number(n) if n.is_f64() => "a fractional number",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The value is not among those that `const` and `enum` list.
pub(super) fn not_listed(schema: &Value, value: &Value, path: &str) -> Option<SchemaProblem> {
    let allowed = listed(schema)?;
    if allowed.contains(&value) {
        return None;
    }
    Some(not_one_of(value, &allowed, path))
}

/// The values that a schema lists.
pub(super) fn listed(schema: &Value) -> Option<Vec<&Value>> {
    if let Some(one) = schema.get("const") {
        return Some(vec![one]);
    }
    schema.get("enum").and_then(Value::as_array).map(|all| all.iter().collect())
}

pub(super) fn not_one_of(value: &Value, allowed: &[&Value], path: &str) -> SchemaProblem {
    let valid: Vec<String> = allowed.iter().filter(|v| !v.is_null()).map(|v| plain(v)).collect();
    let written = plain(value);
    SchemaProblem {
        suggestion: suggest::nearest(&written, valid.iter().map(String::as_str)).map(str::to_owned),
        valid,
        ..problem(path, format!("{} cannot be `{written}`", name(path)))
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Lengths, sizes, patterns.
pub(super) fn limits(schema: &Value, value: &Value, path: &str, out: &mut Vec<SchemaProblem>) {
    let mut say = |message: String| out.push(problem(path, format!("{} {message}", name(path))));
    let limit = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    if let Some(number) = value.as_f64() {
        if let Some(least) = limit("minimum").filter(|l| number < *l) {
            say(format!("must be at least {least}"));
        }
        if let Some(most) = limit("maximum").filter(|l| number > *l) {
            say(format!("must be at most {most}"));
        }
        if let Some(least) = limit("exclusiveMinimum").filter(|l| number <= *l) {
            say(format!("must be more than {least}"));
        }
        if let Some(most) = limit("exclusiveMaximum").filter(|l| number >= *l) {
            say(format!("must be less than {most}"));
        }
    }
    let (length, least, most, what) = match value {
        Value::String(s) => (s.chars().count(), "minLength", "maxLength", "characters"),
        Value::Array(items) => (items.len(), "minItems", "maxItems", "elements"),
        Value::Object(map) => (map.len(), "minProperties", "maxProperties", "entries"),
        _ => return,
    };
    #[allow(clippy::cast_precision_loss)] // far beyond any length
    let length = length as f64;
    if let Some(least) = limit(least).filter(|l| length < *l) {
        say(format!("must have at least {least} {what}"));
    }
    if let Some(most) = limit(most).filter(|l| length > *l) {
        say(format!("must have at most {most} {what}"));
    }
    if let (Some(text), Some(pattern)) = (value.as_str(), schema.get("pattern")) {
        let pattern = pattern.as_str().unwrap_or_default();
        if regex::Regex::new(pattern).is_ok_and(|re| !re.is_match(text)) {
            let words = schema.get("patternMessage").and_then(Value::as_str);
            say(words.map_or_else(|| format!("must match /{pattern}/"), str::to_owned));
        }
    }
    if let Value::Array(items) = value
        && schema.get("uniqueItems") == Some(&Value::Bool(true))
        && items.iter().enumerate().any(|(i, item)| items[..i].contains(item))
    {
        say("has an element twice".into());
    }
}
