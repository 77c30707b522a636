//! Takes leases, renews them, shares them out. On a thread of its own: whatever the provider waits
//! for, its leases do not run out because of it.

mod rounds;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dstream_sdk::{Error, Result, tracing};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{Moment, Owner, Store};
use rounds::Rounds;

/// Holds leases for this process.
#[derive(Debug)]
pub struct Keeper {
    shared: Arc<Shared>,
    orders: mpsc::UnboundedSender<Order>,
    changes: watch::Receiver<()>,
}

/// What a keeper holds right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// How often it was given, this time included.
    pub epoch: u64,
    /// Until when it may be used; `None`: as long as the process lives. Before the store gives it to
    /// another by a margin.
    pub until: Option<Moment>,
    /// Whether another instance has too little to do: finish, and
    /// [give it back](Keeper::give_back).
    pub wanted: bool,
}

impl Lease {
    /// Whether it may be used now.
    pub fn is_valid(&self) -> bool {
        self.until.is_none_or(|until| until.remaining().is_some())
    }
}

/// How often a keeper does what.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// A lease of this age is renewed.
    pub renew: Duration,
    /// So long before it runs out it is not used any more.
    pub margin: Duration,
    /// Pause between two looks for leases that are free.
    pub look: Duration,
    /// A request that takes longer is given up.
    pub patience: Duration,
}

impl Timing {
    /// For leases of this length: a third, a twelfth, a twelfth, a sixth of it. 60 s: renewed after
    /// 20 s, used up to 55 s, free ones looked for every 5 s.
    pub fn of(duration: Option<Duration>) -> Self {
        let whole = duration.unwrap_or(Duration::from_secs(12));
        Self { renew: whole / 3, margin: whole / 12, look: whole / 12, patience: whole / 6 }
    }
}

#[derive(Debug)]
enum Order {
    GiveBack(String),
    Close(oneshot::Sender<()>),
}

/// What the thread tells.
#[derive(Debug)]
struct Shared {
    table: Mutex<Table>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Table {
    held: BTreeMap<String, Lease>,
    /// Not used any more, and not given back yet.
    returned: BTreeSet<String>,
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.changed.send_replace(());
    }
}

impl Keeper {
    /// Begins to take these leases, as many as are this instance's share. `group` stands before
    /// the names of the leases by which the instances see each other.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn start<S: Store>(
        store: S,
        group: &str,
        names: Vec<String>,
        owner: Owner,
        timing: Timing,
    ) -> Result<Self> {
        let (changed, changes) = watch::channel(());
        let shared = Arc::new(Shared { table: Mutex::default(), changed });
        let (orders, inbox) = mpsc::unbounded_channel();
        let member = format!("{group}/instances/{}.lock", owner.instance);
        let rounds = Rounds::new(store, owner, timing, (member, names), shared.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let cannot =
            |error: std::io::Error| Error::transient(format!("cannot keep leases: {error}"));
        let runtime = runtime.map_err(cannot)?;
        std::thread::Builder::new()
            .name("leases".into())
            .spawn(move || runtime.block_on(rounds.run(inbox)))
            .map_err(cannot)?;
        Ok(Self { shared, orders, changes })
    }

    /// What is held, by name. One that has run out is not in it.
    pub fn held(&self) -> BTreeMap<String, Lease> {
        let table = self.shared.table();
        let valid = table.held.iter().filter(|(_, lease)| lease.is_valid());
        valid.map(|(name, lease)| (name.clone(), *lease)).collect()
    }

    /// This lease, if it is held.
    pub fn lease(&self, name: &str) -> Option<Lease> {
        self.shared.table().held.get(name).copied().filter(Lease::is_valid)
    }

    /// Waits until something has changed since the last call. Cancel safe.
    pub async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            // The thread is gone, and with it whatever could change; what is held runs out.
            std::future::pending().await
        }
    }

    /// Lets go of a lease that is not used any more. It is not asked for again at once.
    pub fn give_back(&self, name: &str) {
        let mut table = self.shared.table();
        if table.held.remove(name).is_some() {
            table.returned.insert(name.to_owned());
        }
        drop(table);
        if self.orders.send(Order::GiveBack(name.to_owned())).is_err() {
            tracing::warn!(name, "cannot be given back now: it runs out");
        }
    }

    /// Gives everything back, and takes nothing any more.
    pub async fn give_all_back(&self) {
        {
            let mut table = self.shared.table();
            let held = std::mem::take(&mut table.held);
            table.returned.extend(held.into_keys());
        }
        let (done, closed) = oneshot::channel();
        if self.orders.send(Order::Close(done)).is_ok() && closed.await.is_err() {
            tracing::warn!("the leases were not given back: they run out");
        }
    }
}

#[cfg(test)]
mod tests;
