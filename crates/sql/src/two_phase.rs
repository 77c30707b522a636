//! What a database does so that several connections of a run commit as one.

use dstream_sdk::{Error, Result};

/// Transactions that are prepared, and then committed or rolled back by their names, by whichever
/// connection, also after a crash. A database that writes with one connection implements nothing.
#[allow(async_fn_in_trait)]
pub trait TwoPhase {
    /// How many connections write rows.
    fn connections(&self) -> usize {
        1
    }

    /// A transaction that begins with fewer changes is written by one connection.
    fn shared_from(&self) -> usize {
        usize::MAX
    }

    /// Whether the server lets so many transactions be prepared.
    ///
    /// # Errors
    /// What has to be set where it does not.
    async fn can_prepare(&mut self) -> Result<()> {
        Ok(())
    }

    /// How the runs of an owner are called: short, and another one in another database.
    ///
    /// # Errors
    /// Ends the run.
    async fn run_name(&mut self, owner: &str) -> Result<String> {
        Ok(owner.to_owned())
    }

    /// From here on the open transaction does not wait long for a lock: another connection of this
    /// run may hold it, and the server does not see that the two wait for each other.
    ///
    /// # Errors
    /// Ends the run.
    async fn hurry(&mut self) -> Result<()> {
        Ok(())
    }

    /// Opens a transaction that holds on to the run's name until it ends, prepared or not.
    ///
    /// # Errors
    /// Ends the run.
    async fn begin_lane(&mut self, run: &str) -> Result<()> {
        Err(unsupported(run))
    }

    /// Prepares the open transaction.
    ///
    /// # Errors
    /// Where it is not prepared afterwards.
    async fn prepare(&mut self, name: &str) -> Result<()> {
        Err(unsupported(name))
    }

    /// Ends a prepared transaction. One that is not there was ended by a newer run, in the same way.
    ///
    /// # Errors
    /// Ends the run.
    async fn resolve(&mut self, name: &str, commit: bool) -> Result<()> {
        let _ = commit;
        Err(unsupported(name))
    }

    /// The prepared transactions whose names begin with that of the run.
    ///
    /// # Errors
    /// Ends the run.
    async fn prepared(&mut self, run: &str) -> Result<Vec<String>> {
        let _ = run;
        Ok(Vec::new())
    }

    /// Whether no transaction holds on to the run's name.
    ///
    /// # Errors
    /// Ends the run.
    async fn is_free(&mut self, run: &str) -> Result<bool> {
        let _ = run;
        Ok(true)
    }
}

fn unsupported(what: &str) -> Error {
    Error::permanent(format!("`{what}`: this database is written with one connection"))
}
