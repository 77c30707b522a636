//! A SQL Server for tests: TDS 7.4 on loopback, T-SQL over memory, change data capture.
//!
//! Its README says what it does, what it does not do, and where each behaviour is documented.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use dstream_mssql_sim::{MssqlSim, Options};
//!
//! let sim = MssqlSim::start(Options::default())?;
//! sim.execute("CREATE TABLE dbo.t (id int PRIMARY KEY, name nvarchar(50)); INSERT dbo.t VALUES (1, N'one')")?;
//! sim.execute("EXEC sys.sp_cdc_enable_db; EXEC sys.sp_cdc_enable_table 'dbo', 't', @role_name = NULL")?;
//! assert_eq!(sim.rows("SELECT name FROM dbo.t")?, [["one"]]);
//! println!("{}", sim.connection_string());
//! # Ok(())
//! # }
//! ```

mod actions;
mod cdc;
mod control;
mod error;
mod options;
mod server;
mod session;
mod sessions;
mod sim;
mod sql;
mod store;
mod tds;
mod value;

pub use control::Counts;
pub use error::{SqlError, UNKNOWN_TO_SIMULATOR};
pub use options::{Encryption, Options};
pub use sim::MssqlSim;

/// `@@SERVERNAME`.
pub(crate) const SERVER_NAME: &str = "MSSQLSIM";
