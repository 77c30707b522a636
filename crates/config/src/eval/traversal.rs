//! `a.b`, `a[0]`, `a[*].b`.

use hcl_edit::expr::{Expression, Traversal, TraversalOperator};
use hcl_edit::{Decorated, Span as _};

use super::{Evaluator, Scope, span};
use crate::diagnostic::{Diagnostic, Result};
use crate::source::Span;
use crate::suggest;
use crate::value::{Kind, Value};

type Operator = Decorated<TraversalOperator>;

impl Evaluator<'_> {
    pub(super) fn traversal(&self, t: &Traversal, scope: &Scope<'_>) -> Result<Value> {
        if let Expression::Variable(root) = &t.expr
            && let Some((first, rest)) = t.operators.split_first()
            && let Some(value) = self.rooted(root.as_str(), first, &span(&t.expr), scope)?
        {
            return self.follow(value, rest, scope);
        }
        let value = self.eval(&t.expr, scope)?;
        self.follow(value, &t.operators, scope)
    }

    fn follow(&self, mut value: Value, operators: &[Operator], scope: &Scope<'_>) -> Result<Value> {
        for (i, operator) in operators.iter().enumerate() {
            let rest = &operators[i + 1..];
            value = match operator.value() {
                TraversalOperator::FullSplat(_) => return self.splat(&value, rest, scope),
                TraversalOperator::AttrSplat(_) => {
                    let attribute =
                        |o: &&Operator| matches!(o.value(), TraversalOperator::GetAttr(_));
                    let own = rest.iter().take_while(attribute).count();
                    let list = self.splat(&value, &rest[..own], scope)?;
                    return self.follow(list, &rest[own..], scope);
                }
                TraversalOperator::GetAttr(name) => {
                    attribute(value, name.as_str(), name.span().unwrap_or_default())?
                }
                TraversalOperator::LegacyIndex(i) => {
                    index(value, &Value::int(*i.value()), i.span().unwrap_or_default())?
                }
                TraversalOperator::Index(expr) => {
                    let key = self.eval(expr, scope)?;
                    index(value, &key, span(expr))?
                }
            };
        }
        Ok(value)
    }

    /// Applies the operators to each element; null has none, anything else is one.
    fn splat(&self, value: &Value, operators: &[Operator], scope: &Scope<'_>) -> Result<Value> {
        self.charge(value)?;
        let elements = match value.elements() {
            Some(elements) => elements,
            None if value.is_null() => Vec::new(),
            None => vec![value.clone()],
        };
        let each = elements.into_iter().map(|e| self.follow(e, operators, scope));
        Ok(Value::list(each.collect::<Result<_>>()?).tainted(value.sensitive))
    }
}

/// The value of a key.
pub(super) fn attribute(value: Value, name: &str, at: Span) -> Result<Value> {
    let sensitive = value.sensitive;
    match value.kind {
        Kind::Object(mut map) => match map.remove(name) {
            Some(found) => Ok(found.tainted(sensitive)),
            None => Err(no_key(name, map.keys(), sensitive, at).into()),
        },
        Kind::List(_) | Kind::Set(_) => Err(Diagnostic::error("a list has no attributes")
            .at(at)
            .help("take one element with `[0]`, or all of them with `[*]`")
            .into()),
        _ => {
            Err(Diagnostic::error(format!("{} has no attributes", value.describe())).at(at).into())
        }
    }
}

fn no_key<'k>(
    name: &str,
    keys: impl Iterator<Item = &'k String> + Clone,
    sensitive: bool,
    at: Span,
) -> Diagnostic {
    let error = Diagnostic::error(format!("there is no `{name}` in this object")).at(at);
    if sensitive {
        return error;
    }
    let keys = keys.map(String::as_str);
    let suggestion = suggest::did_you_mean(name, keys.clone());
    let error = error.maybe_help(suggestion);
    let listed = suggest::list(keys.take(20));
    if listed.is_empty() { error } else { error.help(format!("it has {listed}")) }
}

/// The element of a list, or the value of a key.
pub(super) fn index(value: Value, key: &Value, at: Span) -> Result<Value> {
    let sensitive = value.sensitive || key.sensitive;
    let found = match value.kind {
        Kind::Object(_) => match key.to_text() {
            Some(name) if !key.sensitive => attribute(value, &name, at)?,
            Some(name) => attribute(value, &name, at.clone())
                .map_err(|_| Diagnostic::error("there is no such key in this object").at(at))?,
            None => return Err(wrong_index("a string", key, at).into()),
        },
        Kind::List(mut items) => {
            let Some(wanted) = key.to_number() else {
                return Err(wrong_index("a number", key, at).into());
            };
            let place = wanted.as_int().and_then(|i| usize::try_from(i).ok());
            match place.filter(|i| *i < items.len()) {
                Some(i) => items.swap_remove(i),
                None => return Err(out_of_range(items.len(), at).into()),
            }
        }
        Kind::Set(_) => {
            return Err(Diagnostic::error("a set has no order")
                .at(at)
                .help("make a list of it: `tolist(…)[0]`")
                .into());
        }
        _ => {
            let what = format!("{} has no elements", value.describe());
            return Err(Diagnostic::error(what).at(at).into());
        }
    };
    Ok(found.tainted(sensitive))
}

fn wrong_index(wanted: &str, key: &Value, at: Span) -> Diagnostic {
    Diagnostic::error(format!("the index must be {wanted}"))
        .at(at)
        .detail(format!("this is {}", key.describe()))
}

fn out_of_range(length: usize, at: Span) -> Diagnostic {
    let detail = match length {
        0 => "the list is empty".to_owned(),
        1 => "the list has one element, number 0".to_owned(),
        n => format!("the list has {n} elements, 0 to {}", n - 1),
    };
    Diagnostic::error("the list has no such element").at(at).detail(detail)
}
