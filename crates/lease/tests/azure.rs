//! Leases in Azurite: the same story for every store is in `stories`.

// Servers are started by programs of Unix.
#![cfg(unix)]
// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod stories;

use std::sync::OnceLock;
use std::time::Duration;

use dstream_lease::{Account, Azure, Grant, Moment, Owner, Renewed, Store, Taken};
use dstream_sdk::ErrorKind;
use dstream_servers::Azurite;

/// Azure's shortest.
const SHORT: Duration = Duration::from_secs(15);

fn azurite() -> &'static Azurite {
    static SERVER: OnceLock<Azurite> = OnceLock::new();
    SERVER.get_or_init(Azurite::start)
}

async fn store(container: &str, duration: Duration) -> Azure {
    let account = Account::parse(&azurite().connection_string()).unwrap();
    Azure::open(&account, container, duration).await.unwrap()
}

#[tokio::test]
async fn one_at_a_time_and_every_time_counts() {
    let (first, second) = (store("counts", SHORT).await, store("counts", SHORT).await);
    stories::one_at_a_time_and_every_time_counts(&first, &second).await;
}

#[tokio::test]
async fn a_lease_that_is_not_renewed_runs_out_and_not_before() {
    let store = store("runs-out", SHORT).await;
    let (dead, heir) = (Owner::this_process(), Owner::this_process());
    let begin = Moment::now();
    let Taken::Ours(lost) = store.acquire("db/dbo.t.lock", &dead).await.unwrap() else { panic!() };
    assert!(lost.until.unwrap() <= Moment::now() + SHORT);
    let taken = loop {
        match store.acquire("db/dbo.t.lock", &heir).await.unwrap() {
            Taken::Ours(grant) => break grant,
            Taken::Held => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    };
    assert!(begin + SHORT <= Moment::now(), "it was taken while it ran");
    assert!(lost.until.unwrap().remaining().is_none(), "its owner believed in it");
    assert_eq!(taken.epoch, lost.epoch + 1);
    assert_eq!(store.renew(&lost).await.unwrap(), Renewed::Lost);
    let (owner, epoch) = store.last_owner("db/dbo.t.lock").await.unwrap().unwrap();
    assert_eq!((owner.instance, epoch), (heir.instance, taken.epoch));
    assert!(matches!(store.renew(&taken).await.unwrap(), Renewed::Until(Some(_))));
}

#[tokio::test]
async fn a_blob_that_is_gone_is_no_lease() {
    let store = store("gone", SHORT).await;
    let owner = Owner::this_process();
    let Taken::Ours(grant) = store.acquire("t.lock", &owner).await.unwrap() else { panic!() };
    let again = Grant { name: "u.lock".into(), epoch: 1, until: None, key: grant.key.clone() };
    assert_eq!(store.renew(&again).await.unwrap(), Renewed::Lost);
    assert_eq!(store.last_owner("u.lock").await.unwrap(), None);
    store.release(again).await.unwrap();
}

#[tokio::test]
async fn a_wrong_key_is_an_error_of_login_and_no_answer_may_come_later() {
    let right = azurite().connection_string();
    let (_, address) = right.split_once("Uri=").unwrap();
    let wrong = format!(
        "AccountName=devstoreaccount1;AccountKey=d3Jvbmc=;BlobEndpoint={address}/devstoreaccount1"
    );
    let account = Account::parse(&wrong).unwrap();
    let error = Azure::open(&account, "locks", SHORT).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth, "{error}");
    assert!(error.to_string().contains("connection_string"), "{error}");
    let nobody = format!(
        "AccountName=a;AccountKey=d3Jvbmc=;BlobEndpoint=http://127.0.0.1:{}",
        dstream_servers::free_port()
    );
    let error = Azure::open(&Account::parse(&nobody).unwrap(), "locks", SHORT).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient, "{error}");
}
