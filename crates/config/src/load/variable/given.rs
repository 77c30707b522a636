//! The value of a variable, and where it comes from.

use hcl_edit::expr::Expression;

use super::declared::{Declared, why};
use crate::diagnostic::{Diagnostic, Result};
use crate::eval::{Context, Evaluator, Scope};
use crate::load::var_file::Given;
use crate::value::Value;

/// Command line, then file, then environment, then default.
pub(super) fn value_of(
    declared: &Declared,
    given: &Given,
    evaluator: &Evaluator<'_>,
) -> Result<Value> {
    let name = &declared.name;
    let inputs = evaluator.inputs;
    let env_name = format!("DSTREAM_VAR_{name}");
    let (value, from) = if let Some((_, text)) = inputs.vars.iter().rev().find(|(n, _)| n == name) {
        (of_text(text, "--var", declared, evaluator)?, "--var".to_owned())
    } else if let Some(file) = given.get(name) {
        (file.value.clone(), file.file.name().to_owned())
    } else if let Some(text) = (inputs.env)(&env_name) {
        let value = of_text(&text, &env_name, declared, evaluator)?;
        (value, format!("the environment ({env_name})"))
    } else if let Some(default) = &declared.default {
        return Ok(default.clone().tainted(declared.sensitive));
    } else {
        return Err(missing(declared).into());
    };
    let converted = declared.of.convert(value).map_err(|m| {
        Diagnostic::error(format!("the value of the variable `{name}` does not fit its type"))
            .at(declared.at.clone())
            .detail(why(&m))
            .help(format!("the value comes from {from}"))
    })?;
    Ok(converted.tainted(declared.sensitive))
}

fn missing(declared: &Declared) -> Diagnostic {
    let name = &declared.name;
    Diagnostic::error(format!("the variable `{name}` has no value"))
        .at(declared.at.clone())
        .detail("it has no default, and none is given")
        .help(format!("give it: `--var {name}=…`, or `{name} = …` in a file for `--var-file`"))
        .help(format!("or in the environment: `export DSTREAM_VAR_{name}=…`"))
        .missing_input()
}

/// A text is the value itself for simple types, and an expression for the others.
fn of_text(
    text: &str,
    from: &str,
    declared: &Declared,
    evaluator: &Evaluator<'_>,
) -> Result<Value> {
    if declared.of.takes_text() {
        return Ok(Value::string(text));
    }
    let name = &declared.name;
    let wrong = || {
        Diagnostic::error(format!("the value of the variable `{name}` is not readable"))
            .at(declared.at.clone())
            .detail("it must be an expression: a list or an object")
            .help(format!("write such as `[\"a\", \"b\"]` or `{{ key = \"value\" }}` in {from}"))
    };
    let expr: Expression = text.parse().map_err(|_| wrong())?;
    let scope = Scope::new(Context::Constant("the value of a variable"));
    // The error's place is in another text.
    evaluator.eval(&expr, &scope).map_err(|e| wrong().help(e.summary).into())
}
