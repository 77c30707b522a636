//! Tokens become lines: how deep each stands, and where its `=` and its comment begin.

use super::spacing;
use crate::syntax::token::{Token, TokenKind};

/// A line to be written.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// In levels.
    pub(super) indent: usize,
    /// Up to the `=`, or all of it. A blank line has none.
    pub(super) lead: String,
    /// From the `=` on, where the value ends on the line.
    pub(super) assign: Option<String>,
    /// A comment after something else.
    pub(super) comment: Option<String>,
}

impl Line {
    pub(super) fn is_blank(&self) -> bool {
        self.lead.is_empty()
    }
}

/// Lays out all lines; of several blank ones in a row, one.
pub(super) fn layout(text: &str, tokens: &[Token]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    // Of each open bracket how deep its line stands: what is in it stands one deeper.
    let mut open: Vec<usize> = Vec::new();
    let mut before = None;
    for tokens in split(tokens) {
        if tokens.is_empty() {
            if lines.last().is_some_and(|l| !l.is_blank()) {
                lines.push(Line::default());
            }
            continue;
        }
        if open.is_empty() {
            before = None;
        }
        let closing = tokens.iter().take_while(|t| t.kind == TokenKind::Close).count();
        let mut indent = open.last().map_or(0, |outer| outer + 1);
        for _ in 0..closing {
            indent = open.pop().unwrap_or(0);
        }
        for token in &tokens[closing..] {
            match token.kind {
                TokenKind::Open => open.push(indent),
                TokenKind::Close => drop(open.pop()),
                _ => {}
            }
        }
        lines.push(line(text, &tokens, indent, before));
        let code =
            |t: &&&Token| !matches!(t.kind, TokenKind::LineComment | TokenKind::BlockComment);
        before = tokens.iter().rev().find(code).copied().or(before);
    }
    while lines.last().is_some_and(Line::is_blank) {
        lines.pop();
    }
    lines
}

/// The tokens of each line, without spaces.
fn split(tokens: &[Token]) -> Vec<Vec<&Token>> {
    let mut lines = vec![Vec::new()];
    for token in tokens {
        match token.kind {
            TokenKind::Newline => lines.push(Vec::new()),
            TokenKind::Space => {}
            _ => {
                if let Some(line) = lines.last_mut() {
                    line.push(token);
                }
            }
        }
    }
    lines
}

fn line(text: &str, tokens: &[&Token], indent: usize, before: Option<&Token>) -> Line {
    let (mut code, mut comment) = (tokens, None);
    if let [rest @ .., last] = tokens
        && last.kind == TokenKind::LineComment
        && !rest.is_empty()
    {
        code = rest;
        comment = Some(text[last.span.clone()].trim_end().to_owned());
    }
    let at = assignment(text, code);
    let written = spacing::join(text, code, before);
    let lead = written[..at.unwrap_or(code.len())].concat();
    let assign = at.map(|at| written[at..].concat().trim_start().to_owned());
    Line { indent, lead: lead.trim().to_owned(), assign, comment }
}

/// The `=` of a line whose value ends on it.
fn assignment(text: &str, tokens: &[&Token]) -> Option<usize> {
    let mut depth = 0i64;
    let is = |t: &Token, sign: &str| &text[t.span.clone()] == sign;
    let mut at = None;
    for (i, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth -= 1,
            TokenKind::Sign if i > 0 && depth == 0 && at.is_none() && is(token, "=") => {
                at = Some(i);
            }
            _ => {}
        }
    }
    at.filter(|_| depth == 0)
}
