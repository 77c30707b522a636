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
use crate::syntax::{self, lexer};

/// The text of a file in canonical style.
///
/// # Errors
/// It is not HCL.
pub fn format(file: &SourceFile) -> Result<String, Diagnostics> {
    let parsed = syntax::parse(file).map_err(|errors| Diagnostics::new(file.clone(), errors))?;
    let text = file.text().trim_start_matches('\u{feff}');
    let lexed = lexer::lex(text);
    let lines = lines::layout(text, &lexed.tokens);
    let formatted = align::write(&lines);
    let same = syntax::parse(&SourceFile::new(file.name(), formatted.as_str()))
        .is_ok_and(|again| again.body == parsed.body);
    debug_assert!(same, "formatting must not change the meaning");
    Ok(if same { formatted } else { file.text().to_owned() })
}

#[cfg(test)]
mod tests;
