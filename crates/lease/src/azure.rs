//! A blob for each lease: for instances anywhere. Azure gives a lease to one at a time, for a
//! time; who held it and how often it was given stands in the blob's metadata, which only the
//! holder can write.

mod account;
mod errors;
mod shared_key;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use azure_core::http::{RequestContent, RetryOptions, StatusCode, Url};
use azure_storage_blob::models::{
    BlobClientAcquireLeaseOptions, BlobClientGetPropertiesResultHeaders as _,
    BlobClientSetMetadataOptions, BlobClientUploadOptions, BlobContainerClientListBlobsOptions,
    LeaseState,
};
use azure_storage_blob::{BlobClient, BlobContainerClient, BlobContainerClientOptions};
use dstream_sdk::Result;
use futures_util::TryStreamExt as _;

use crate::store::{Grant, Renewed, Store, Taken, epoch_of};
use crate::{Moment, Owner};
pub use account::Account;
use errors::{code, explained};

/// What a lease of Azure's can be at most, short of one that never ends.
const LONGEST: Duration = Duration::from_secs(60);
/// And at least.
const SHORTEST: Duration = Duration::from_secs(15);

/// A container of lock blobs.
pub struct Azure {
    container: BlobContainerClient,
    place: String,
    duration: Duration,
}

impl Azure {
    /// Connects, and makes the container where it is not there. The lease's duration is 15 s to
    /// 60 s, Azure's own limits.
    ///
    /// # Errors
    /// Kind `auth` where the key is refused, `config` where account or container cannot be named
    /// so, `transient` where Azure cannot be reached.
    pub async fn open(account: &Account, container: &str, duration: Duration) -> Result<Self> {
        let duration = duration.clamp(SHORTEST, LONGEST);
        let url = account.container_url(container)?;
        let mut options = BlobContainerClientOptions::default();
        account.sign(&mut options.client_options);
        // A retry that comes late would renew what has run out: the keeper tries again itself.
        options.client_options.retry = RetryOptions::none();
        let client = BlobContainerClient::new(url, None, Some(options))
            .map_err(|error| explained(&error, "cannot use the container"))?;
        match client.create(None).await {
            Ok(_) => tracing::info!(container, "made the container for the locks"),
            Err(error) if code(&error) == Some("ContainerAlreadyExists") => {}
            Err(error) => return Err(explained(&error, "cannot make the container for the locks")),
        }
        let place = format!("azure:{}/{container}", account.name());
        Ok(Self { container: client, place, duration })
    }

    fn blob(&self, name: &str) -> BlobClient {
        self.container.blob_client(name)
    }

    /// Makes an empty blob, where there is none.
    async fn make(&self, blob: &BlobClient) -> azure_core::Result<()> {
        let options =
            BlobClientUploadOptions { if_none_match: Some("*".into()), ..Default::default() };
        let empty = RequestContent::from(Vec::new());
        match blob.upload(empty, Some(options)).await {
            Ok(_) => Ok(()),
            // Another instance made it in between.
            Err(error) if matches!(status(&error), Some(409 | 412)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Counts this owner, under its lease.
    async fn count(
        &self,
        blob: &BlobClient,
        lease_id: &str,
        owner: &Owner,
    ) -> azure_core::Result<u64> {
        let epoch = epoch_of(&fields(blob).await?).unwrap_or(0) + 1;
        let fields = owner.fields().into_iter().chain([("epoch", epoch.to_string())]);
        let fields: HashMap<String, String> =
            fields.map(|(name, value)| (name.to_owned(), value)).collect();
        let options = BlobClientSetMetadataOptions {
            lease_id: Some(lease_id.to_owned()),
            ..Default::default()
        };
        blob.set_metadata(&fields, Some(options)).await?;
        Ok(epoch)
    }
}

impl std::fmt::Debug for Azure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Azure").field("duration", &self.duration).finish_non_exhaustive()
    }
}

async fn fields(blob: &BlobClient) -> azure_core::Result<BTreeMap<String, String>> {
    let metadata = blob.get_properties(None).await?.metadata()?;
    Ok(metadata.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect())
}

fn status(error: &azure_core::Error) -> Option<u16> {
    error.http_status().map(u16::from)
}

impl Store for Azure {
    /// The lease's id.
    type Key = String;

    fn place(&self) -> String {
        self.place.clone()
    }

    fn duration(&self) -> Option<Duration> {
        Some(self.duration)
    }

    async fn acquire(&self, name: &str, owner: &Owner) -> Result<Taken<String>> {
        let cannot = |error: azure_core::Error| explained(&error, &format!("cannot lock {name}"));
        let blob = self.blob(name);
        // It runs from when Azure has it, which is not before it was asked.
        let mut asked = Moment::now();
        let seconds = self.duration.as_secs() as i32;
        let lease_id = uuid::Uuid::new_v4().to_string();
        let options = || BlobClientAcquireLeaseOptions {
            proposed_lease_id: Some(lease_id.clone()),
            ..Default::default()
        };
        let mut taken = blob.acquire_lease(seconds, Some(options())).await;
        if matches!(&taken, Err(error) if error.http_status() == Some(StatusCode::NotFound)) {
            self.make(&blob).await.map_err(cannot)?;
            asked = Moment::now();
            taken = blob.acquire_lease(seconds, Some(options())).await;
        }
        match taken {
            Ok(_) => {}
            Err(error) if status(&error) == Some(409) => return Ok(Taken::Held),
            Err(error) => return Err(cannot(error)),
        }
        match self.count(&blob, &lease_id, owner).await {
            Ok(epoch) => {
                let (name, until) = (name.to_owned(), Some(asked + self.duration));
                Ok(Taken::Ours(Grant { name, epoch, until, key: lease_id }))
            }
            Err(error) => {
                // Not ours without a number; the next one need not wait for it.
                if let Err(left) = blob.release_lease(lease_id, None).await {
                    tracing::debug!(name, "runs out by itself: {left}");
                }
                Err(cannot(error))
            }
        }
    }

    async fn renew(&self, grant: &Grant<String>) -> Result<Renewed> {
        let asked = Moment::now();
        match self.blob(&grant.name).renew_lease(grant.key.clone(), None).await {
            Ok(_) => Ok(Renewed::Until(Some(asked + self.duration))),
            // Another's, or broken by hand; or the blob is gone.
            Err(error) if matches!(status(&error), Some(404 | 409 | 412)) => Ok(Renewed::Lost),
            Err(error) => Err(explained(&error, &format!("cannot renew the lock {}", grant.name))),
        }
    }

    async fn release(&self, grant: Grant<String>) -> Result<()> {
        match self.blob(&grant.name).release_lease(grant.key, None).await {
            Ok(_) => Ok(()),
            Err(error) if matches!(status(&error), Some(404 | 409 | 412)) => Ok(()),
            Err(error) => Err(explained(&error, &format!("cannot unlock {}", grant.name))),
        }
    }

    async fn held(&self, prefix: &str) -> Result<Vec<String>> {
        let cannot = |error: azure_core::Error| explained(&error, "cannot list the locks");
        let options = BlobContainerClientListBlobsOptions {
            prefix: Some(prefix.to_owned()),
            ..Default::default()
        };
        let mut pages = self.container.list_blobs(Some(options)).map_err(cannot)?;
        let mut held = Vec::new();
        while let Some(blob) = pages.try_next().await.map_err(cannot)? {
            let state = blob.properties.and_then(|properties| properties.lease_state);
            if let (Some(name), Some(LeaseState::Leased)) = (blob.name, state) {
                held.push(name);
            }
        }
        Ok(held)
    }

    async fn last_owner(&self, name: &str) -> Result<Option<(Owner, u64)>> {
        match fields(&self.blob(name)).await {
            Ok(fields) => Ok(Owner::from_fields(&fields).zip(epoch_of(&fields))),
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(explained(&error, &format!("cannot look at the lock {name}"))),
        }
    }
}

/// The address with this container behind it.
pub(crate) fn with_container(mut endpoint: Url, container: &str) -> Url {
    if let Ok(mut path) = endpoint.path_segments_mut() {
        path.pop_if_empty().push(container);
    }
    endpoint
}
