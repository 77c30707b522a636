//! The text of a file, and places in it.

use std::ops::Range;
use std::sync::Arc;

/// A place in a file: byte offsets, the end excluded.
pub type Span = Range<usize>;

/// A file's name and text. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    name: Arc<str>,
    text: Arc<str>,
}

/// A line and a column for people: both begin at 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl SourceFile {
    /// A file by name (as the user wrote it) and text.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// The name, as it is shown.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line and column of a byte offset; past the end is the end.
    pub fn position(&self, offset: usize) -> Position {
        let before = &self.text[..self.floor(offset)];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        Position {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// The span cut to the text and to whole characters.
    pub(crate) fn clamp(&self, span: &Span) -> Span {
        let start = self.floor(span.start);
        let end = self.floor(span.end).max(start);
        start..end
    }

    fn floor(&self, offset: usize) -> usize {
        let mut at = offset.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_and_columns_count_characters() {
        let file = SourceFile::new("a.hcl", "é = 1\nb = 2");
        assert_eq!(file.position(0), Position { line: 1, column: 1 });
        assert_eq!(file.position(3), Position { line: 1, column: 3 });
        assert_eq!(file.position(7), Position { line: 2, column: 1 });
        assert_eq!(file.position(999), Position { line: 2, column: 6 });
    }

    #[test]
    fn a_span_inside_a_character_is_moved_to_its_start() {
        let file = SourceFile::new("a.hcl", "é = 1");
        assert_eq!(file.clamp(&(1..99)), 0..6);
    }
}
