//! More than the first syntax error: each statement that the parser refuses is blanked out, and the
//! rest is parsed again.

use hcl_edit::structure::Body;

use crate::diagnostic::Diagnostic;
use crate::source::Span;

use super::errors;
use super::token::{Token, TokenKind};

/// A file with more errors than this is no task file.
const MOST: usize = 20;

/// The tree, or every syntax error. The brackets must match.
pub(super) fn parse(masked: String, text: &str, tokens: &[Token]) -> Result<Body, Vec<Diagnostic>> {
    let mut rest = masked;
    let mut found = Vec::new();
    let mut blanked: Vec<Span> = Vec::new();
    while found.len() < MOST {
        let error = match hcl_edit::parser::parse_body(&rest) {
            Ok(body) if found.is_empty() => return Ok(body),
            Ok(_) => break,
            Err(error) => error,
        };
        let at = error.location().offset().min(text.len());
        let statement = statement(text, tokens, at);
        // What stood in front of it is gone: the error is of the blank, not of the text.
        let follows = blanked.iter().any(|b| follows(text, b, &statement));
        if !follows || found.is_empty() {
            found.push(errors::of_parser(&error, text, tokens));
        }
        if blanked.contains(&statement) || statement.is_empty() {
            break;
        }
        rest = blank(&rest, &statement);
        blanked.push(statement);
    }
    Err(found)
}

/// The line that holds a place, and the lines that its brackets take in.
fn statement(text: &str, tokens: &[Token], at: usize) -> Span {
    // The parser names the end of the line, or of the file, where something is missing at its end.
    let within = |t: &&Token| t.span.end > at || t.span.end == text.len();
    let index = tokens.iter().position(|t| within(&t)).unwrap_or(0);
    let ends_line = |t: &Token| t.kind == TokenKind::Newline;
    let before = tokens[..index].iter().rposition(ends_line);
    let first = before.map_or(0, |newline| newline + 1);
    let mut depth = 0_usize;
    let mut end = text.len();
    for token in &tokens[first..] {
        match token.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close if depth == 0 => {
                end = token.span.start;
                break;
            }
            TokenKind::Close => depth -= 1,
            TokenKind::Newline if depth == 0 && token.span.start >= at => {
                end = token.span.start;
                break;
            }
            _ => {}
        }
    }
    tokens.get(first).map_or(0, |t| t.span.start)..end
}

/// Whether nothing but blanks stands between one statement and the next.
fn follows(text: &str, before: &Span, next: &Span) -> bool {
    before.end <= next.start
        && text[before.end..next.start].trim().is_empty()
        && text[next.clone()].trim_start().starts_with(['{', '}', '[', ']', '(', ')'])
}

/// Spaces for everything but the line ends, so that places stay what they are.
fn blank(text: &str, span: &Span) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for byte in bytes[span.clone()].iter_mut().filter(|b| !matches!(b, b'\n' | b'\r')) {
        *byte = b' ';
    }
    String::from_utf8(bytes).unwrap_or_default()
}
