//! From text to a syntax tree: `{{ env "X" }}` replaced, syntax errors in plain words.

pub(crate) mod action;
mod brackets;
mod directives;
mod errors;
pub(crate) mod lexer;
mod recovery;
pub(crate) mod token;

use std::collections::HashMap;

use hcl_edit::structure::Body;

use crate::diagnostic::Diagnostic;
use crate::source::SourceFile;
use action::Site;
use token::Lexed;

/// A file's tree. Spans in it are those of the file.
pub(crate) struct Parsed {
    pub(crate) body: Body,
    /// The templates of the original, by the place of the name `_` that stands for each.
    pub(crate) actions: HashMap<usize, Site>,
    /// Templates that are not understood: the tree is usable, the file is not.
    pub(crate) errors: Vec<Diagnostic>,
}

/// Parses a file.
///
/// # Errors
/// Unclosed strings and heredocs, all of them; else the bracket that does not match; else every
/// statement that cannot be read.
pub(crate) fn parse(file: &SourceFile) -> Result<Parsed, Vec<Diagnostic>> {
    let text = file.text();
    let lexed = lexer::lex(text);
    let errors: Vec<Diagnostic> =
        lexed.actions.iter().filter_map(|site| action::unsupported(site, text)).collect();
    if !lexed.problems.is_empty() {
        let broken = lexed.problems.iter().map(errors::of_lexer);
        return Err(broken.chain(errors).collect());
    }
    // Before the parser: within a directive that is not closed it reads past the end of a heredoc.
    let directives = lexed.tokens.iter().find_map(|t| directives::check(text, t));
    if let Some(found) = directives {
        return Err(std::iter::once(found).chain(errors).collect());
    }
    if let Some(found) = brackets::check(text, &lexed.tokens) {
        return Err(std::iter::once(found).chain(errors).collect());
    }
    match recovery::parse(mask(text, &lexed), text, &lexed.tokens) {
        Ok(body) => Ok(Parsed { body, actions: action::by_place(lexed.actions), errors }),
        Err(found) => Err(found.into_iter().chain(errors).collect()),
    }
}

/// The text as plain HCL of the same length, so that places stay what they are.
pub(crate) fn mask(text: &str, lexed: &Lexed) -> String {
    let mut bytes = text.as_bytes().to_vec();
    if text.starts_with('\u{feff}') {
        bytes[..3].fill(b' ');
    }
    for site in &lexed.actions {
        site.mask(&mut bytes);
    }
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests;
