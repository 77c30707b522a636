//! `variable` blocks, and where their values come from.

use hcl_edit::Span as _;
use hcl_edit::expr::Expression;
use hcl_edit::structure::Block;

use super::fields::{Fields, Shape};
use super::header;
use super::reader::Reader;
use super::var_file::Given;
use crate::diagnostic::{Diagnostic, Result};
use crate::eval::{Context, Evaluator, Scope, span};
use crate::inputs::Select;
use crate::loaded::{Loaded, VariableInfo};
use crate::source::SourceFile;
use crate::suggest;
use crate::types::Type;
use crate::value::Value;

const VARIABLE: Shape = Shape {
    what: "a variable",
    settings: &["type", "default", "sensitive", "description"],
    blocks: &["validation"],
};

const VALIDATION: Shape =
    Shape { what: "`validation`", settings: &["condition", "error_message"], blocks: &[] };

/// A variable as it is declared.
struct Declared {
    name: String,
    of: Type,
    default: Option<Value>,
    sensitive: bool,
    at: crate::source::Span,
}

pub(super) fn load<'a>(
    file: &Fields<'a>,
    evaluator: &mut Evaluator<'_>,
    given: &Given,
    loaded: &mut Loaded,
    errors: &mut Vec<Diagnostic>,
) {
    for block in file.blocks("variable") {
        one(block, evaluator, given, loaded, errors);
    }
    let known: Vec<&str> = evaluator.variables.keys().map(String::as_str).collect();
    for (name, _) in evaluator.inputs.vars.iter().filter(|(n, _)| !known.contains(&n.as_str())) {
        errors.push(undeclared(
            name,
            &known,
            Diagnostic::error(format!(
                "`--var {name}=…` sets a variable that the file does not declare"
            )),
        ));
    }
    for (name, value) in given.iter().filter(|(n, _)| !known.contains(&n.as_str())) {
        let what = format!("{} sets a variable that is not declared", value.file.name());
        let mut warning = undeclared(name, &known, Diagnostic::warning(what));
        if let Some(at) = &value.at {
            warning = warning.at(at.clone()).in_file(value.file.clone());
        }
        loaded.warnings.push(warning);
    }
}

fn undeclared(name: &str, known: &[&str], d: Diagnostic) -> Diagnostic {
    d.maybe_help(suggest::did_you_mean(name, known.iter().copied()))
        .help(format!("declare it: `variable \"{name}\" {{ }}`"))
}

fn one(
    block: &Block,
    evaluator: &mut Evaluator<'_>,
    given: &Given,
    loaded: &mut Loaded,
    errors: &mut Vec<Diagnostic>,
) {
    let [label] = block.labels.as_slice() else {
        let what = "a variable has one name";
        let help = "write `variable \"name\" { … }`";
        errors.push(Diagnostic::error(what).at(header(block)).help(help));
        return;
    };
    let name = label.as_str().to_owned();
    if let Some(first) = loaded.variables.iter().find(|v| v.name == name) {
        errors.push(
            Diagnostic::error(format!("the variable `{name}` is declared twice"))
                .at(header(block))
                .related(first.span.clone(), "the first one"),
        );
        return;
    }
    let mut found = Vec::new();
    let fields = Fields::read(&block.body, &VARIABLE, &mut found);
    let outcome = match declare(name.clone(), block, &fields, evaluator, loaded, &mut found) {
        Some(declared) => {
            let outcome = value_of(&declared, given, evaluator);
            if let Ok(value) = &outcome {
                validate(&declared, value, &fields, evaluator, &mut found);
            }
            outcome
        }
        None => Err(Diagnostic::consequence().into()),
    };
    if let Err(error) = &outcome
        // Whoever uses it says so, where that is asked for; for a check of everything it is said here.
        && !(evaluator.inputs.select != Select::All && is_missing(error))
    {
        found.push(*error.clone());
    }
    errors.append(&mut found);
    evaluator.variables.insert(name, outcome.map_err(|e| *e));
}

fn is_missing(error: &Diagnostic) -> bool {
    error.kind == crate::diagnostic::Kind::MissingInput
}

fn declare(
    name: String,
    block: &Block,
    fields: &Fields<'_>,
    evaluator: &Evaluator<'_>,
    loaded: &mut Loaded,
    errors: &mut Vec<Diagnostic>,
) -> Option<Declared> {
    let constant = Context::Constant("a setting of a variable");
    let mut reader = Reader::new(evaluator, constant);
    let type_at = fields.setting_of("type").map(|a| &a.value);
    let of = match type_at.map(|expr| Type::parse(expr, evaluator)) {
        None => Some(Type::Any),
        Some(Ok(of)) => Some(of),
        Some(Err(error)) => {
            reader.errors.push(*error);
            None
        }
    };
    let sensitive = reader.bool(fields.setting_of("sensitive")).unwrap_or(false);
    let description = reader.text(fields.setting_of("description"));
    let default = fields.setting_of("default");
    let before = reader.errors.len();
    let value = default.and_then(|a| reader.value(a));
    let default_fails = reader.errors.len() > before;
    loaded.variables.push(VariableInfo {
        name: name.clone(),
        type_name: type_at.map_or_else(|| "any".into(), |e| written(e, &loaded.file)),
        description,
        sensitive,
        required: default.is_none(),
        span: header(block),
    });
    errors.append(&mut reader.errors);
    let of = of.filter(|_| !default_fails)?;
    let default = match value.map(|v| of.convert(v)) {
        None => None,
        Some(Ok(value)) => Some(value),
        Some(Err(m)) => {
            // The line of a sensitive default is not shown.
            let written = default.filter(|_| !sensitive).map(|a| span(&a.value));
            let at = written.unwrap_or_else(|| header(block));
            let what = format!("the default of `{name}` does not fit its type");
            errors.push(Diagnostic::error(what).at(at).detail(format!(
                "{} {}",
                place(&m.path),
                m.why
            )));
            return None;
        }
    };
    Some(Declared { name, of, default, sensitive, at: header(block) })
}

fn written(expr: &Expression, file: &SourceFile) -> String {
    let text = &file.text()[file.clamp(&span(expr))];
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Command line, then file, then environment, then default.
fn value_of(declared: &Declared, given: &Given, evaluator: &Evaluator<'_>) -> Result<Value> {
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
            .detail(format!("{} {}", place(&m.path), m.why))
            .help(format!("the value comes from {from}"))
    })?;
    Ok(converted.tainted(declared.sensitive))
}

fn place(path: &str) -> String {
    if path.is_empty() { "it".into() } else { format!("`{}`", path.trim_start_matches('.')) }
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

fn validate(
    declared: &Declared,
    value: &Value,
    fields: &Fields<'_>,
    evaluator: &Evaluator<'_>,
    errors: &mut Vec<Diagnostic>,
) {
    for block in fields.blocks("validation") {
        let f = Fields::read(&block.body, &VALIDATION, errors);
        let context = Context::Validation(&declared.name, value);
        let mut reader = Reader::new(evaluator, context);
        let Some(condition) = f.setting_of("condition") else {
            let what = "a validation needs `condition` and `error_message`";
            errors.push(Diagnostic::error(what).at(header(block)));
            continue;
        };
        if reader.bool(Some(condition)) == Some(false) {
            let message = f.setting_of("error_message");
            let text = message.and_then(|a| reader.value(a)).map_or_else(
                || "the condition is not met".to_owned(),
                |v| {
                    let secret = v.holds_secret();
                    let said = v.to_text().filter(|_| !secret);
                    said.unwrap_or_else(|| "(the message holds a sensitive value)".into())
                },
            );
            let at = condition.value.span().unwrap_or_default();
            let what = format!("the value of the variable `{}` is refused", declared.name);
            let mut error = Diagnostic::error(what).at(at).detail(text);
            // Nothing near a sensitive default is shown.
            if !declared.sensitive {
                error = error.related(declared.at.clone(), "this variable");
            }
            errors.push(error);
        }
        errors.append(&mut reader.errors);
    }
}
