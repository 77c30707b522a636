//! From one type to another.

use super::{Call, Function};
use crate::diagnostic::Result;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("tostring", &["value"], "the number or bool as text", |c| {
        null_or(c, |c| c.text(0).map(Value::string))
    }),
    Function::new("tonumber", &["value"], "the text as a number", |c| {
        null_or(c, |c| c.number(0).map(Value::from))
    }),
    Function::new("tobool", &["value"], "`\"true\"` or `\"false\"` as a bool", |c| {
        null_or(c, |c| {
            c.value(0).to_bool().map(Value::from).ok_or_else(|| c.wrong(0, "true or false"))
        })
    }),
    Function::pieces("tolist", &["value"], "the set as a list", |c| {
        null_or(c, |c| c.list(0).map(Value::list))
    }),
    Function::pieces("toset", &["value"], "the list as a set: in order, each element once", |c| {
        null_or(c, |c| c.list(0).map(Value::set))
    }),
    Function::pieces("tomap", &["value"], "the object as a map", |c| {
        null_or(c, |c| c.map(0).map(|_| c.value(0)))
    }),
];

/// Null stays null.
fn null_or(c: &Call<'_, '_>, convert: impl Fn(&Call<'_, '_>) -> Result<Value>) -> Result<Value> {
    if c.value(0).is_null() { Ok(Value::NULL) } else { convert(c) }
}
