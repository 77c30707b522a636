//! Columns of text.

use anstyle::Style;

/// A table without lines: a head, rows, two spaces between columns.
pub(crate) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(head: [&str; N]) -> Self {
        Self { head: head.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// No newline at the end.
    pub(crate) fn render(&self, color: bool) -> String {
        let all = || std::iter::once(&self.head).chain(&self.rows);
        let width =
            |i: usize| all().filter_map(|r| r.get(i)).map(|c| c.chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let line = |cells: &Vec<String>| {
            let padded = cells.iter().zip(&widths).map(|(c, w)| format!("{c:<w$}"));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let mut lines: Vec<String> = all().map(line).collect();
        if let Some(head) = lines.first_mut() {
            *head = bold(head, color);
        }
        lines.join("\n")
    }
}

/// Bold, where colour is on.
pub(crate) fn bold(text: &str, color: bool) -> String {
    styled(text, Style::new().bold(), color)
}

/// In a style, where colour is on.
pub(crate) fn styled(text: &str, style: Style, color: bool) -> String {
    if color { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_end_without_spaces() {
        let mut table = Table::new(["NAME", "X"]);
        table.row(["größe".into(), "".into()]);
        table.row(["a".into(), "b".into()]);
        assert_eq!(table.render(false), "NAME   X\ngröße\na      b");
    }
}
