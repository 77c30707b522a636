//! Two instances share twenty tables of a SQL Server under leases, while their processes are killed
//! and put to sleep at random.
//!
//! `dstream-takeovers [ROUNDS]`. Environment: `SEED` (the order of the kills).

use std::process::ExitCode;

#[cfg(not(unix))]
fn main() -> ExitCode {
    eprintln!("this needs the signals of a Unix");
    ExitCode::FAILURE
}

#[cfg(unix)]
fn main() -> ExitCode {
    use dstream_tests::takeovers::{self, Takeovers};

    let rounds = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(50);
    let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    println!(
        "seed {seed}; starting a simulated SQL Server, Azurite, PostgreSQL and two instances ..."
    );
    takeovers::shown(|tell| Takeovers::start().play(rounds, seed, tell))
}
