//! What a text is cut into.

use super::action::Site;
use crate::source::Span;

/// A run of the text. A string and a heredoc are one token each, with all that is in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Newline,
    Space,
    LineComment,
    BlockComment,
    String,
    Heredoc,
    Ident,
    Number,
    /// `{`, `[` or `(`.
    Open,
    /// `}`, `]` or `)`.
    Close,
    /// Any other sign, of one to three characters.
    Sign,
    /// `{{ … }}` outside of strings.
    Action,
}

/// What is opened and not closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unclosed {
    /// A `"` without its second one on the line.
    String(Span),
    /// `${` or `%{` without `}`.
    Template(Span),
    /// `<<EOT` without a line `EOT`.
    Heredoc(Span, String),
    /// `/*` without `*/`.
    Comment(Span),
}

/// The tokens; together their spans are the whole text.
#[derive(Debug, Default)]
pub(crate) struct Lexed {
    pub(crate) tokens: Vec<Token>,
    pub(crate) actions: Vec<Site>,
    pub(crate) problems: Vec<Unclosed>,
}
