//! What keeps leases.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use dstream_sdk::Result;

use crate::{Moment, Owner};

/// Keeps leases by name, and gives each to one at a time.
pub trait Store: Send + Sync + 'static {
    /// What a holder needs to renew and release.
    type Key: Send + Sync;

    /// Names the place where the leases are, the same for every instance that uses it. No secrets.
    fn place(&self) -> String;

    /// How long a lease is, from the moment when it was asked for. `None`: as long as the process
    /// lives, so that nobody needs to renew.
    fn duration(&self) -> Option<Duration>;

    /// Takes a lease that nobody has, and counts: its epoch is one more than that of the last
    /// owner, whoever that was.
    ///
    /// # Errors
    /// Where the store cannot be asked, or refuses; then it is not known to be held.
    fn acquire(
        &self,
        name: &str,
        owner: &Owner,
    ) -> impl Future<Output = Result<Taken<Self::Key>>> + Send;

    /// Goes on holding it.
    ///
    /// # Errors
    /// Where the store cannot be asked: it is held until it runs out.
    fn renew(&self, grant: &Grant<Self::Key>) -> impl Future<Output = Result<Renewed>> + Send;

    /// Gives it back, so that the next one need not wait.
    ///
    /// # Errors
    /// Where the store cannot be asked: it runs out.
    fn release(&self, grant: Grant<Self::Key>) -> impl Future<Output = Result<()>> + Send;

    /// The leases whose name begins so and that somebody holds now.
    ///
    /// # Errors
    /// Where the store cannot be asked.
    fn held(&self, prefix: &str) -> impl Future<Output = Result<Vec<String>>> + Send;

    /// Who holds it, or held it last, and under which epoch.
    ///
    /// # Errors
    /// Where the store cannot be asked.
    fn last_owner(&self, name: &str) -> impl Future<Output = Result<Option<(Owner, u64)>>> + Send;
}

/// What came of asking for a lease.
#[derive(Debug)]
pub enum Taken<K> {
    /// It is ours.
    Ours(Grant<K>),
    /// Somebody has it.
    Held,
}

/// What came of renewing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// Ours until then; `None`: as long as the process lives.
    Until(Option<Moment>),
    /// It is somebody else's, or was taken away.
    Lost,
}

/// A lease that is ours.
#[derive(Debug)]
pub struct Grant<K> {
    /// Its name.
    pub name: String,
    /// How often it was given, this time included.
    pub epoch: u64,
    /// When it runs out unless it is renewed; `None`: when the process ends.
    pub until: Option<Moment>,
    /// What the store needs.
    pub key: K,
}

/// The epoch that a store kept, among its other fields.
pub(crate) fn epoch_of(fields: &BTreeMap<String, String>) -> Option<u64> {
    fields.get("epoch")?.parse().ok()
}
