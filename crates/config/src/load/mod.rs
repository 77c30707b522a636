//! Blocks become tasks.

mod block;
mod config;
mod fields;
mod reader;
mod registries;
mod sandbox;
mod schedule;
mod settings;
mod task;
mod trust;
mod var_file;
mod variable;

use std::path::{Path, PathBuf};

use dstream_task::Secrets;
use hcl_edit::Span as _;
use hcl_edit::structure::Block;

use crate::diagnostic::{Diagnostic, Diagnostics, Kind};
use crate::eval::Evaluator;
use crate::inputs::{Inputs, Select};
use crate::loaded::Loaded;
use crate::source::{SourceFile, Span};
use crate::spans::Spans;
use crate::syntax;
use fields::Fields;

/// The blocks that a file may hold.
const FILE: fields::Shape = fields::Shape {
    what: "a task file",
    settings: &[],
    blocks: &["task", "variable", "locals", "dstream"],
};

/// Parses, evaluates, checks.
pub(crate) fn parse(file: SourceFile, inputs: &Inputs<'_>) -> Result<Loaded, Diagnostics> {
    let parsed = match syntax::parse(&file) {
        Ok(parsed) => parsed,
        Err(errors) => return Err(Diagnostics::new(file, errors)),
    };
    let mut evaluator = Evaluator::new(inputs, folder(file.name()));
    evaluator.actions = parsed.actions;
    let mut errors = parsed.errors;
    let mut loaded = empty(file);
    let fields = Fields::read(&parsed.body, &FILE, &mut errors);
    let given = var_file::read_all(inputs, &mut errors);
    variable::load(&fields, &mut evaluator, &given, &mut loaded, &mut errors);
    declare_locals(&fields, &mut evaluator, &mut errors);
    settings::load(&fields, &evaluator, &mut loaded, &mut errors);
    load_tasks(&fields, &evaluator, &mut loaded, &mut errors);
    errors.extend(evaluator.check_locals());
    if errors.is_empty() {
        return Ok(loaded);
    }
    let found = Diagnostics::new(loaded.file.clone(), errors);
    Err(Diagnostics { loaded: Some(Box::new(loaded)), ..found })
}

fn empty(file: SourceFile) -> Loaded {
    Loaded {
        file,
        tasks: Vec::new(),
        incomplete: Vec::new(),
        broken: Vec::new(),
        secrets: Secrets::default(),
        settings: crate::Settings::default(),
        variables: Vec::new(),
        warnings: Vec::new(),
        spans: Spans::default(),
    }
}

/// The folder of a file's name.
fn folder(name: &str) -> PathBuf {
    match Path::new(name).parent() {
        Some(parent) if parent.as_os_str().is_empty() => ".".into(),
        Some(parent) => parent.to_owned(),
        None => ".".into(),
    }
}

fn declare_locals<'a>(
    fields: &Fields<'a>,
    evaluator: &mut Evaluator<'a>,
    errors: &mut Vec<Diagnostic>,
) {
    for block in fields.blocks("locals") {
        no_labels(block, errors);
        for inner in block.body.blocks() {
            errors.push(
                Diagnostic::error("`locals` holds settings, no blocks")
                    .at(header(inner))
                    .help(format!("write `{} = {{ … }}`", inner.ident.as_str())),
            );
        }
        for attribute in block.body.attributes() {
            let key = attribute.key.span().unwrap_or_default();
            let name = attribute.key.as_str();
            if !evaluator.declare_local(name, key.clone(), &attribute.value) {
                let what = format!("the local `{name}` is defined twice");
                errors.push(Diagnostic::error(what).at(key));
            }
        }
    }
}

fn load_tasks<'a>(
    fields: &Fields<'a>,
    evaluator: &Evaluator<'_>,
    loaded: &mut Loaded,
    errors: &mut Vec<Diagnostic>,
) {
    let mut seen: Vec<(&str, Span)> = Vec::new();
    for block in fields.blocks("task") {
        let Some(name) = task::name(block, errors) else { continue };
        if let Some((_, first)) = seen.iter().find(|(n, _)| *n == name) {
            errors.push(
                Diagnostic::error(format!("there are two tasks `{name}`"))
                    .at(header(block))
                    .detail("give one of them another name")
                    .related(first.clone(), "the first one"),
            );
            continue;
        }
        seen.push((name, header(block)));
        let (task, found) = task::load(name, block, evaluator, loaded);
        let selected = match &evaluator.inputs.select {
            Select::All => true,
            Select::One(wanted) => wanted == name,
            Select::Nothing => false,
        };
        let (missing, wrong): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|d| !selected && d.kind == Kind::MissingInput);
        match (missing.is_empty(), wrong.is_empty()) {
            (true, true) => loaded.tasks.push(task),
            (true, false) => loaded.broken.push(task),
            (false, _) => loaded.incomplete.push((name.to_owned(), missing)),
        }
        errors.extend(wrong);
    }
}

/// A block's name and labels.
fn header(block: &Block) -> Span {
    let start = block.ident.span().unwrap_or_default();
    let end = block.labels.iter().filter_map(|l| l.span()).map(|s| s.end).max();
    start.start..end.unwrap_or(start.end)
}

/// Refuses labels on a block that has none.
fn no_labels(block: &Block, errors: &mut Vec<Diagnostic>) {
    if let Some(label) = block.labels.first() {
        let what = format!("`{}` takes no label", block.ident.as_str());
        let span = label.span().unwrap_or_default();
        errors.push(Diagnostic::error(what).at(span).detail("remove this"));
    }
}

/// At most one block; more are errors.
fn single<'b>(blocks: &[&'b Block], errors: &mut Vec<Diagnostic>) -> Option<&'b Block> {
    let (first, more) = blocks.split_first()?;
    no_labels(first, errors);
    for block in more {
        errors.push(
            Diagnostic::error(format!("`{}` may stand here once", block.ident.as_str()))
                .at(header(block))
                .related(header(first), "the first one"),
        );
    }
    Some(first)
}

#[cfg(test)]
mod tests;
