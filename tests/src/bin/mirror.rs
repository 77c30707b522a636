//! The change-data-capture demo: pgbench writes into one PostgreSQL, dstream keeps another
//! identical, and the host, the providers and both servers are killed at random.
//!
//! `dstream-mirror [SECONDS]`. Environment: `SEED` (the order of the kills), `SCALE` (pgbench's).

use std::process::ExitCode;
#[cfg(unix)]
use std::time::Instant;

#[cfg(unix)]
use dstream_tests::mirror::{Mirror, Report};

#[cfg(not(unix))]
fn main() -> ExitCode {
    eprintln!("the servers of this demo are started as a Unix does it");
    ExitCode::FAILURE
}

#[cfg(unix)]
fn main() -> ExitCode {
    let seconds = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(60);
    let seed = variable("SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    let scale = variable("SCALE").and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
    println!("seed {seed}; starting two PostgreSQL servers and filling one ...");
    let mirror = Mirror::new(scale);
    let begun = Instant::now();
    let mut tell = |what: &str| println!("{:>6.1} s  {what}", begun.elapsed().as_secs_f64());
    tell("dstream run mirror; pgbench writes 400 transactions a second");
    let report = mirror.play(seconds, seed, &mut tell);
    print(&report);
    if report.unequal.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(unix)]
fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[cfg(unix)]
fn print(report: &Report) {
    let [host, input, output, source, target] = report.kills;
    println!(
        "\nkilled: host {host}, input {input}, output {output}, source server {source}, target server {target}"
    );
    println!(
        "{} transactions; {} replays from a checkpoint, {} envelopes sent again",
        report.transactions, report.replays, report.sent_again
    );
    println!("caught up {:.1} s after the last transaction", report.caught_up_in.as_secs_f64());
    match report.unequal.as_slice() {
        [] => println!("{} rows in four tables: equal, row for row", report.rows),
        tables => println!("NOT EQUAL: {}", tables.join(", ")),
    }
}
