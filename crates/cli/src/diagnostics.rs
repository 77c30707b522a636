//! Failures as diagnostics at their place in the task file, and diagnostics as JSON.

use dstream_config::{Diagnostic, Loaded, Severity, SourceFile};
use dstream_engine::{Failure, FailureKind};
use dstream_protocol::ErrorKind;
use serde_json::{Value, json};

/// A failure at the place in the task file that it is about.
pub(crate) fn of_failure(loaded: &Loaded, task: &str, failure: &Failure) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(failure.to_string());
    diagnostic.help = failure.help.clone();
    let Some((role, name)) = &failure.provider else { return diagnostic };
    diagnostic.span = match &failure.path {
        Some(path) => loaded.span_of(task, *role, name, path),
        None => None,
    }
    .or_else(|| loaded.block_span(task, *role, name));
    if diagnostic.help.is_empty() {
        diagnostic.help.extend(next_step(task, name, failure));
    }
    diagnostic
}

/// What to do where the engine has said nothing.
fn next_step(task: &str, block: &str, failure: &Failure) -> Option<String> {
    let check = || format!("`dstream provider check {task} {block}` tries it alone");
    match failure.kind {
        FailureKind::Provider(ErrorKind::Config) => {
            Some(format!("correct the block, then run `dstream validate` or `dstream run {task}`"))
        }
        FailureKind::Provider(ErrorKind::Auth) => {
            Some(format!("check the credentials and their permissions; {}", check()))
        }
        FailureKind::Provider(ErrorKind::Transient) | FailureKind::Startup => Some(check()),
        FailureKind::Rejected => Some(
            "add a `dead_letter {}` block to keep rejected envelopes and go on without them".into(),
        ),
        FailureKind::Crash | FailureKind::StopTimeout => Some(format!(
            "nothing that was saved is lost: `dstream run {task}` goes on from the last checkpoint"
        )),
        FailureKind::Protocol | FailureKind::Accounting => Some(
            "that is a mistake in the provider: report it to its author; nothing that was saved is lost"
                .into(),
        ),
        _ => None,
    }
}

/// Diagnostics with their places as lines and columns.
pub(crate) fn to_json(list: &[Diagnostic], file: &SourceFile) -> Vec<Value> {
    list.iter().map(|d| one(d, file)).collect()
}

fn one(diagnostic: &Diagnostic, file: &SourceFile) -> Value {
    let file = diagnostic.file.as_ref().unwrap_or(file);
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut out = json!({
        "severity": severity, "summary": diagnostic.summary, "help": diagnostic.help,
    });
    if !diagnostic.detail.is_empty() {
        out["detail"] = diagnostic.detail.as_str().into();
    }
    if let Some(span) = &diagnostic.span {
        let (start, end) = (file.position(span.start), file.position(span.end));
        out["file"] = file.name().into();
        out["start"] = json!({ "line": start.line, "column": start.column });
        out["end"] = json!({ "line": end.line, "column": end.column });
    }
    out
}
