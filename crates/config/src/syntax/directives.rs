//! `%{ if }`, `%{ for }` and what closes them: the parser says nothing useful of those.

use crate::diagnostic::Diagnostic;
use crate::source::Span;

use super::token::{Token, TokenKind};

/// What is wrong with the directives in a string or heredoc.
pub(super) fn check(text: &str, token: &Token) -> Option<Diagnostic> {
    if !matches!(token.kind, TokenKind::String | TokenKind::Heredoc) {
        return None;
    }
    let mut open: Vec<(&str, Span)> = Vec::new();
    for (word, at) in words(text, &token.span) {
        let inner = open.last().map(|(w, _)| *w);
        match (word, inner) {
            ("if" | "for", _) => open.push((word, at)),
            ("else", Some("if")) => {}
            ("endif", Some("if")) | ("endfor", Some("for")) => drop(open.pop()),
            ("else" | "endif" | "endfor", _) => return Some(misplaced(word, at, open.pop())),
            ("", _) => return Some(Diagnostic::error("a template directive is empty").at(at)),
            _ => return Some(unknown(word, at)),
        }
    }
    let (word, at) = open.pop()?;
    Some(
        Diagnostic::error(format!("`%{{ {word} }}` has no `%{{ end{word} }}`"))
            .at(at)
            .detail("this is not closed")
            .help(format!("write `%{{ end{word} }}` where it ends")),
    )
}

fn misplaced(word: &str, at: Span, open: Option<(&str, Span)>) -> Diagnostic {
    let error = Diagnostic::error(format!("`%{{ {word} }}` does not fit here")).at(at);
    match open {
        Some((outer, place)) => {
            let wanted = format!("`%{{ end{outer} }}` must come first");
            error.detail(wanted).related(place, "this is still open")
        }
        None => error.detail("nothing of its kind is open"),
    }
}

fn unknown(word: &str, at: Span) -> Diagnostic {
    Diagnostic::error(format!("there is no template directive `{word}`"))
        .at(at)
        .help("the directives are `if`, `else`, `endif`, `for` and `endfor`")
        .help("for a literal `%{` write `%%{`")
}

/// The first word of each directive, and the place of its beginning.
fn words<'t>(text: &'t str, span: &Span) -> Vec<(&'t str, Span)> {
    let part = &text[span.clone()];
    let starts = part.match_indices("%{").filter(|(i, _)| !part[..*i].ends_with('%'));
    let word = |(i, _): (usize, &str)| {
        let inner = part[i + 2..].trim_start_matches(['~', ' ', '\t', '\n', '\r']);
        let length = inner.find(|c: char| !c.is_alphanumeric()).unwrap_or(inner.len());
        let start = span.start + i;
        let end = span.start + (part.len() - inner.len()) + length;
        (&inner[..length], start..end)
    };
    starts.map(word).collect()
}
