//! The simulator as a program, for demonstrations: `dstream-mssql-sim [PORT]`. It is controlled by
//! `EXEC sim.…`.

use std::io::Write as _;
use std::net::SocketAddr;

use dstream_mssql_sim::{MssqlSim, Options};

fn main() -> std::io::Result<()> {
    let mut options = Options::default();
    if let Some(port) = std::env::args().nth(1) {
        let port = port.parse().map_err(|_| {
            std::io::Error::other(format!("`{port}` is no port: a number from 0 to 65535"))
        })?;
        options.address = SocketAddr::from(([127, 0, 0, 1], port));
    }
    let sim = MssqlSim::start(options)?;
    let mut out = std::io::stdout();
    writeln!(out, "listens on {}", sim.address())?;
    writeln!(out, "{}", sim.connection_string())?;
    out.flush()?;
    loop {
        std::thread::park();
    }
}
