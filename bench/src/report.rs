//! The table that a run prints.

use std::fmt::Write as _;

use crate::Size;

/// One figure.
#[derive(Debug)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// dstream's figure.
    pub ours: String,
    /// The alternative, with its figure; empty where there is none.
    pub other: String,
    /// What is compared with the bound.
    pub figure: String,
    /// What was promised; empty where nothing was.
    pub bound: String,
    /// Whether the promise is kept.
    pub holds: bool,
    /// What else was seen.
    pub note: String,
}

/// All figures as Markdown.
pub fn table(size: &Size, rows: &[Row]) -> String {
    let mut out = String::new();
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let _fits = writeln!(
        out,
        "{cpus} CPUs, release build; {} interleaved pairs each: median [lowest … highest]\n\n\
         | what | dstream | alternative | figure | bound | kept | note |\n\
         |---|---|---|---|---|---|---|",
        size.pairs
    );
    for row in rows {
        let Row { what, ours, other, figure, bound, holds, note } = row;
        let holds = match (bound.as_str(), holds) {
            ("", _) => "",
            (_, true) => "yes",
            (_, false) => "**NO**",
        };
        let _fits =
            writeln!(out, "| {what} | {ours} | {other} | {figure} | {bound} | {holds} | {note} |");
    }
    out
}

/// A figure that must be at most so much.
pub fn at_most(what: &str, value: f64, bound: f64, unit: &str, note: String) -> Row {
    Row {
        what: what.into(),
        ours: format!("{value:.2} {unit}"),
        other: String::new(),
        figure: format!("{value:.2} {unit}"),
        bound: format!("≤ {bound} {unit}"),
        holds: value <= bound,
        note,
    }
}
