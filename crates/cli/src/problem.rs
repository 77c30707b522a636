//! How a command fails: diagnostics, and the code to exit with.

use dstream_config::{Diagnostic, Diagnostics, Loaded, SourceFile, render};
use dstream_engine::state::StateError;
use dstream_engine::{Failure, FailureKind};
use dstream_protocol::ErrorKind;
use serde_json::{Value, json};

use crate::diagnostics::{of_failure, to_json};
use crate::exit::Exit;

/// Why a command cannot do what it was asked.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) exit: Exit,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// What the diagnostics' places are in.
    pub(crate) file: SourceFile,
    /// The last words of providers: whose, and what.
    pub(crate) stderr: Vec<(String, Vec<String>)>,
}

pub(crate) type Result<T> = std::result::Result<T, Box<Problem>>;

impl Problem {
    /// One that is about no place in a file.
    pub(crate) fn new(exit: Exit, diagnostic: Diagnostic) -> Box<Self> {
        Self::within(exit, vec![diagnostic], SourceFile::new("", ""))
    }

    /// Wrong usage.
    pub(crate) fn usage(summary: impl Into<String>) -> Box<Self> {
        Self::new(Exit::Usage, Diagnostic::error(summary))
    }

    /// A file or folder that cannot be used.
    pub(crate) fn io(what: impl Into<String>, error: &std::io::Error) -> Box<Self> {
        Self::new(Exit::Failed, Diagnostic::error(what).detail(error.to_string()))
    }

    /// In the task file.
    pub(crate) fn within(exit: Exit, diagnostics: Vec<Diagnostic>, file: SourceFile) -> Box<Self> {
        Box::new(Self { exit, diagnostics, file, stderr: Vec::new() })
    }

    /// Adds a line of help to the last diagnostic.
    pub(crate) fn help(mut self: Box<Self>, help: impl Into<String>) -> Box<Self> {
        if let Some(last) = self.diagnostics.last_mut() {
            last.help.push(help.into());
        }
        self
    }

    /// What went wrong with a provider of `task`.
    pub(crate) fn failure(loaded: &Loaded, task: &str, failure: &Failure) -> Box<Self> {
        let exit = match failure.kind {
            FailureKind::Guarantee | FailureKind::Provider(ErrorKind::Config) => Exit::Usage,
            _ => Exit::Failed,
        };
        let diagnostic = of_failure(loaded, task, failure);
        let mut problem = Self::within(exit, vec![diagnostic], loaded.file.clone());
        if let Some((role, name)) = &failure.provider
            && !failure.stderr.is_empty()
            // It has said itself what is wrong, and logged the same.
            && !matches!(failure.kind, FailureKind::Provider(_))
        {
            let title = dstream_engine::route::title(*role, name);
            problem.stderr.push((title, failure.stderr.clone()));
        }
        problem
    }

    /// The same for a call that moves no data: there is no checkpoint to go on from.
    pub(crate) fn call(loaded: &Loaded, task: &str, failure: &Failure) -> Box<Self> {
        let mut problem = Self::failure(loaded, task, failure);
        let moves = matches!(failure.kind, FailureKind::Crash | FailureKind::StopTimeout);
        if moves && failure.help.is_empty() {
            problem.diagnostics.iter_mut().for_each(|d| d.help.clear());
        }
        problem
    }

    /// As a person reads it.
    pub(crate) fn render(&self, color: bool) -> String {
        let mut parts: Vec<String> =
            self.diagnostics.iter().map(|d| render(d, &self.file, color)).collect();
        for (title, lines) in &self.stderr {
            let lines: Vec<String> = lines.iter().map(|l| format!("    {l}")).collect();
            parts.push(format!("the last lines of {title} on stderr:\n{}", lines.join("\n")));
        }
        parts.join("\n\n")
    }

    /// As a program reads it.
    pub(crate) fn to_json(&self) -> Value {
        let stderr = self
            .stderr
            .iter()
            .map(|(provider, lines)| json!({ "provider": provider, "lines": lines }));
        json!({
            "exit": self.exit.code(),
            "kind": self.exit.name(),
            "diagnostics": to_json(&self.diagnostics, &self.file),
            "stderr": stderr.collect::<Vec<_>>(),
        })
    }
}

impl From<Diagnostics> for Box<Problem> {
    fn from(found: Diagnostics) -> Self {
        Problem::within(Exit::Usage, found.list, found.file)
    }
}

impl From<StateError> for Box<Problem> {
    fn from(error: StateError) -> Self {
        let exit = if matches!(error, StateError::Held { .. }) { Exit::Held } else { Exit::Failed };
        let help = match error {
            StateError::Held { .. } => {
                Some("wait until it has ended, or stop it; its providers hold the state too")
            }
            ref other => other.help(),
        };
        let diagnostic = Diagnostic::error(error.to_string());
        Problem::new(
            exit,
            match help {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            },
        )
    }
}
