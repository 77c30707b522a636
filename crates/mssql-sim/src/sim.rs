//! The handle that tests hold.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::actions;
use crate::control::Counts;
use crate::error::SqlError;
use crate::options::Options;
use crate::server::Server;
use crate::session::Session;
use crate::store::Lsn;
use crate::value::to_text;

/// A running server. It ends when this value is dropped.
pub struct MssqlSim {
    server: Arc<Server>,
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl MssqlSim {
    /// Binds, listens, and returns. It has threads of its own and needs no runtime around it.
    ///
    /// # Errors
    /// The address cannot be bound, or no certificate be made.
    pub fn start(options: Options) -> io::Result<Self> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let server = Server::new(options)?;
        // No `block_on`: the caller may itself be in a runtime.
        let listener = std::net::TcpListener::bind(server.options.address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = {
            let _within = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        runtime.spawn(server.clone().accept(listener));
        Ok(Self { server, address, runtime: Some(runtime) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// An ADO.NET connection string for `sa` and the first database.
    pub fn connection_string(&self) -> String {
        let options = &self.server.options;
        format!(
            "Server=tcp:{},{};User ID=sa;Password={};Database={};TrustServerCertificate=true",
            self.address.ip(),
            self.port(),
            options.sa_password,
            options.database
        )
    }

    /// The certificate, as PEM: a client may trust it by name.
    pub fn certificate(&self) -> &str {
        &self.server.certificate.pem
    }

    /// Executes a batch as `sa` in the first database, without the wire.
    ///
    /// # Errors
    /// The first error of the batch.
    pub fn execute(&self, sql: &str) -> Result<(), SqlError> {
        self.rows(sql).map(drop)
    }

    /// The same; the rows that it returned, as text. NULL is `NULL`.
    ///
    /// # Errors
    /// The first error of the batch.
    pub fn rows(&self, sql: &str) -> Result<Vec<Vec<String>>, SqlError> {
        let server = self.server.clone();
        let mut session = Session::internal(server, &self.server.options.database);
        let rows = session.collect(sql)?;
        let shown = |(ty, value): &(_, crate::value::Value)| {
            if value.is_null() {
                "NULL".into()
            } else {
                to_text(
                    value,
                    *ty,
                    if matches!(value, crate::value::Value::Bytes(_)) { 1 } else { 0 },
                )
            }
        };
        Ok(rows.iter().map(|row| row.iter().map(shown).collect()).collect())
    }

    fn database(&self) -> &str {
        &self.server.options.database
    }

    /// Switches the capture agent on (it reads all that has waited) or off.
    ///
    /// # Errors
    /// The database is gone.
    pub fn agent(&self, on: bool) -> Result<(), SqlError> {
        actions::agent(&self.server, self.database(), on)
    }

    /// With the agent off: captures so many transactions, and says how many there were.
    ///
    /// # Errors
    /// The database is gone.
    pub fn step(&self, transactions: usize) -> Result<usize, SqlError> {
        actions::step(&self.server, self.database(), transactions)
    }

    /// The row that the agent writes when it is idle (`tran_id` 0x00).
    ///
    /// # Errors
    /// The database is gone.
    pub fn idle_row(&self) -> Result<(), SqlError> {
        actions::idle(&self.server, self.database())
    }

    /// Retention clean-up: raises the low end of every capture instance to `low`, or to the newest LSN.
    ///
    /// # Errors
    /// `low` is not in `cdc.lsn_time_mapping`.
    pub fn clean_up(&self, low: Option<[u8; 10]>) -> Result<(), SqlError> {
        actions::clean_up(&self.server, self.database(), low.map(Lsn))
    }

    /// Moves the clock forward; every five minutes give an idle row.
    pub fn advance(&self, by: Duration) {
        actions::advance(&self.server, by);
    }

    /// Every statement waits so long before it begins.
    pub fn delay(&self, by: Duration) {
        self.server.faults.set_delay(by);
    }

    /// Every row of a result waits so long.
    pub fn row_delay(&self, by: Duration) {
        self.server.faults.set_row_delay(by);
    }

    /// The `nth` statement from now, from one, that contains `statement` fails with this error, once.
    pub fn fail(&self, number: i32, statement: &str, nth: u64) {
        actions::fail(&self.server, number, statement, nth);
    }

    /// The connection that sends the `nth` statement containing `statement` is cut off, once.
    pub fn disconnect_at(&self, statement: &str, nth: u64) {
        actions::disconnect_at(&self.server, statement, nth);
    }

    /// Takes back faults and delays.
    pub fn clear_faults(&self) {
        self.server.faults.clear();
    }

    /// Cuts every connection off; how many there were.
    pub fn drop_connections(&self) -> usize {
        self.server.drop_connections()
    }

    /// Connections that are open.
    pub fn open_connections(&self) -> usize {
        self.server.open_connections()
    }

    /// What happened since the start.
    pub fn counts(&self) -> Counts {
        self.server.counters.read()
    }
}

impl Drop for MssqlSim {
    fn drop(&mut self) {
        self.server.drop_connections();
        if let Some(runtime) = self.runtime.take() {
            // It may be dropped within another runtime.
            runtime.shutdown_background();
        }
    }
}
