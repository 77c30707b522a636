//! The server: its databases, its logins, its connections, and what tests do to it.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;

use crate::control::{Clock, Counters, Faults};
use crate::error::{Result, SqlError};
use crate::options::Options;
use crate::sessions::Sessions;
use crate::store::{Database, Locks};
use crate::tds::{self, Certificate};

/// All of it. One lock guards the databases; it is held for moments only.
pub(crate) struct Server {
    pub options: Options,
    pub certificate: Certificate,
    pub world: Mutex<World>,
    pub locks: Locks,
    pub clock: Clock,
    pub faults: Faults,
    pub counters: Counters,
    pub sessions: Sessions,
    connections: Mutex<HashMap<u64, tokio::task::AbortHandle>>,
    next: AtomicU64,
}

/// Databases by name in small letters, logins with their passwords.
pub(crate) struct World {
    pub databases: BTreeMap<String, Database>,
    pub logins: BTreeMap<String, String>,
    next_object: i32,
    next_database: i32,
    row_version: u64,
}

impl World {
    pub(crate) fn next_object(&mut self) -> i32 {
        self.next_object += 16;
        self.next_object
    }

    pub(crate) fn next_row_version(&mut self) -> u64 {
        self.row_version += 1;
        self.row_version
    }

    pub(crate) fn database(&mut self, name: &str) -> Result<&mut Database> {
        self.databases.get_mut(&name.to_lowercase()).ok_or_else(|| no_database(name))
    }

    pub(crate) fn by_id(&mut self, id: i32) -> Option<&mut Database> {
        self.databases.values_mut().find(|database| database.id == id)
    }

    pub(crate) fn create_database(&mut self, name: &str, now: crate::value::Clock7) -> Result<()> {
        if self.databases.contains_key(&name.to_lowercase()) {
            return Err(SqlError::new(
                1801,
                format!("Database '{name}' already exists. Choose a different database name."),
            ));
        }
        self.next_database += 1;
        let database = Database::new(self.next_database, name, now);
        self.databases.insert(name.to_lowercase(), database);
        Ok(())
    }
}

fn no_database(name: &str) -> SqlError {
    SqlError::new(
        911,
        format!("Database '{name}' does not exist. Make sure that the name is entered correctly."),
    )
}

impl Server {
    pub(crate) fn new(options: Options) -> io::Result<Arc<Self>> {
        let clock = Clock::default();
        let mut world = World {
            databases: BTreeMap::new(),
            logins: options
                .logins()
                .into_iter()
                .map(|(user, password)| (user.to_lowercase(), password))
                .collect(),
            next_object: 1_000_000_000,
            next_database: 0,
            row_version: 2000,
        };
        for name in
            ["master", "tempdb", "model", "msdb"].into_iter().chain(options.database_names())
        {
            world.create_database(name, clock.now()).map_err(io::Error::other)?;
        }
        Ok(Arc::new(Self {
            certificate: Certificate::generate()?,
            options,
            world: Mutex::new(world),
            locks: Locks::default(),
            clock,
            faults: Faults::default(),
            counters: Counters::default(),
            sessions: Sessions::default(),
            connections: Mutex::default(),
            next: AtomicU64::new(51),
        }))
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a session or a transaction.
    pub(crate) fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Accepts connections until the listener's task is aborted.
    pub(crate) async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            let Ok((tcp, _)) = listener.accept().await else { continue };
            let id = self.next();
            self.counters.connection();
            let server = self.clone();
            let task = tokio::spawn(async move {
                // A client that breaks off is no event of the server's.
                drop(tds::serve(tcp, server.clone()).await);
                server.connections().remove(&id);
            });
            if !task.is_finished() {
                self.connections().insert(id, task.abort_handle());
            }
        }
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<u64, tokio::task::AbortHandle>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts every connection off, as a fail-over does.
    pub(crate) fn drop_connections(&self) -> usize {
        let handles: Vec<_> = self.connections().drain().collect();
        handles.iter().for_each(|(_, handle)| handle.abort());
        handles.len()
    }

    pub(crate) fn open_connections(&self) -> usize {
        self.connections().len()
    }
}
