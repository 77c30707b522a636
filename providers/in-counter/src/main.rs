//! Counts.
fn main() {}
