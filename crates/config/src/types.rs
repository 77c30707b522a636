//! Type constraints of variables, and conversion to them as Terraform does it.

use std::collections::BTreeMap;

use hcl_edit::expr::{Expression, FuncCall, Object, ObjectKey};

use crate::diagnostic::{Diagnostic, Result};
use crate::eval::{Context, Evaluator, Scope, span};
use crate::value::{Kind, Value};

/// A type.
#[derive(Debug, Clone)]
pub(crate) enum Type {
    Any,
    String,
    Number,
    Bool,
    List(Box<Type>),
    Set(Box<Type>),
    Map(Box<Type>),
    Object(BTreeMap<String, Attribute>),
    Tuple(Vec<Type>),
}

/// An attribute of an object type: `optional(string, "x")` may be left out.
#[derive(Debug, Clone)]
pub(crate) struct Attribute {
    of: Type,
    optional: bool,
    default: Value,
}

/// A value does not convert: where in it, and why. Never holds the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// `[2].name`; empty: the value itself.
    pub(crate) path: String,
    pub(crate) why: String,
}

impl Type {
    /// Reads `list(object({ name = string }))`.
    pub(crate) fn parse(expr: &Expression, evaluator: &Evaluator<'_>) -> Result<Self> {
        match expr {
            Expression::Variable(name) => named(name.as_str(), expr),
            // Terraform's old way: `type = "string"`.
            Expression::String(name) => named(name.as_str(), expr),
            Expression::FuncCall(call) => constructed(call, expr, evaluator),
            Expression::Parenthesis(inner) => Self::parse(inner.inner(), evaluator),
            _ => Err(unknown(expr).into()),
        }
    }

    /// Whether a value given as text is that text, and not an expression.
    pub(crate) fn takes_text(&self) -> bool {
        matches!(self, Self::Any | Self::String | Self::Number | Self::Bool)
    }

    /// The value as this type. Marks stay.
    pub(crate) fn convert(&self, value: Value) -> std::result::Result<Value, Mismatch> {
        let sensitive = value.sensitive;
        if value.is_null() {
            return Ok(value);
        }
        let wrong = |wanted: &str| Mismatch {
            path: String::new(),
            why: format!("must be {wanted}, not {}", value.describe()),
        };
        let converted: Value = match self {
            Self::Any => value,
            Self::String => Value::string(value.to_text().ok_or_else(|| wrong("a string"))?),
            Self::Number => value.to_number().ok_or_else(|| wrong("a number"))?.into(),
            Self::Bool => value.to_bool().ok_or_else(|| wrong("true or false"))?.into(),
            Self::List(of) | Self::Set(of) => {
                let items = value.elements().ok_or_else(|| wrong("a list"))?;
                let items = items
                    .into_iter()
                    .enumerate()
                    .map(|(i, v)| of.convert(v).map_err(|m| m.under(&format!("[{i}]"))));
                let items = items.collect::<std::result::Result<Vec<_>, _>>()?;
                if matches!(self, Self::Set(_)) { Value::set(items) } else { Value::list(items) }
            }
            Self::Map(of) => {
                let Kind::Object(map) = value.kind else { return Err(wrong("a map")) };
                let entries = map.into_iter().map(|(k, v)| {
                    let v = of.convert(v).map_err(|m| m.under(&format!(".{k}")))?;
                    Ok((k, v))
                });
                Kind::Object(entries.collect::<std::result::Result<_, _>>()?).into()
            }
            Self::Object(attributes) => {
                let Kind::Object(map) = value.kind else { return Err(wrong("an object")) };
                object(attributes, map)?
            }
            Self::Tuple(types) => {
                let items = value.elements().ok_or_else(|| wrong("a list"))?;
                if items.len() != types.len() {
                    let why = format!("must have {} elements, not {}", types.len(), items.len());
                    return Err(Mismatch { path: String::new(), why });
                }
                let items = items.into_iter().zip(types).enumerate();
                let items =
                    items.map(|(i, (v, t))| t.convert(v).map_err(|m| m.under(&format!("[{i}]"))));
                Value::list(items.collect::<std::result::Result<_, _>>()?)
            }
        };
        Ok(converted.tainted(sensitive))
    }
}

impl Mismatch {
    fn under(mut self, part: &str) -> Self {
        self.path.insert_str(0, part);
        self
    }
}

/// Attributes that the type does not have are dropped.
fn object(
    attributes: &BTreeMap<String, Attribute>,
    mut map: BTreeMap<String, Value>,
) -> std::result::Result<Value, Mismatch> {
    let mut out = BTreeMap::new();
    for (name, attribute) in attributes {
        let given = map.remove(name).filter(|v| !(attribute.optional && v.is_null()));
        let value = match given {
            Some(value) => value,
            None if attribute.optional => attribute.default.clone(),
            None => {
                let why = format!("needs `{name}`");
                return Err(Mismatch { path: String::new(), why });
            }
        };
        let value = attribute.of.convert(value).map_err(|m| m.under(&format!(".{name}")))?;
        out.insert(name.clone(), value);
    }
    Ok(Kind::Object(out).into())
}

fn named(name: &str, expr: &Expression) -> Result<Type> {
    Ok(match name {
        "any" => Type::Any,
        "string" => Type::String,
        "number" => Type::Number,
        "bool" => Type::Bool,
        "list" => Type::List(Box::new(Type::Any)),
        "set" => Type::Set(Box::new(Type::Any)),
        "map" => Type::Map(Box::new(Type::Any)),
        _ => return Err(unknown(expr).into()),
    })
}

fn constructed(call: &FuncCall, expr: &Expression, evaluator: &Evaluator<'_>) -> Result<Type> {
    let args: Vec<&Expression> = call.args.iter().collect();
    let [arg] = args.as_slice() else { return Err(unknown(expr).into()) };
    let of = || Type::parse(arg, evaluator).map(Box::new);
    match (call.name.name.as_str(), arg) {
        ("list", _) => Ok(Type::List(of()?)),
        ("set", _) => Ok(Type::Set(of()?)),
        ("map", _) => Ok(Type::Map(of()?)),
        ("tuple", Expression::Array(items)) => {
            items.iter().map(|i| Type::parse(i, evaluator)).collect::<Result<_>>().map(Type::Tuple)
        }
        ("object", Expression::Object(object)) => attributes(object, evaluator),
        _ => Err(unknown(expr).into()),
    }
}

fn attributes(object: &Object, evaluator: &Evaluator<'_>) -> Result<Type> {
    let mut all = BTreeMap::new();
    for (key, value) in object.iter() {
        let name = match key {
            ObjectKey::Ident(name) => name.as_str().to_owned(),
            ObjectKey::Expression(Expression::String(name)) => name.as_str().to_owned(),
            ObjectKey::Expression(expr) => return Err(unknown(expr).into()),
        };
        all.insert(name, attribute(value.expr(), evaluator)?);
    }
    Ok(Type::Object(all))
}

fn attribute(expr: &Expression, evaluator: &Evaluator<'_>) -> Result<Attribute> {
    let args: Vec<&Expression> = match expr {
        Expression::FuncCall(call) if call.name.name.as_str() == "optional" => {
            call.args.iter().collect()
        }
        _ => {
            let of = Type::parse(expr, evaluator)?;
            return Ok(Attribute { of, optional: false, default: Value::NULL });
        }
    };
    let scope = Scope::new(Context::Constant("a default"));
    let (of, default) = match args.as_slice() {
        [of] => (of, Value::NULL),
        [of, default] => (of, evaluator.eval(default, &scope)?),
        _ => return Err(unknown(expr).into()),
    };
    Ok(Attribute { of: Type::parse(of, evaluator)?, optional: true, default })
}

fn unknown(expr: &Expression) -> Diagnostic {
    Diagnostic::error("this is not a type")
        .at(span(expr))
        .help("the types are `string`, `number`, `bool`, `any`, `list(…)`, `set(…)`, `map(…)`, `object({ name = … })` and `tuple([…])`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Inputs;
    use serde_json::{Value as Json, json};

    fn convert(text: &str, value: Json) -> std::result::Result<Json, Mismatch> {
        let inputs = Inputs::empty();
        let evaluator = Evaluator::new(&inputs, ".".into());
        let of = Type::parse(&text.parse().unwrap(), &evaluator).unwrap();
        of.convert(Value::from_json(&value)).map(|v| v.to_json())
    }

    #[test]
    fn values_convert_as_terraform_converts_them() {
        assert_eq!(convert("string", json!(5)), Ok(json!("5")));
        assert_eq!(convert("number", json!("5.5")), Ok(json!(5.5)));
        assert_eq!(convert("bool", json!("true")), Ok(json!(true)));
        assert_eq!(convert("list(string)", json!([1, true])), Ok(json!(["1", "true"])));
        assert_eq!(convert("set(number)", json!([3, "1", 3])), Ok(json!([1, 3])));
        assert_eq!(convert("map(string)", json!({"a": 1})), Ok(json!({"a": "1"})));
        assert_eq!(convert("tuple([string, number])", json!([1, "2"])), Ok(json!(["1", 2])));
        assert_eq!(convert("any", json!([1])), Ok(json!([1])));
    }

    #[test]
    fn an_object_takes_its_attributes_fills_in_defaults_and_drops_the_rest() {
        let of = "object({ a = string, b = optional(number, 7), c = optional(string) })";
        let expected = json!({"a": "1", "b": 7, "c": null});
        assert_eq!(convert(of, json!({"a": 1, "z": 2})), Ok(expected));
    }

    #[test]
    fn a_mismatch_says_where_in_the_value_and_does_not_hold_it() {
        let found = convert("list(object({ port = number }))", json!([{"port": "secret"}]));
        let found = found.unwrap_err();
        assert_eq!(found.path, "[0].port");
        assert_eq!(found.why, "must be a number, not a string");
        assert_eq!(convert("object({a = string})", json!({})).unwrap_err().why, "needs `a`");
        let short = convert("tuple([string])", json!([])).unwrap_err();
        assert_eq!(short.why, "must have 1 elements, not 0");
    }
}
