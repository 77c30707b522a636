//! Which of several instances reads a table: leases, as the config asks for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dstream_lease::{Account, Azure, Files, Keeper, Lease, Owner, Store, Timing};
use dstream_sdk::{Error, Result, Secret};

use crate::catalog::Database;
use crate::config::{LockConfig, LockKind};

/// What the original calls the container where nothing is said.
const CONTAINER: &str = "locks";
const FOLDER: &str = ".dstream/locks";
const DURATION: Duration = Duration::from_secs(60);

/// The leases of this instance. Each table's is `<server>/<schema.table>.lock`.
pub(crate) struct Locks {
    keeper: Arc<Keeper>,
    /// Names the instances that share: the source, and where their leases are.
    pub(crate) group: String,
    /// The table of each lease.
    tables: BTreeMap<String, String>,
}

/// A table that this instance may read, and under which epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) stream: String,
    pub(crate) lease: Lease,
}

impl Locks {
    /// Begins to take leases. `None`: this is the only instance.
    pub(crate) async fn open(
        config: Option<&LockConfig>,
        database: &Database,
        streams: impl Iterator<Item = String>,
    ) -> Result<Option<Self>> {
        let Some(config) = config else { return Ok(None) };
        let server = database.server.to_lowercase().replace(['/', '\\'], "_");
        let tables: BTreeMap<_, _> =
            streams.map(|stream| (format!("{server}/{stream}.lock"), stream)).collect();
        let names = tables.keys().cloned().collect();
        let (keeper, place) = match config.kind {
            LockKind::None => return Ok(None),
            LockKind::File => {
                let folder = config.folder.as_deref().unwrap_or(FOLDER);
                keep(Files::open(folder)?, &server, names)?
            }
            LockKind::AzureBlob => keep(azure(config).await?, &server, names)?,
        };
        let group = format!("{}|{place}", database.fingerprint());
        Ok(Some(Self { keeper: Arc::new(keeper), group, tables }))
    }

    /// The tables that may be read now.
    pub(crate) fn held(&self) -> Vec<Held> {
        let held = self.keeper.held().into_iter();
        held.filter_map(|(name, lease)| {
            Some(Held { stream: self.tables.get(&name)?.clone(), lease })
        })
        .collect()
    }

    fn name(&self, stream: &str) -> Option<&String> {
        self.tables.iter().find(|(_, own)| *own == stream).map(|(name, _)| name)
    }

    /// Whether it may be read under this epoch.
    pub(crate) fn has(&self, stream: &str, epoch: u64) -> bool {
        let lease = self.name(stream).and_then(|name| self.keeper.lease(name));
        lease.is_some_and(|lease| lease.epoch == epoch)
    }

    /// Says whether all of these may be read still, each under its epoch.
    pub(crate) fn guard(&self, read: &[(&str, u64)]) -> Box<dyn Fn() -> bool + Send> {
        let named = |(stream, epoch): &(&str, u64)| Some((self.name(stream)?.clone(), *epoch));
        let leases: Vec<(String, u64)> = read.iter().filter_map(named).collect();
        let keeper = self.keeper.clone();
        Box::new(move || {
            leases
                .iter()
                .all(|(name, epoch)| keeper.lease(name).is_some_and(|lease| lease.epoch == *epoch))
        })
    }

    /// Nothing of the table is on its way any more.
    pub(crate) fn give_back(&self, stream: &str) {
        if let Some(name) = self.name(stream) {
            self.keeper.give_back(name);
        }
    }

    /// Gives everything back.
    pub(crate) async fn close(&self) {
        self.keeper.give_all_back().await;
    }
}

fn keep<S: Store>(store: S, server: &str, names: Vec<String>) -> Result<(Keeper, String)> {
    let (timing, place) = (Timing::of(store.duration()), store.place());
    Ok((Keeper::start(store, server, names, Owner::this_process(), timing)?, place))
}

async fn azure(config: &LockConfig) -> Result<Azure> {
    let at = |error: Error| match error.path() {
        Some(path) => Error::config(format!("lock_config.{path}"), error.to_string()),
        None => error,
    };
    let text = config.connection_string.as_ref().map(Secret::expose).ok_or_else(|| {
        let text = "`azure_blob` needs the `connection_string` of a storage account; UseDevelopmentStorage=true means the emulator";
        Error::config("lock_config.connection_string", text)
    })?;
    let account = Account::parse(text).map_err(at)?;
    let container = config.container_name.as_deref().unwrap_or(CONTAINER);
    let duration = config.lease_duration.map_or(DURATION, Duration::from);
    Azure::open(&account, container, duration).await.map_err(at)
}
