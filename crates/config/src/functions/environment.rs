//! The environment, secrets, and what may fail.

use hcl_edit::expr::Expression;

use super::{Call, Function, Run, Taint};
use crate::diagnostic::{Diagnostic, Result};
use crate::eval::{Evaluator, Scope, not_set};
use crate::source::Span;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "env",
        params: &["name", "default?"],
        help: "the environment variable, as a secret; the default where it is not set",
        taint: Taint::Never,
        run: Run::Plain(env),
    },
    Function {
        name: "sensitive",
        params: &["value"],
        help: "the value, never to be shown",
        taint: Taint::Never,
        run: Run::Plain(|c| Ok(c.value(0).tainted(true))),
    },
    Function {
        name: "nonsensitive",
        params: &["value"],
        help: "the value, which may be shown",
        taint: Taint::Never,
        run: Run::Plain(|c| Ok(c.value(0).open())),
    },
    Function {
        name: "try",
        params: &["first", "others..."],
        help: "the first expression that has a value without an error",
        taint: Taint::Never,
        run: Run::Lazy(first_that_works),
    },
    Function {
        name: "can",
        params: &["expression"],
        help: "whether the expression has a value without an error",
        taint: Taint::Never,
        run: Run::Lazy(can),
    },
];

fn env(c: &Call<'_, '_>) -> Result<Value> {
    let name = c.text(0)?;
    if let Some(text) = (c.evaluator.inputs.env)(&name) {
        return Ok(Value::string(text).tainted(true));
    }
    if c.len() == 2 {
        return Ok(c.value(1));
    }
    if c.value(0).sensitive {
        let what = "the environment variable with this (sensitive) name is not set";
        return Err(Diagnostic::error(what).missing_input().into());
    }
    Err(not_set(&name, &format!("env(\"{name}\", \"…\")")).into())
}

fn first_that_works(
    evaluator: &Evaluator<'_>,
    args: &[&Expression],
    scope: &Scope<'_>,
    at: &Span,
) -> Result<Value> {
    let mut last = Diagnostic::error("`try` needs an expression").at(at.clone());
    for expr in args {
        match evaluator.eval(expr, scope) {
            Ok(value) => return Ok(value),
            Err(error) => last = *error,
        }
    }
    Err(last.help("none of the expressions of `try` has a value; add one that always has").into())
}

fn can(
    evaluator: &Evaluator<'_>,
    args: &[&Expression],
    scope: &Scope<'_>,
    _: &Span,
) -> Result<Value> {
    Ok(args.iter().all(|expr| evaluator.eval(expr, scope).is_ok()).into())
}
