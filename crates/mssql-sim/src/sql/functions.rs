//! Scalar functions, by name.

mod cdc;
mod number;
mod system;
mod text;
mod time;
mod variables;

use super::plan::Typed;
use crate::error::Result;
use crate::session::Context;
use crate::value::{Len, SqlType as T, Value};

pub(crate) type Call = fn(&Context, &[Value], &[Typed]) -> Result<Value>;

/// A function that was found.
#[derive(Clone, Copy)]
pub(crate) struct Function {
    pub name: &'static str,
    pub call: Call,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The type of what a function returns.
#[derive(Clone, Copy)]
pub(crate) enum Returns {
    Fixed(T),
    /// That of the n-th argument.
    Same(usize),
    /// As wide as the arguments need, Unicode if one of them is.
    Text,
}

/// How many arguments, what comes back, what is done.
pub(crate) struct Entry {
    pub name: &'static str,
    pub arguments: (usize, usize),
    pub returns: Returns,
    pub call: Call,
}

pub(crate) const NAME: T = T::NVarChar(Len::Of(128));
pub(crate) const LSN: T = T::Binary(10);

/// A function by its name in small letters, without schema unless that is `sys`.
pub(crate) fn find(name: &str) -> Option<&'static Entry> {
    [text::ALL, time::ALL, number::ALL, system::ALL, cdc::ALL, variables::ALL]
        .into_iter()
        .flatten()
        .find(|entry| entry.name == name)
}

impl Entry {
    pub(crate) fn ty(&self, arguments: &[Typed]) -> T {
        match self.returns {
            Returns::Fixed(ty) => ty,
            Returns::Same(n) => arguments.get(n).map_or(T::Int, |a| a.ty),
            Returns::Text => {
                let unicode = arguments.iter().any(|a| a.ty.is_unicode());
                let max = arguments.iter().any(|a| a.ty.is_large());
                match (unicode, max) {
                    (true, true) => T::NVarChar(Len::Max),
                    (true, false) => T::NVarChar(Len::Of(4000)),
                    (false, true) => T::VarChar(Len::Max),
                    (false, false) => T::VarChar(Len::Of(8000)),
                }
            }
        }
    }
}

/// Are all given?
pub(super) fn strict(values: &[Value]) -> bool {
    values.iter().all(|value| !value.is_null())
}

pub(super) fn int(values: &[Value], index: usize) -> Option<i64> {
    match values.get(index)? {
        Value::Decimal(n, s) => i64::try_from(n / 10_i128.pow(u32::from(*s))).ok(),
        Value::Float(f) => Some(*f as i64),
        Value::Text(text) => text.trim().parse().ok(),
        other => other.as_int(),
    }
}

pub(super) fn as_text(values: &[Value], arguments: &[Typed], index: usize) -> Option<String> {
    let value = values.get(index)?;
    (!value.is_null()).then(|| crate::value::to_text(value, arguments[index].ty, 0))
}
