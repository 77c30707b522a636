//! What is wrong with a file, where, and what to do about it.

use std::fmt;

use crate::render::render;
use crate::source::{SourceFile, Span};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file works, but a person should know.
    Warning,
    /// The file cannot be used.
    Error,
}

/// Which sort of mistake, where the loader treats it apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The file itself is wrong.
    #[default]
    Mistake,
    /// The file is right, but a value from outside (a variable) is missing.
    MissingInput,
    /// A consequence of something that is reported elsewhere; not shown.
    Consequence,
}

/// One thing to tell the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub summary: String,
    /// What stands below the marked place; may be empty.
    pub detail: String,
    /// Where.
    pub span: Option<Span>,
    /// A second place that matters, and why: where the name was used first, for instance.
    pub related: Vec<(Span, String)>,
    /// What is valid, and what to do; one line each.
    pub help: Vec<String>,
    /// The file, where it is not the task file: a variable file, a template.
    pub file: Option<SourceFile>,
    pub(crate) kind: Kind,
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(summary: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            summary: summary.into(),
            detail: String::new(),
            span: None,
            related: Vec::new(),
            help: Vec::new(),
            file: None,
            kind: Kind::Mistake,
        }
    }

    /// A warning without a place.
    pub fn warning(summary: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(summary) }
    }

    /// An error that only follows from one that is reported elsewhere.
    pub(crate) fn consequence() -> Self {
        Self { kind: Kind::Consequence, ..Self::error("depends on a value that is in error") }
    }

    /// At this place.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// At this place, unless it has one.
    #[must_use]
    pub(crate) fn or_at(mut self, span: &Span) -> Self {
        if self.span.is_none() && self.file.is_none() {
            self.span = Some(span.clone());
        }
        self
    }

    /// What stands below the marked place.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// A line of help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// A line of help, if there is one.
    #[must_use]
    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help.extend(help);
        self
    }

    /// A second place that matters.
    #[must_use]
    pub fn related(mut self, span: Span, why: impl Into<String>) -> Self {
        self.related.push((span, why.into()));
        self
    }

    /// In another file than the task file.
    #[must_use]
    pub fn in_file(mut self, file: SourceFile) -> Self {
        self.file = Some(file);
        self
    }

    pub(crate) fn missing_input(mut self) -> Self {
        self.kind = Kind::MissingInput;
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary)?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

/// Everything that is wrong with a file. Displays as a person reads it, without colour.
#[derive(Debug, Clone)]
pub struct Diagnostics {
    /// The task file.
    pub file: SourceFile,
    /// In the order of the file; at least one.
    pub list: Vec<Diagnostic>,
    /// What could be read of the file in spite of them, where it could be parsed.
    pub loaded: Option<Box<crate::Loaded>>,
}

impl Diagnostics {
    /// In the order of the file, each said once.
    pub(crate) fn new(file: SourceFile, mut list: Vec<Diagnostic>) -> Self {
        list.retain(|d| d.kind != Kind::Consequence);
        list.sort_by_key(|d| d.span.as_ref().map_or(0, |s| s.start));
        list.dedup();
        Self { file, list, loaded: None }
    }

    /// All of them, rendered one below the other.
    pub fn render(&self, color: bool) -> String {
        let parts: Vec<String> = self.list.iter().map(|d| render(d, &self.file, color)).collect();
        parts.join("\n\n")
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

/// Of an expression's evaluation: boxed, because a diagnostic is large and an error rare.
pub(crate) type Result<T> = std::result::Result<T, Box<Diagnostic>>;
