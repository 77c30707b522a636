//! The kill test: many rounds of SIGKILL at random moments of host, input or output.
//!
//! `dstream-chaos [ROUNDS]`. Environment: `SEED` and `ROUND` play one round again, `ROWS` sets the
//! size of the stream.

use std::process::ExitCode;
use std::time::Instant;

use dstream_tests::chaos::{Plan, Report, play};

fn main() -> ExitCode {
    let rounds = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(200);
    let seed = variable("SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    let rows = variable("ROWS").and_then(|n| usize::try_from(n).ok()).unwrap_or(300_000);
    let one = variable("ROUND");
    println!("seed {seed}; a round is played again by SEED={seed} ROUND=n make chaos");
    let begun = Instant::now();
    let numbers = one.map_or(1..=rounds, |n| n..=n);
    let mut reports = Vec::new();
    for round in numbers {
        let report = play(Plan::new(seed, round), rows);
        println!("{report}{}", if report.is_clean() { "" } else { "   <-- BROKEN" });
        reports.push(report);
    }
    summary(&reports);
    println!("{:.0} s", begun.elapsed().as_secs_f64());
    let clean = reports.iter().all(Report::is_clean);
    if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The sums, and where in the stream the kills fell.
fn summary(reports: &[Report]) {
    let sum = |of: fn(&Report) -> usize| reports.iter().map(of).sum::<usize>();
    let (lost, doubled, orphans) = (sum(|r| r.lost), sum(|r| r.doubled), sum(|r| r.orphans));
    println!("\n{} kills: {lost} lost, {doubled} doubled, {orphans} orphans", reports.len());
    let mut groups: Vec<String> = reports.iter().map(group).collect();
    groups.sort();
    groups.dedup();
    for name in groups {
        let n = reports.iter().filter(|r| group(r) == name).count();
        println!("  {name:<24} {n:>4}");
    }
    println!("where in the stream they fell:");
    for tenth in 0..10 {
        let inside = |r: &&Report| (r.killed_at * 10.0) as usize == tenth;
        let n = reports.iter().filter(inside).count();
        println!("  {:>3}–{:<3} % {n:>4} {}", tenth * 10, tenth * 10 + 10, "#".repeat(n));
    }
}

fn group(report: &Report) -> String {
    format!("{:?} {:?}", report.plan.route, report.plan.victim)
}
