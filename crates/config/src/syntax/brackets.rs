//! Which bracket is not closed, or closes nothing.

use crate::diagnostic::Diagnostic;
use crate::source::Span;

use super::token::{Token, TokenKind};

struct Open {
    span: Span,
    indent: usize,
}

/// The bracket that is wrong, if the brackets do not match.
///
/// Where a bracket is missing, the end of the file is where it shows; the indentation of the
/// closing ones tells which it was.
pub(super) fn check(text: &str, tokens: &[Token]) -> Option<Diagnostic> {
    let mut open: Vec<Open> = Vec::new();
    let mut suspect: Option<Span> = None;
    let mut indent = 0;
    let mut first = true;
    for token in tokens {
        match token.kind {
            TokenKind::Newline => {
                (indent, first) = (0, true);
                continue;
            }
            TokenKind::Space => {
                indent += if first { token.span.len() } else { 0 };
                continue;
            }
            TokenKind::Open => open.push(Open { span: token.span.clone(), indent }),
            TokenKind::Close => {
                let Some(last) = open.pop() else { return Some(closes_nothing(text, token)) };
                if closing(&text[last.span.clone()]) != &text[token.span.clone()] {
                    return Some(mismatch(text, &last, token));
                }
                if first && last.indent > indent && suspect.is_none() {
                    suspect = Some(last.span);
                }
            }
            _ => {}
        }
        first = false;
    }
    let innermost = open.pop()?.span;
    let culprit = suspect.unwrap_or(innermost);
    Some(unclosed(text, culprit))
}

fn closing(open: &str) -> &'static str {
    match open {
        "{" => "}",
        "[" => "]",
        _ => ")",
    }
}

fn unclosed(text: &str, span: Span) -> Diagnostic {
    let sign = &text[span.clone()];
    Diagnostic::error(format!("this `{sign}` is not closed"))
        .at(span.clone())
        .detail(format!("no `{}` belongs to it", closing(sign)))
        .help(format!("add `{}` where it ends", closing(sign)))
}

fn closes_nothing(text: &str, token: &Token) -> Diagnostic {
    let sign = &text[token.span.clone()];
    Diagnostic::error(format!("this `{sign}` closes nothing"))
        .at(token.span.clone())
        .detail("everything before it is closed already")
        .help("remove it, or look for a bracket that is closed too early above it")
}

fn mismatch(text: &str, open: &Open, token: &Token) -> Diagnostic {
    let (wanted, found) = (closing(&text[open.span.clone()]), &text[token.span.clone()]);
    Diagnostic::error(format!("expected `{wanted}`, found `{found}`"))
        .at(token.span.clone())
        .detail(format!("`{wanted}` must come first"))
        .related(open.span.clone(), "this is still open")
}
