//! `anyOf` and `oneOf`: which branch was meant, and what it says.

use dstream_task::secret::referenced;
use serde_json::Value;

use super::{Checker, SchemaProblem, scalar};

impl<'s> Checker<'s> {
    /// Nothing to say where a branch fits; else what the likeliest one says.
    pub(super) fn choice(
        &self,
        branches: &'s [Value],
        value: &Value,
        path: &str,
        out: &mut Vec<SchemaProblem>,
    ) {
        if branches.is_empty() {
            return;
        }
        let mut tried: Vec<(&Value, Vec<SchemaProblem>)> = Vec::new();
        for branch in branches {
            let mut problems = Vec::new();
            self.check(branch, value, path, &mut problems);
            if problems.is_empty() {
                return;
            }
            tried.push((self.resolve(branch), problems));
        }
        if let Some(found) = all_listed(&tried, value, path) {
            out.push(found);
        } else if let Some(found) = bad_tag(&tried, value, path) {
            out.push(found);
        } else if let Some((_, best)) = tried
            .into_iter()
            .min_by_key(|(schema, problems)| distance(schema, problems, value, path))
        {
            out.extend(best);
        }
    }
}

/// A branch of another type is farthest; one whose tag differs is far; else fewer problems win.
fn distance(
    schema: &Value,
    problems: &[SchemaProblem],
    value: &Value,
    path: &str,
) -> (bool, bool, usize) {
    let other_type = scalar::wrong_type(schema, value, path).is_some();
    let other_tag = tags(schema).any(|(key, tag)| value.get(key).is_some_and(|v| v != tag));
    (other_type, other_tag, problems.len())
}

/// The properties that a branch fixes to one value: what tells it from the others.
fn tags(schema: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().filter_map(|(k, s)| Some((k.as_str(), s.get("const")?)))
}

/// Every branch lists values: together they are one list. A branch that only allows null is no
/// alternative that a person needs to hear of.
fn all_listed(
    tried: &[(&Value, Vec<SchemaProblem>)],
    value: &Value,
    path: &str,
) -> Option<SchemaProblem> {
    let real = tried.iter().filter(|(s, _)| s.get("type") != Some(&Value::from("null")));
    let lists: Option<Vec<Vec<&Value>>> = real.map(|(s, _)| scalar::listed(s)).collect();
    let allowed: Vec<&Value> = lists?.into_iter().flatten().collect();
    (!allowed.is_empty()).then(|| scalar::not_one_of(value, &allowed, path))
}

/// Every branch has the same tag, and the value's is none of them.
fn bad_tag(
    tried: &[(&Value, Vec<SchemaProblem>)],
    value: &Value,
    path: &str,
) -> Option<SchemaProblem> {
    let (key, _) = tried.iter().find_map(|(s, _)| tags(s).next())?;
    let written = value.get(key).filter(|written| referenced(written).is_none())?;
    let allowed: Vec<&Value> = tried
        .iter()
        .flat_map(|(s, _)| tags(s).filter(|(k, _)| *k == key).map(|(_, tag)| tag))
        .collect();
    let known = allowed.contains(&written);
    (!known).then(|| scalar::not_one_of(written, &allowed, &super::join(path, key)))
}
