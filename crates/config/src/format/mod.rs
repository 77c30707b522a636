//! `dstream fmt`: one canonical style, which is that of `terraform fmt`.
//!
//! Two spaces a level; `=` and trailing comments of neighbouring lines in one column; one blank
//! line at most; strings, heredocs and comments as they are. Formatting twice changes nothing, and
//! the meaning never changes: what would is not done.

mod align;
mod lines;
mod spacing;

use crate::diagnostic::Diagnostics;
use crate::source::SourceFile;
use crate::syntax;
use crate::syntax::lexer;
use crate::syntax::token::TokenKind;

/// The text of a file in canonical style.
///
/// # Errors
/// It is not HCL.
pub fn format(file: &SourceFile) -> Result<String, Diagnostics> {
    syntax::parse(file).map_err(|errors| Diagnostics::new(file.clone(), errors))?;
    let text = file.text().trim_start_matches('\u{feff}');
    let lexed = lexer::lex(text);
    let lines = lines::layout(text, &lexed.tokens);
    let formatted = align::write(&lines);
    let same = syntax::parse(&SourceFile::new(file.name(), formatted.as_str())).is_ok()
        && words(&formatted) == words(text);
    debug_assert!(same, "formatting must only move white space:\n{formatted}");
    Ok(if same { formatted } else { file.text().to_owned() })
}

/// The tokens without white space, where one newline is as good as several.
fn words(text: &str) -> Vec<String> {
    let lexed = lexer::lex(text);
    let mut words: Vec<String> = Vec::new();
    for token in lexed.tokens {
        let word = match token.kind {
            TokenKind::Space => continue,
            TokenKind::Newline if words.last().is_none_or(|w| w == "\n") => continue,
            TokenKind::Newline => "\n".to_owned(),
            _ => text[token.span].trim_end_matches([' ', '\t', '\r']).to_owned(),
        };
        words.push(word);
    }
    if words.last().is_some_and(|w| w == "\n") {
        words.pop();
    }
    words
}

#[cfg(test)]
mod tests;
