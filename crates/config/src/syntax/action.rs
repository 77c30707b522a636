//! The original's templates: `{{ env "NAME" }}` and its few common forms.
//!
//! The original rendered the whole file as a Go template before it read it as HCL. Here a template
//! that reads the environment is kept as such, so that its value counts as a secret; any other is
//! an error that says what to write instead.
//!
//! | written | is |
//! |---|---|
//! | ``{{ env "X" }}``, ``{{ env `X` }}`` | the variable |
//! | `{{ env "X" \| default "y" }}`, `{{ default "y" (env "X") }}` | the same, or `y` where it is unset or empty |
//! | `"{{ env \"X\" }}"` | the variable, where the quotes are written as HCL wants them |
//! | `{{ "{{" }}` | a literal `{{`; any text with braces |
//! | `{{/* … */}}` | nothing |
//! | `x = {{ env "X" }}` | outside of a string: a number or a bool |
//! | `x = {{ env "X" \| quote }}` | outside of a string: a string |

mod pipeline;

use std::collections::HashMap;

use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// What a template does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Reads a variable; empty or unset is the default, where there is one.
    Env { name: String, default: Option<String>, quoted: bool },
    /// Stands for a text.
    Text(String),
    /// Is not understood.
    Unsupported,
}

/// Where a template stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    String,
    Heredoc,
    Bare,
}

/// A template in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) span: Span,
    pub(crate) place: Place,
    pub(crate) action: Action,
}

impl Site {
    /// Puts HCL of the same length there: the name `_`, in a template or in parentheses.
    pub(crate) fn mask(&self, bytes: &mut [u8]) {
        let part = &mut bytes[self.span.clone()];
        for byte in part.iter_mut().filter(|b| **b != b'\n') {
            *byte = b' ';
        }
        let statement = self.place == Place::Bare && self.action == Action::Unsupported;
        if statement || part.len() < 4 {
            return;
        }
        let intro: &[u8] = if self.place == Place::Bare { b"(_" } else { b"${_" };
        part[..intro.len()].copy_from_slice(intro);
        let last = part.len() - 1;
        part[last] = if self.place == Place::Bare { b')' } else { b'}' };
    }

    fn name_at(&self) -> usize {
        self.span.start + if self.place == Place::Bare { 1 } else { 2 }
    }
}

/// The templates by the place of the name that stands for them.
pub(crate) fn by_place(sites: Vec<Site>) -> HashMap<usize, Site> {
    sites.into_iter().map(|s| (s.name_at(), s)).collect()
}

/// The template that begins at `at`, if what begins there is one.
///
/// A `{{` that is not closed on its line, or in its string, is a literal one.
pub(crate) fn find(text: &str, at: usize, place: Place) -> Option<Site> {
    let rest = &text[at..];
    let site = |length: usize, action| Some(Site { span: at..at + length, place, action });
    if place == Place::String
        && let Some((length, inner)) = pipeline::escaped(rest)
    {
        match pipeline::read(&inner) {
            Some(Action::Text(text)) if !is_literal(&inner, &text) => {}
            Some(Action::Env { quoted: true, .. }) => return site(length, Action::Unsupported),
            Some(action) => return site(length, action),
            None if pipeline::looks_like_code(&inner) => return site(length, Action::Unsupported),
            None => {}
        }
    }
    if let Some((length, inner)) = pipeline::extent(rest) {
        match pipeline::read(inner) {
            Some(Action::Text(text)) if !is_literal(inner, &text) => {}
            Some(Action::Env { quoted: true, .. }) if place != Place::Bare => {
                return site(length, Action::Unsupported);
            }
            Some(action) => return site(length, action),
            None if pipeline::looks_like_code(inner) => return site(length, Action::Unsupported),
            None => {}
        }
    }
    let line = rest.lines().next().unwrap_or_default();
    let end =
        if place == Place::String { line.find('"').unwrap_or(line.len()) } else { line.len() };
    let closed = line[..end].find("}}")?;
    site(closed + 2, Action::Unsupported)
}

/// `{{ "x" }}` may be two HCL strings with braces in them; with braces inside it is surely meant.
fn is_literal(inner: &str, text: &str) -> bool {
    inner.contains('`') || inner.contains("/*") || text.contains("{{") || text.contains("}}")
}

/// What to say of a template that is not understood.
pub(crate) fn unsupported(site: &Site, text: &str) -> Option<Diagnostic> {
    if site.action != Action::Unsupported {
        return None;
    }
    let inner = text[site.span.clone()].trim_matches(['{', '}', '-', ' ']);
    let word = inner.split_whitespace().next().unwrap_or_default();
    let error = Diagnostic::error("this template is not supported")
        .at(site.span.clone())
        .detail("of the original's templates only `{{ env \"NAME\" }}` is evaluated");
    Some(match word {
        "if" | "else" | "end" | "range" | "with" => error
            .help("use HCL: `condition ? a : b`, `[for x in list : x]`, `%{ if … }` in a string"),
        _ if inner.contains("env") => error.help(
            "use the functions of HCL: `${upper(env(\"NAME\"))}`, or `env(\"NAME\", \"default\")`",
        ),
        _ => error.help("use a variable, a local or a function: `${var.name}`, `${upper(\"x\")}`"),
    }
    .help("for a literal `{{` write `{{ \"{{\" }}`, or `${\"{{\"}` in a string"))
}
