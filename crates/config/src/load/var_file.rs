//! Variable files: HCL attributes, or JSON.

use std::collections::BTreeMap;
use std::path::Path;

use hcl_edit::Span as _;

use super::header;
use crate::diagnostic::Diagnostic;
use crate::eval::{Context, Evaluator, Scope, span};
use crate::inputs::Inputs;
use crate::source::{SourceFile, Span};
use crate::syntax;
use crate::value::{Kind, Value};

/// The values of all files; those of a later file win.
pub(super) type Given = BTreeMap<String, FileValue>;

/// A value, and where it stands.
pub(super) struct FileValue {
    pub(super) value: Value,
    pub(super) file: SourceFile,
    /// None in JSON.
    pub(super) at: Option<Span>,
}

pub(super) fn read_all(inputs: &Inputs<'_>, errors: &mut Vec<Diagnostic>) -> Given {
    let mut given = Given::new();
    for path in &inputs.var_files {
        match std::fs::read_to_string(path) {
            Ok(text) => read(path, text, inputs, &mut given, errors),
            Err(error) => {
                let what = format!("cannot read the variable file {}", path.display());
                errors.push(Diagnostic::error(what).detail(error.to_string()));
            }
        }
    }
    given
}

fn read(
    path: &Path,
    text: String,
    inputs: &Inputs<'_>,
    given: &mut Given,
    errors: &mut Vec<Diagnostic>,
) {
    let file = SourceFile::new(path.display().to_string(), text);
    if path.extension().is_some_and(|e| e == "json") {
        json(&file, given, errors);
    } else {
        hcl(path, &file, inputs, given, errors);
    }
}

fn json(file: &SourceFile, given: &mut Given, errors: &mut Vec<Diagnostic>) {
    match serde_json::from_str(file.text()).map(|v| Value::from_json(&v).kind) {
        Ok(Kind::Object(map)) => {
            for (name, value) in map {
                given.insert(name, FileValue { value, file: file.clone(), at: None });
            }
        }
        Ok(_) => {
            let what = format!("{} must hold one JSON object", file.name());
            errors.push(Diagnostic::error(what).help("write `{ \"name\": value, … }`"));
        }
        // The message of the parser is kept away: it may repeat a value.
        Err(error) => {
            errors.push(Diagnostic::error(format!("{} is not JSON", file.name())).detail(format!(
                "wrong in line {}, column {}",
                error.line(),
                error.column()
            )))
        }
    }
}

fn hcl(
    path: &Path,
    file: &SourceFile,
    inputs: &Inputs<'_>,
    given: &mut Given,
    errors: &mut Vec<Diagnostic>,
) {
    let mut say = |d: Diagnostic| errors.push(d.in_file(file.clone()));
    let parsed = match syntax::parse(file) {
        Ok(parsed) => parsed,
        Err(found) => return found.into_iter().for_each(say),
    };
    parsed.errors.into_iter().for_each(&mut say);
    let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
    let mut evaluator = Evaluator::new(inputs, folder);
    evaluator.actions = parsed.actions;
    for block in parsed.body.blocks() {
        let what = "a variable file holds settings, no blocks";
        say(Diagnostic::error(what).at(header(block)).help("write `name = value`"));
    }
    let scope = Scope::new(Context::Constant("a variable file"));
    for attribute in parsed.body.attributes() {
        match evaluator.eval(&attribute.value, &scope) {
            Ok(value) => {
                let at = attribute.key.span();
                let entry = FileValue { value, file: file.clone(), at };
                given.insert(attribute.key.as_str().to_owned(), entry);
            }
            Err(error) => say(error.or_at(&span(&attribute.value))),
        }
    }
}
