//! What the keeper's thread does, again and again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dstream_sdk::{Error, Result, tracing};
use futures_util::future::join_all;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use super::{Lease, Order, Shared, Timing};
use crate::share::Seen;
use crate::store::{Grant, Renewed, Store, Taken};
use crate::{Moment, Owner};

/// The thread's own.
pub(super) struct Rounds<S: Store> {
    store: S,
    owner: Owner,
    timing: Timing,
    /// The lease by which the others see that this instance lives.
    member: String,
    names: Vec<String>,
    shared: Arc<Shared>,
    grants: BTreeMap<String, Held<S::Key>>,
    /// Given back a moment ago: others come first.
    rests: BTreeMap<String, Moment>,
    /// What is known to be another's, to say it once.
    said: Vec<String>,
}

struct Held<K> {
    grant: Grant<K>,
    renew_at: Moment,
}

impl<S: Store> Rounds<S> {
    pub(super) fn new(
        store: S,
        owner: Owner,
        timing: Timing,
        (member, names): (String, Vec<String>),
        shared: Arc<Shared>,
    ) -> Self {
        let (grants, rests, said) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        Self { store, owner, timing, member, names, shared, grants, rests, said }
    }

    pub(super) async fn run(mut self, mut orders: UnboundedReceiver<Order>) {
        loop {
            self.round().await;
            match timeout(self.timing.look, orders.recv()).await {
                Err(_) => {}
                Ok(Some(Order::GiveBack(name))) => self.give_back(&name).await,
                Ok(Some(Order::Close(done))) => {
                    self.give_all_back().await;
                    if done.send(()).is_err() {
                        tracing::debug!("who wanted it closed has not waited");
                    }
                    return;
                }
                Ok(None) => return self.give_all_back().await,
            }
        }
    }

    async fn round(&mut self) {
        self.renew().await;
        let instances = self.instances().await;
        self.take(instances).await;
        let seen = Seen { instances, ..self.seen() };
        let mut table = self.shared.table();
        if seen.has_too_many() && !table.held.values().any(|lease| lease.wanted) {
            let name = fastrand::choice(table.held.keys().cloned().collect::<Vec<_>>());
            if let Some(lease) = name.and_then(|name| table.held.get_mut(&name)) {
                lease.wanted = true;
                drop(table);
                self.shared.tell();
            }
        }
    }

    fn seen(&self) -> Seen {
        let ours = self.grants.keys().filter(|name| **name != self.member).count();
        Seen { all: self.names.len(), ours, instances: 1 }
    }

    /// Renews what is due, all at once, and drops what is lost or has run out.
    async fn renew(&mut self) {
        let (store, patience) = (&self.store, self.timing.patience);
        let due = self.grants.values().filter(|held| held.renew_at.remaining().is_none());
        let asked = due.map(|held| async {
            let renewed = in_time(patience, store.renew(&held.grant)).await;
            (held.grant.name.clone(), renewed)
        });
        for (name, renewed) in join_all(asked).await {
            match renewed {
                Ok(Renewed::Until(until)) => self.hold(&name, until),
                Ok(Renewed::Lost) => {
                    tracing::warn!(name, "the lease was taken away; what it locked is not read on");
                    self.drop_grant(&name);
                }
                Err(error) => tracing::warn!(name, %error, "the lease is not renewed yet"),
            }
        }
        let over =
            |held: &Held<S::Key>| held.grant.until.is_some_and(|until| until.remaining().is_none());
        let over = self.grants.values().filter(|held| over(held));
        for name in over.map(|held| held.grant.name.clone()).collect::<Vec<_>>() {
            tracing::warn!(name, "the lease has run out");
            self.drop_grant(&name);
        }
    }

    /// How many instances live. Where that cannot be seen, as if it were alone: what others hold
    /// stays theirs.
    async fn instances(&mut self) -> usize {
        let member = self.member.clone();
        if !self.grants.contains_key(&member) {
            self.acquire(&member).await;
        }
        let group = member.rsplit_once('/').map_or("", |(group, _)| group);
        let seen = in_time(self.timing.patience, self.store.held(group)).await;
        match seen {
            Ok(seen) => seen.len() + usize::from(!seen.contains(&self.member)),
            Err(error) => {
                tracing::warn!(%error, "cannot see how many instances there are");
                1
            }
        }
    }

    /// Asks for free leases, in an order of its own, up to its share.
    async fn take(&mut self, instances: usize) {
        self.rests.retain(|_, until| until.remaining().is_some());
        let mut names: Vec<_> = self
            .names
            .iter()
            .filter(|name| !self.grants.contains_key(*name) && !self.rests.contains_key(*name))
            .cloned()
            .collect();
        fastrand::shuffle(&mut names);
        for name in names {
            if (Seen { instances, ..self.seen() }).missing() == 0 {
                return;
            }
            self.acquire(&name).await;
            // Others may be waiting longer than theirs can.
            self.renew_if_due().await;
        }
    }

    async fn renew_if_due(&mut self) {
        if self.grants.values().any(|held| held.renew_at.remaining().is_none()) {
            self.renew().await;
        }
    }

    async fn acquire(&mut self, name: &str) {
        let taken = in_time(self.timing.patience, self.store.acquire(name, &self.owner)).await;
        match taken {
            Ok(Taken::Ours(grant)) => {
                tracing::info!(name, epoch = grant.epoch, "has the lease");
                self.said.retain(|said| said != name);
                let until = grant.until;
                let held = Held { grant, renew_at: Moment::now() };
                self.grants.insert(name.to_owned(), held);
                self.hold(name, until);
            }
            Ok(Taken::Held) if !self.said.iter().any(|said| said == name) => {
                self.said.push(name.to_owned());
                let owner = in_time(self.timing.patience, self.store.last_owner(name)).await;
                let owner = owner.ok().flatten().map(|(owner, _)| owner.to_string());
                tracing::info!(name, owner, "another instance has the lease");
            }
            Ok(Taken::Held) => {}
            Err(error) => tracing::warn!(name, %error, "the lease cannot be taken"),
        }
    }

    /// From here on it may be used, up to the margin.
    fn hold(&mut self, name: &str, until: Option<Moment>) {
        let Some(held) = self.grants.get_mut(name) else { return };
        held.grant.until = until;
        held.renew_at = match (until, self.store.duration()) {
            (Some(until), Some(duration)) => until - duration + self.timing.renew,
            _ => Moment::now() + self.timing.renew,
        };
        if name == self.member {
            return;
        }
        let usable = until.map(|until| until - self.timing.margin);
        let epoch = held.grant.epoch;
        let mut table = self.shared.table();
        if table.returned.contains(name) {
            return;
        }
        let wanted = table.held.get(name).is_some_and(|lease| lease.wanted);
        let before = table.held.insert(name.to_owned(), Lease { epoch, until: usable, wanted });
        drop(table);
        if before.is_none() {
            self.shared.tell();
        }
    }

    fn drop_grant(&mut self, name: &str) -> Option<Grant<S::Key>> {
        let held = self.grants.remove(name)?;
        let mut table = self.shared.table();
        table.held.remove(name);
        table.returned.remove(name);
        drop(table);
        self.shared.tell();
        Some(held.grant)
    }

    async fn give_back(&mut self, name: &str) {
        let Some(grant) = self.drop_grant(name) else { return };
        self.rests.insert(name.to_owned(), Moment::now() + self.timing.look * 3);
        tracing::info!(name, "gives the lease back");
        if let Err(error) = in_time(self.timing.patience, self.store.release(grant)).await {
            tracing::warn!(name, %error, "it runs out by itself");
        }
    }

    async fn give_all_back(&mut self) {
        for name in self.grants.keys().cloned().collect::<Vec<_>>() {
            self.give_back(&name).await;
        }
    }
}

/// A request that does not come back says nothing: it may still have been carried out.
async fn in_time<T>(patience: Duration, asked: impl Future<Output = Result<T>>) -> Result<T> {
    match timeout(patience, asked).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::transient(format!("no answer within {patience:?}"))),
    }
}
