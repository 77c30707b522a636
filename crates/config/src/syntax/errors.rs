//! Syntax errors in plain words.

use crate::diagnostic::Diagnostic;
use crate::source::Span;

use super::token::{Token, TokenKind, Unclosed};

/// Of what the lexer could not read.
pub(super) fn of_lexer(problem: &Unclosed) -> Diagnostic {
    match problem {
        Unclosed::String(span) => Diagnostic::error("this string is not closed")
            .at(span.clone())
            .detail("no second `\"` on this line")
            .help("for a text of several lines use a heredoc: `<<EOT`, the lines, `EOT`"),
        Unclosed::Template(span) => Diagnostic::error("this template is not closed")
            .at(span.clone())
            .detail("no `}` belongs to it")
            .help("for a literal `${` write `$${`, for a literal `%{` write `%%{`"),
        Unclosed::Heredoc(span, delimiter) => Diagnostic::error("this heredoc is not closed")
            .at(span.clone())
            .detail(format!("no line below it begins with `{delimiter}`"))
            .help(format!("end it with a line that holds only `{delimiter}`")),
        Unclosed::Comment(span) => Diagnostic::error("this comment is not closed")
            .at(span.clone())
            .detail("no `*/` belongs to it"),
    }
}

/// Of what the parser did not expect.
pub(super) fn of_parser(
    error: &hcl_edit::parser::Error,
    text: &str,
    tokens: &[Token],
) -> Diagnostic {
    let mut at = error.location().offset().min(text.len());
    // The parser counts the end of the file as its last byte.
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let (span, found, kind) = token_at(text, tokens, at);
    let message = error.message();
    let d = |summary: String| Diagnostic::error(summary).at(span.clone());
    let unexpected = |place: &str| d(format!("expected {place}, found {found}"));
    if message.contains("redefined") {
        return d(format!("{found} is set twice"))
            .detail("set above already")
            .help("keep one of the two");
    }
    if message.contains("nested levels") || message.contains("chained") {
        return d("this is nested too deeply".into())
            .detail("at most 64 levels, and 128 operators in one expression")
            .help("give parts of it names with `locals`");
    }
    if message.contains("escape sequence") || message.contains("hex code") {
        return d("unknown escape in a string".into())
            .detail("after this backslash")
            .help("the escapes are `\\n`, `\\r`, `\\t`, `\\\"`, `\\\\`, `\\uXXXX`, `\\UXXXXXXXX`")
            .help("for a backslash itself write `\\\\`");
    }
    if found == "`'`" || error.line().contains(" '") && message.contains("expression") {
        return d("a string stands in double quotes".into()).help("write `\"…\"` for `'…'`");
    }
    if message.contains("invalid expression") {
        return match kind {
            Some(TokenKind::Newline) | None => d("a value is missing".into())
                .detail("a value must stand before the end of the line"),
            _ => unexpected("a value").help("a text stands in double quotes: `\"…\"`"),
        };
    }
    if message.contains("newline or eof") || message.contains("eof") {
        return end_of_line(unexpected("the end of the line"), &found, kind);
    }
    if message.contains("invalid structure") {
        let hint = if found == "`:`" {
            "write `=` for `:`"
        } else {
            "write `name = value` or `name { … }`"
        };
        return unexpected("`=` or `{` after a name").help(hint);
    }
    if message.contains("block body") {
        return unexpected("the end of the block")
            .help("a block on one line holds one setting; write several on lines of their own");
    }
    // In a block on one line a name must be that of a setting.
    if message.contains("invalid attribute") {
        return match kind {
            Some(TokenKind::Open | TokenKind::String | TokenKind::Ident) => {
                d("a block within a block stands on lines of its own".into())
                    .detail("this opens a block on the line of another")
                    .help("end the line after the outer `{`; a block on one line holds one setting")
            }
            _ => unexpected("`=`").help("a block on one line holds one setting: `name = value`"),
        };
    }
    if message.contains("`{`") {
        return unexpected("`{`").help("a block opens on the line of its name: `name \"label\" {`");
    }
    unexpected("something else").detail(message.to_owned())
}

fn end_of_line(error: Diagnostic, found: &str, kind: Option<TokenKind>) -> Diagnostic {
    match kind {
        _ if found == "`,`" => error.help("settings stand one a line, without commas"),
        Some(TokenKind::Ident | TokenKind::String | TokenKind::Number) => {
            error.help("write each setting on its own line, and text in double quotes")
        }
        Some(TokenKind::Sign) if found == "`:`" || found == "`-`" || found == "`.`" => {
            error.help("write text in double quotes")
        }
        _ => error.help("a setting is `name = value` on its own line; a block is `name { … }`"),
    }
}

/// The token at a place: its span, what it is called, its kind (none at the end of the file).
fn token_at(text: &str, tokens: &[Token], at: usize) -> (Span, String, Option<TokenKind>) {
    let blank = |t: &&Token| t.span.end > at && t.kind != TokenKind::Space;
    let Some(token) = tokens.iter().find(blank) else {
        return (text.len()..text.len(), "the end of the file".into(), None);
    };
    let span = at.max(token.span.start)..token.span.end;
    let said = match token.kind {
        TokenKind::Newline => "the end of the line".into(),
        TokenKind::String => "a string".into(),
        TokenKind::Heredoc => "a heredoc".into(),
        TokenKind::LineComment | TokenKind::BlockComment => "a comment".into(),
        TokenKind::Action => "a template".into(),
        _ => format!("`{}`", &text[span.clone()]),
    };
    let inside =
        matches!(token.kind, TokenKind::String | TokenKind::Heredoc) && at > token.span.start;
    if inside {
        let c = text[at..].chars().next().unwrap_or(' ');
        return (at..at + c.len_utf8(), format!("`{c}`"), Some(token.kind));
    }
    (span, said, Some(token.kind))
}
