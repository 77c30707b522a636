//! The story of `make demo-mssql`: two readers share the tables of a SQL Server, one is killed, the other
//! takes over. SQL Server is the simulated one; leases are in Azurite, rows go to PostgreSQL.

use std::process::ExitCode;

#[cfg(not(unix))]
fn main() -> ExitCode {
    eprintln!("this needs the signals of a Unix");
    ExitCode::FAILURE
}

#[cfg(unix)]
fn main() -> ExitCode {
    use dstream_tests::takeovers::Takeovers;

    println!(
        "starting a simulated SQL Server with twenty captured tables, Azurite, PostgreSQL, and twice:"
    );
    println!(
        "  $ dstream run share      # SQL Server, by change data capture -> PostgreSQL, exactly once"
    );
    let begun = std::time::Instant::now();
    let mut tell = |what: &str| println!("{:>6.1} s  {what}", begun.elapsed().as_secs_f64());
    let report = Takeovers::start().tell_the_story(&mut tell);
    println!("\n{report}");
    if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
