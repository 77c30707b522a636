//! The tokens of a file, for what the parser does not tell: comments, unclosed strings and
//! brackets, the original's `{{ … }}`. It never fails and never recurses.

use super::action::{self, Place};
use super::token::{Lexed, Token, TokenKind, Unclosed};

/// Cuts a text into tokens.
pub(crate) fn lex(text: &str) -> Lexed {
    let mut lexer = Lexer { text, at: 0, out: Lexed::default() };
    while lexer.at < text.len() {
        let start = lexer.at;
        let kind = lexer.token();
        lexer.out.tokens.push(Token { kind, span: start..lexer.at });
    }
    lexer.out
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    out: Lexed,
}

const SIGNS: [&str; 9] = ["...", "==", "!=", "<=", ">=", "&&", "||", "=>", "::"];

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn token(&mut self) -> TokenKind {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return TokenKind::Space };
        if rest.starts_with("\r\n") {
            return self.take(2, TokenKind::Newline);
        }
        match first {
            '\n' => self.take(1, TokenKind::Newline),
            ' ' | '\t' | '\r' | '\u{feff}' => {
                self.take_while(TokenKind::Space, |c| matches!(c, ' ' | '\t' | '\u{feff}'))
            }
            '#' => self.line_comment(),
            '/' if rest.starts_with("//") => self.line_comment(),
            '/' if rest.starts_with("/*") => self.block_comment(),
            '"' => self.string(),
            '<' if heredoc_marker(rest).is_some() => self.heredoc(),
            '{' if rest.starts_with("{{") => self.bare_action(),
            '{' | '[' | '(' => self.take(1, TokenKind::Open),
            '}' | ']' | ')' => self.take(1, TokenKind::Close),
            c if c.is_ascii_digit() => self.number(),
            c if is_ident_start(c) => self.take_while(TokenKind::Ident, is_ident),
            c => {
                let sign = SIGNS.iter().find(|s| rest.starts_with(**s));
                self.take(sign.map_or(c.len_utf8(), |s| s.len()), TokenKind::Sign)
            }
        }
    }

    fn take(&mut self, bytes: usize, kind: TokenKind) -> TokenKind {
        self.at += bytes;
        kind
    }

    /// The first character is taken in any case.
    fn take_while(&mut self, kind: TokenKind, belongs: impl Fn(char) -> bool) -> TokenKind {
        let rest = self.rest();
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let length = rest[first..].find(|c| !belongs(c)).map_or(rest.len(), |i| first + i);
        self.take(length, kind)
    }

    fn number(&mut self) -> TokenKind {
        let rest = self.rest();
        let digits = |from: usize| {
            let tail = rest.get(from..).unwrap_or_default();
            from + tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len())
        };
        let mut end = digits(0);
        if rest[end..].starts_with('.') && digits(end + 1) > end + 1 {
            end = digits(end + 1);
        }
        if rest[end..].starts_with(['e', 'E']) {
            let sign = usize::from(rest[end + 1..].starts_with(['+', '-']));
            if digits(end + 1 + sign) > end + 1 + sign {
                end = digits(end + 1 + sign);
            }
        }
        self.take(end, TokenKind::Number)
    }

    fn line_comment(&mut self) -> TokenKind {
        let rest = self.rest();
        let line = rest.find('\n').map_or(rest, |i| &rest[..i]);
        let length = line.trim_end_matches('\r').len();
        self.take(length, TokenKind::LineComment)
    }

    fn block_comment(&mut self) -> TokenKind {
        let rest = self.rest();
        let closed = rest[2..].find("*/");
        let length = closed.map_or(rest.len(), |i| i + 4);
        if closed.is_none() {
            self.out.problems.push(Unclosed::Comment(self.at..self.at + 2));
        }
        self.take(length, TokenKind::BlockComment)
    }

    fn bare_action(&mut self) -> TokenKind {
        let site = action::find(self.text, self.at, Place::Bare);
        let Some(site) = site else { return self.take(1, TokenKind::Open) };
        self.at = site.span.end;
        self.out.actions.push(site);
        TokenKind::Action
    }

    /// If a template begins here, takes it.
    fn action_in(&mut self, place: Place) -> bool {
        let Some(site) = action::find(self.text, self.at, place) else { return false };
        self.at = site.span.end;
        self.out.actions.push(site);
        true
    }

    fn heredoc(&mut self) -> TokenKind {
        let start = self.at;
        let (intro, delimiter) = heredoc_marker(self.rest()).unwrap_or_default();
        let delimiter = delimiter.to_owned();
        self.at += intro;
        loop {
            let line_end = self.rest().find('\n').map(|i| self.at + i + 1);
            let indent = self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
            let body = &self.rest()[indent..];
            if let Some(after) = body.strip_prefix(delimiter.as_str())
                && !after.starts_with(is_ident)
            {
                return self.take(indent + delimiter.len(), TokenKind::Heredoc);
            }
            let end = line_end.unwrap_or(self.text.len());
            while self.at < end {
                let next = self.text[self.at..end].find("{{").map_or(end, |i| self.at + i);
                self.at = next;
                if next < end && !self.action_in(Place::Heredoc) {
                    self.at += 2;
                }
            }
            if self.at >= self.text.len() {
                let place = start..start + intro;
                self.out.problems.push(Unclosed::Heredoc(place, delimiter));
                return TokenKind::Heredoc;
            }
        }
    }

    /// A quoted string with the templates in it, and the strings in those.
    fn string(&mut self) -> TokenKind {
        let mut open = vec![Inside::String(self.at)];
        self.at += 1;
        while let Some(inside) = open.pop() {
            let rest = &self.text[self.at..];
            let Some(first) = rest.chars().next() else {
                open.push(inside);
                break;
            };
            match inside {
                Inside::String(start) => {
                    if first == '\n' {
                        open.push(inside);
                        break;
                    }
                    if first == '"' {
                        self.at += 1;
                        continue;
                    }
                    open.push(Inside::String(start));
                    if rest.starts_with("${") || rest.starts_with("%{") {
                        open.push(Inside::Template(self.at, 0));
                        self.at += 2;
                    } else if !(rest.starts_with("{{") && self.action_in(Place::String)) {
                        self.at += string_step(rest);
                    }
                }
                Inside::Template(start, depth) => {
                    self.at += template_step(rest);
                    match first {
                        '}' if depth == 0 => {}
                        '}' => open.push(Inside::Template(start, depth - 1)),
                        '{' => open.push(Inside::Template(start, depth + 1)),
                        '"' => {
                            open.push(inside);
                            open.push(Inside::String(self.at - 1));
                        }
                        _ => open.push(inside),
                    }
                }
            }
        }
        self.unclosed(&open);
        TokenKind::String
    }

    /// Of nested ones the outermost template is the likeliest to be at fault.
    fn unclosed(&mut self, open: &[Inside]) {
        let template = open.iter().find(|i| matches!(i, Inside::Template(..)));
        match template.or(open.first()) {
            Some(Inside::String(start)) => {
                let text = &self.text[*start..self.at];
                let place = *start..*start + text.trim_end().len();
                self.out.problems.push(Unclosed::String(place));
            }
            Some(Inside::Template(start, _)) => {
                self.out.problems.push(Unclosed::Template(*start..*start + 2));
            }
            None => {}
        }
    }
}

/// Where in nested strings and templates the reader stands, and where that began.
enum Inside {
    String(usize),
    Template(usize, usize),
}

/// How far to go in a string: over an escape, or one character.
fn string_step(rest: &str) -> usize {
    if rest.starts_with("$${") || rest.starts_with("%%{") {
        return 3;
    }
    let mut chars = rest.chars();
    let first = chars.next().map_or(0, char::len_utf8);
    match chars.next() {
        Some(escaped) if rest.starts_with('\\') && escaped != '\n' => first + escaped.len_utf8(),
        _ => first,
    }
}

/// How far to go in a template's expression: over a comment, or one character.
fn template_step(rest: &str) -> usize {
    if rest.starts_with('#') || rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if let Some(comment) = rest.strip_prefix("/*") {
        return comment.find("*/").map_or(rest.len(), |i| i + 4);
    }
    rest.chars().next().map_or(0, char::len_utf8)
}

/// `<<EOT` or `<<-EOT` up to the end of its line: the length with the newline, and the delimiter.
fn heredoc_marker(rest: &str) -> Option<(usize, &str)> {
    let after = rest.strip_prefix("<<")?;
    let after = after.strip_prefix('-').unwrap_or(after);
    let length = after.find(|c| !is_ident(c)).unwrap_or(after.len());
    let delimiter = &after[..length];
    let tail = &after[length..];
    let newline = ["\n", "\r\n"].into_iter().find(|n| tail.starts_with(n))?;
    let valid = delimiter.starts_with(is_ident_start);
    valid.then(|| (rest.len() - tail.len() + newline.len(), delimiter))
}

pub(crate) fn is_ident_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

pub(crate) fn is_ident(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}
