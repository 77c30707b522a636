//! A diagnostic as a person reads it: file, line, column, the line itself with the place marked.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Severity};
use crate::source::SourceFile;

/// Renders one diagnostic. No newline at the end.
pub fn render(diagnostic: &Diagnostic, file: &SourceFile, color: bool) -> String {
    let file = diagnostic.file.as_ref().unwrap_or(file);
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(diagnostic.summary.as_str()));
    if let Some(snippet) = snippet(diagnostic, file) {
        group = group.element(snippet);
    } else if !diagnostic.detail.is_empty() {
        group = group.element(Level::NOTE.message(diagnostic.detail.as_str()));
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    renderer.decor_style(DecorStyle::Ascii).render(&[group])
}

fn snippet<'a>(
    diagnostic: &'a Diagnostic,
    file: &'a SourceFile,
) -> Option<Snippet<'a, Annotation<'a>>> {
    let span = file.clamp(diagnostic.span.as_ref()?);
    let mut primary = AnnotationKind::Primary.span(first_line(file, span));
    if !diagnostic.detail.is_empty() {
        primary = primary.label(diagnostic.detail.as_str());
    }
    let mut snippet = Snippet::source(file.text()).path(file.name()).annotation(primary);
    for (span, why) in &diagnostic.related {
        let place = first_line(file, file.clamp(span));
        snippet = snippet.annotation(AnnotationKind::Context.span(place).label(why.as_str()));
    }
    Some(snippet)
}

/// A long span is marked on its first line only: nobody needs a whole block underlined.
fn first_line(file: &SourceFile, span: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let text = &file.text()[span.clone()];
    let length = text.find('\n').map_or(text.len(), |i| text[..i].trim_end().len());
    span.start..span.start + length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_shows_file_line_column_the_line_and_what_to_do() {
        let file = SourceFile::new("dstream.hcl", "a = 1\nbb = oops\n");
        let d = Diagnostic::error("unknown name").at(11..15).detail("not known").help("write 1");
        let text = render(&d, &file, false);
        assert!(text.contains("error: unknown name"), "{text}");
        assert!(text.contains("dstream.hcl:2:6"), "{text}");
        assert!(text.contains("^^^^ not known"), "{text}");
        assert!(text.contains("help: write 1"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        assert!(render(&d, &file, true).contains('\u{1b}'));
    }

    #[test]
    fn places_outside_the_text_do_not_panic() {
        let file = SourceFile::new("x", "");
        let d = Diagnostic::error("e").at(5..9).related(7..8, "there");
        assert!(render(&d, &file, false).contains("error: e"));
    }
}
