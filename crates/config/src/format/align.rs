//! Writes lines, with `=` and trailing comments of neighbours in one column.

use super::lines::Line;

pub(super) fn write(lines: &[Line]) -> String {
    let leads = columns(lines, |l| l.assign.as_ref().map(|_| width(&l.lead)), ends_assign);
    let bodies: Vec<String> = lines.iter().zip(leads).map(|(l, lead)| body(l, lead)).collect();
    let marked: Vec<(&Line, &String)> = lines.iter().zip(&bodies).collect();
    let comments = columns(
        &marked,
        |(l, body)| l.comment.as_ref().map(|_| l.indent * 2 + last_width(body)),
        |(_, body), _| body.contains('\n'),
    );
    let mut out = String::new();
    for ((line, body), column) in marked.iter().zip(comments) {
        if !line.is_blank() {
            out += &"  ".repeat(line.indent);
            out += body;
        }
        if let Some(comment) = &line.comment {
            let at = line.indent * 2 + last_width(body);
            out += &" ".repeat(column.unwrap_or(at).saturating_sub(at) + 1);
            out += comment;
        }
        out.push('\n');
    }
    out
}

fn body(line: &Line, lead: Option<usize>) -> String {
    let Some(assign) = &line.assign else { return line.lead.clone() };
    let padding = lead.unwrap_or(0).saturating_sub(width(&line.lead));
    format!("{}{} {assign}", line.lead, " ".repeat(padding))
}

/// A value of several lines ends the row of neighbours, and so does another depth.
fn ends_assign(line: &Line, next: &Line) -> bool {
    line.assign.as_ref().is_some_and(|a| a.contains('\n')) || line.indent != next.indent
}

/// The widest of each row of neighbours that have a width.
fn columns<T>(
    lines: &[T],
    width: impl Fn(&T) -> Option<usize>,
    ends: impl Fn(&T, &T) -> bool,
) -> Vec<Option<usize>> {
    let mut out = Vec::with_capacity(lines.len());
    let mut start = 0;
    while start < lines.len() {
        let mut end = start;
        let mut widest = width(&lines[start]);
        while widest.is_some()
            && end + 1 < lines.len()
            && width(&lines[end + 1]).is_some()
            && !ends(&lines[end], &lines[end + 1])
        {
            end += 1;
            widest = widest.max(width(&lines[end]));
        }
        out.extend(std::iter::repeat_n(widest, end + 1 - start));
        start = end + 1;
    }
    out
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// Of a value of several lines, the last one counts.
fn last_width(text: &str) -> usize {
    width(text.rsplit('\n').next().unwrap_or_default())
}
