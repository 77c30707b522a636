//! `variable` blocks, and where their values come from.

mod declared;
mod given;
mod validation;

use hcl_edit::structure::Block;

use self::declared::declare;
use self::given::value_of;
use self::validation::validate;
use super::fields::{Fields, Shape};
use super::header;
use super::var_file::Given;
use crate::diagnostic::Diagnostic;
use crate::eval::Evaluator;
use crate::inputs::Select;
use crate::loaded::Loaded;
use crate::suggest;

const VARIABLE: Shape = Shape {
    what: "a variable",
    settings: &["type", "default", "sensitive", "description"],
    blocks: &["validation"],
};

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
