//! One call: its arguments, read as what the function needs.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Result};
use crate::eval::Evaluator;
use crate::source::Span;
use crate::value::{Kind, Number, Value};

/// An argument's value and place.
pub(crate) struct Arg {
    pub(crate) value: Value,
    pub(crate) at: Span,
}

/// One call.
pub(crate) struct Call<'c, 'a> {
    pub(crate) name: &'static str,
    pub(crate) args: Vec<Arg>,
    pub(crate) at: Span,
    pub(crate) evaluator: &'c Evaluator<'a>,
}

impl Call<'_, '_> {
    pub(crate) fn len(&self) -> usize {
        self.args.len()
    }

    /// The value of an argument; null where there is none.
    pub(crate) fn value(&self, i: usize) -> Value {
        self.args.get(i).map_or(Value::NULL, |a| a.value.clone())
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = Value> {
        self.args.iter().map(|a| a.value.clone())
    }

    pub(crate) fn text(&self, i: usize) -> Result<String> {
        self.value(i).to_text().ok_or_else(|| self.wrong(i, "a string"))
    }

    pub(crate) fn number(&self, i: usize) -> Result<Number> {
        self.value(i).to_number().ok_or_else(|| self.wrong(i, "a number"))
    }

    pub(crate) fn int(&self, i: usize) -> Result<i128> {
        self.number(i)?.as_int().ok_or_else(|| self.wrong(i, "a whole number"))
    }

    /// The elements of a list or set.
    pub(crate) fn list(&self, i: usize) -> Result<Vec<Value>> {
        self.value(i).elements().ok_or_else(|| self.wrong(i, "a list"))
    }

    /// A list of strings.
    pub(crate) fn texts(&self, i: usize) -> Result<Vec<String>> {
        let texts: Option<Vec<String>> = self.list(i)?.iter().map(Value::to_text).collect();
        texts.ok_or_else(|| self.wrong(i, "a list of strings"))
    }

    /// The entries of a map or object.
    pub(crate) fn map(&self, i: usize) -> Result<BTreeMap<String, Value>> {
        let value = self.value(i);
        match value.kind {
            Kind::Object(map) => {
                Ok(map.into_iter().map(|(k, v)| (k, v.tainted(value.sensitive))).collect())
            }
            _ => Err(self.wrong(i, "a map")),
        }
    }

    /// That an argument is not what the function needs.
    pub(crate) fn wrong(&self, i: usize, wanted: &str) -> Box<Diagnostic> {
        let at = self.args.get(i).map_or_else(|| self.at.clone(), |a| a.at.clone());
        Diagnostic::error(format!("argument {} of `{}` must be {wanted}", i + 1, self.name))
            .at(at)
            .detail(format!("this is {}", self.value(i).describe()))
            .into()
    }

    /// That an argument is of the right type and still no good. The text must not hold its value.
    pub(crate) fn refuse(&self, i: usize, why: impl Into<String>) -> Box<Diagnostic> {
        let at = self.args.get(i).map_or_else(|| self.at.clone(), |a| a.at.clone());
        Diagnostic::error(format!("`{}` cannot do this", self.name)).at(at).detail(why).into()
    }

    /// A value of an argument for a message, unless it is sensitive.
    pub(crate) fn shown(&self, i: usize) -> String {
        match self.args.get(i) {
            Some(arg) if !arg.value.holds_secret() => {
                arg.value.to_text().map_or_else(|| "the value".into(), |t| format!("`{t}`"))
            }
            _ => "the (sensitive) value".into(),
        }
    }
}
