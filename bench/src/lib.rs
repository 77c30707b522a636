//! The figures that dstream promises, each measured beside its alternative, in one run.
//!
//! - [`cases`]: what is measured, and the bound that each figure has
//! - [`pairs`]: interleaved pairs, medians, spread
//! - [`launch`]: starts programs; wall time, CPU time and peak memory of each process
//! - [`data`]: generated files, always the same ones
//! - [`report`]: the table
//!
//! The programs that are measured are in `src/bin`: `bench-source` and `bench-sink` speak version 2
//! with bytes rendered before the start; `csv2jsonl`, `csv2sqlite` and `bench-mssql` are the alternatives.

pub mod cases;
pub mod data;
pub mod launch;
pub mod pairs;
pub mod report;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Pairs of each comparison.
    pub pairs: usize,
    /// Envelopes of the relay.
    pub envelopes: u64,
    /// Rows of the CSV file.
    pub rows: usize,
}

impl Size {
    /// What the promises are about.
    pub const FULL: Self = Self { pairs: 7, envelopes: 4_000_000, rows: 1_000_000 };
    /// To see that it runs; its figures mean little.
    pub const QUICK: Self = Self { pairs: 1, envelopes: 200_000, rows: 50_000 };
}
