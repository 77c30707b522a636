//! Leases in files.

// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod stories;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use dstream_lease::{Files, Owner, Renewed, Store, Taken};

#[tokio::test]
async fn one_at_a_time_and_every_time_counts() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) =
        (Files::open(folder.path()).unwrap(), Files::open(folder.path()).unwrap());
    stories::one_at_a_time_and_every_time_counts(&first, &second).await;
}

#[tokio::test]
async fn a_lock_ends_with_its_process_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let store = Files::open(folder.path()).unwrap();
    // This test again, as the process that holds the lock until it is killed.
    if let Some(folder) = std::env::var_os("LEASE_TEST_FOLDER") {
        let _held = stories::take(&Files::open(folder).unwrap(), "t").await;
        println!("\nheld");
        std::thread::park();
    }
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_lock_ends_with_its_process_and_not_before", "--nocapture"])
        .env("LEASE_TEST_FOLDER", folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "held"));
    let taken = store.acquire("t", &Owner::this_process()).await.unwrap();
    assert!(matches!(taken, Taken::Held));
    assert_eq!(store.held("t").await.unwrap(), ["t"]);
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(stories::take(&store, "t").await.epoch, 2);
}

#[tokio::test]
async fn a_file_that_was_removed_locks_nothing_and_one_without_an_epoch_is_not_guessed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Files::open(folder.path()).unwrap();
    let grant = stories::take(&store, "t").await;
    assert_eq!(store.renew(&grant).await.unwrap(), Renewed::Until(None));
    std::fs::remove_file(folder.path().join("t")).unwrap();
    assert_eq!(store.renew(&grant).await.unwrap(), Renewed::Lost);
    let _other = stories::take(&store, "t").await;
    assert_eq!(store.renew(&grant).await.unwrap(), Renewed::Lost);
    std::fs::write(folder.path().join("u"), "what is this").unwrap();
    let error = store.acquire("u", &Owner::this_process()).await.unwrap_err();
    assert!(error.to_string().contains("remove it while no instance runs"), "{error}");
}
