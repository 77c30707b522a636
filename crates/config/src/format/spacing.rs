//! Where a space stands between two tokens.

use crate::syntax::token::{Token, TokenKind};

/// Each token with the space that stands before it. `before` is the last token of the line above,
/// where an expression goes on.
pub(super) fn join(text: &str, tokens: &[&Token], before: Option<&Token>) -> Vec<String> {
    let mut out = Vec::with_capacity(tokens.len());
    let mut last: Option<Item<'_>> = before.map(|t| Item::new(text, t, None));
    for (i, token) in tokens.iter().enumerate() {
        let item = Item::new(text, token, last.as_ref());
        let spaced = i > 0 && last.as_ref().is_some_and(|l| space(l, &item));
        let written = item.text.trim_end_matches([' ', '\t']);
        out.push(if spaced { format!(" {written}") } else { written.to_owned() });
        last = Some(item);
    }
    out
}

struct Item<'t> {
    kind: TokenKind,
    text: &'t str,
    /// A `-` or `!` before what it applies to.
    unary: bool,
    /// The `*` of `list.*`.
    splat: bool,
}

/// Words that are followed by an expression.
const KEYWORDS: [&str; 3] = ["in", "if", "for"];

impl<'t> Item<'t> {
    fn new(text: &'t str, token: &Token, last: Option<&Item<'_>>) -> Self {
        let written = &text[token.span.clone()];
        let starts = last.is_none_or(Item::awaits);
        Self {
            kind: token.kind,
            text: written,
            unary: matches!(written, "-" | "!") && starts,
            splat: written == "*" && last.is_some_and(|l| l.is(".")),
        }
    }

    fn is(&self, text: &str) -> bool {
        self.text == text
    }

    fn keyword(&self) -> bool {
        self.kind == TokenKind::Ident && KEYWORDS.contains(&self.text)
    }

    /// Whether an expression begins after it.
    fn awaits(&self) -> bool {
        match self.kind {
            TokenKind::Sign => !self.splat,
            TokenKind::Open => true,
            _ => self.keyword(),
        }
    }

    fn comment(&self) -> bool {
        matches!(self.kind, TokenKind::LineComment | TokenKind::BlockComment)
    }
}

fn space(last: &Item<'_>, item: &Item<'_>) -> bool {
    if last.comment() || item.comment() {
        return true;
    }
    if last.is("(") || last.is("[") || item.is(")") || item.is("]") || item.is(",") {
        return false;
    }
    if last.is("{") && item.is("}") || last.unary {
        return false;
    }
    if last.is(".") || item.is(".") || last.is("::") || item.is("::") || item.is("...") {
        return false;
    }
    if item.is("(") {
        return last.kind != TokenKind::Ident || last.keyword();
    }
    if item.is("[") {
        return last.awaits();
    }
    true
}
