//! Sets.

use super::{Call, Function};
use crate::diagnostic::Result;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::pieces("setunion", &["first", "others..."], "what is in any of them", |c| {
        let all: Result<Vec<Vec<Value>>> = (0..c.len()).map(|i| c.list(i)).collect();
        Ok(Value::set(all?.into_iter().flatten().collect()))
    }),
    Function::pieces("setintersection", &["first", "others..."], "what is in all of them", |c| {
        keep(c, |found| found)
    }),
    Function::pieces(
        "setsubtract",
        &["set", "other"],
        "what is in the first and not in the second",
        |c| keep(c, |found| !found),
    ),
];

fn keep(c: &Call<'_, '_>, wanted: impl Fn(bool) -> bool) -> Result<Value> {
    let mut out = c.list(0)?;
    for i in 1..c.len() {
        let other = c.list(i)?;
        out.retain(|v| wanted(other.iter().any(|o| o.same(v))));
    }
    Ok(Value::set(out))
}
