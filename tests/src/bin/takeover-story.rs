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
    use dstream_tests::takeovers::{self, Takeovers};

    println!(
        "starting a simulated SQL Server with twenty captured tables, Azurite, PostgreSQL, and twice:"
    );
    println!(
        "  $ dstream run share      # SQL Server, by change data capture -> PostgreSQL, exactly once"
    );
    takeovers::shown(|tell| Takeovers::start().tell_the_story(tell))
}
