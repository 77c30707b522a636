//! `[for x in list : …]` and `{for k, v in map : k => v}`.

use std::collections::BTreeMap;

use hcl_edit::expr::{Expression, ForExpr};

use super::{Evaluator, Scope, span};
use crate::diagnostic::{Diagnostic, Result};
use crate::value::{Kind, Value};

/// The key (or index) and value of each element.
pub(super) type Pairs = Vec<(Value, Value)>;

impl Evaluator<'_> {
    pub(super) fn for_expr(&self, f: &ForExpr, scope: &Scope<'_>) -> Result<Value> {
        let collection = self.eval(&f.intro.collection_expr, scope)?;
        let pairs = self.pairs(&collection, &f.intro.collection_expr)?;
        let key_name = f.intro.key_var.as_ref().map(|k| k.as_str());
        let value_name = f.intro.value_var.as_str();
        let mut sensitive = collection.sensitive;
        let mut list = Vec::new();
        let mut map: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (key, value) in pairs {
            let inner = scope.inner(names(key_name, value_name, key, value));
            if let Some(cond) = &f.cond {
                let (wanted, secret) = self.truth(&cond.expr, &inner, "the condition of `for`")?;
                sensitive |= secret;
                if !wanted {
                    continue;
                }
            }
            let result = self.eval(&f.value_expr, &inner)?;
            self.charge(&result)?;
            let Some(key_expr) = &f.key_expr else {
                list.push(result);
                continue;
            };
            let (key, secret) = self.key(key_expr, &inner)?;
            sensitive |= secret;
            let entry = map.entry(key).or_default();
            if !entry.is_empty() && !f.grouping {
                return Err(same_key(key_expr).into());
            }
            entry.push(result);
        }
        Ok(collect(f, list, map).tainted(sensitive))
    }

    /// The elements of what a `for` goes over.
    pub(super) fn pairs(&self, collection: &Value, expr: &Expression) -> Result<Pairs> {
        self.charge(collection)?;
        let taint = |v: &Value| v.clone().tainted(collection.sensitive);
        match &collection.kind {
            Kind::List(items) => {
                Ok((0i64..).zip(items).map(|(i, v)| (Value::int(i), taint(v))).collect())
            }
            Kind::Set(items) => Ok(items.iter().map(|v| (taint(v), taint(v))).collect()),
            Kind::Object(map) => {
                let key = |k: &String| Value::string(k.as_str()).tainted(collection.sensitive);
                Ok(map.iter().map(|(k, v)| (key(k), taint(v))).collect())
            }
            _ => Err(Diagnostic::error("`for` goes over a list, a set or a map")
                .at(span(expr))
                .detail(format!("this is {}", collection.describe()))
                .into()),
        }
    }

    fn key(&self, expr: &Expression, scope: &Scope<'_>) -> Result<(String, bool)> {
        let key = self.eval(expr, scope)?;
        let text = key.to_text().ok_or_else(|| {
            Diagnostic::error("a key must be a string")
                .at(span(expr))
                .detail(format!("this is {}", key.describe()))
        })?;
        Ok((text, key.sensitive))
    }
}

/// What the names of a `for` mean for one element.
pub(super) fn names(
    key_name: Option<&str>,
    value_name: &str,
    key: Value,
    value: Value,
) -> Vec<(String, Value)> {
    let key = key_name.map(|name| (name.to_owned(), key));
    key.into_iter().chain([(value_name.to_owned(), value)]).collect()
}

fn collect(f: &ForExpr, list: Vec<Value>, map: BTreeMap<String, Vec<Value>>) -> Value {
    if f.key_expr.is_none() {
        return Value::list(list);
    }
    let entries = map.into_iter().map(|(k, mut values)| {
        let value = if f.grouping { Value::list(values) } else { values.remove(0) };
        (k, value)
    });
    Kind::Object(entries.collect()).into()
}

fn same_key(expr: &Expression) -> Diagnostic {
    Diagnostic::error("two elements give the same key")
        .at(span(expr))
        .help("to gather the values of one key in a list, write `...` after the value")
}
