//! Lines that break, registries that die, caches that were spoiled.

use std::sync::atomic::Ordering;
use std::time::Duration;

use dstream_registry::{OciError, PinError, PullError, PullEvent, Wanted};
use dstream_servers::OciRegistry;

use crate::support::{Desk, Events, Line, large, reference};

const PROGRAM: usize = 3_000_000;

/// Published, locked through `host`, not yet pulled.
async fn locked(
    desk: &Desk,
    registry: &OciRegistry,
    host: &str,
) -> (Wanted, dstream_registry::Locked) {
    published(desk, registry, host, PROGRAM).await
}

async fn published(
    desk: &Desk,
    registry: &OciRegistry,
    host: &str,
    size: usize,
) -> (Wanted, dstream_registry::Locked) {
    desk.publish(&registry.host(), "v1", &large(size)).await;
    let wanted = Wanted::Exactly(reference(host, "v1"));
    let locked = desk.store.pin(&wanted).await.unwrap();
    (wanted, locked)
}

#[tokio::test]
async fn a_line_that_breaks_again_and_again_costs_only_what_was_on_its_way() {
    let registry = OciRegistry::start();
    let desk = Desk::new();
    let line = Line::to(&registry, 0, 500_000, Duration::ZERO).await;
    let (wanted, locked) = locked(&desk, &registry, &line.host).await;
    line.breaks.store(5, Ordering::Relaxed);
    line.carried.store(0, Ordering::Relaxed);
    let events = Events::default();
    let path = desk.store.install(&wanted, &locked, &events.note()).await.unwrap();
    assert_eq!(std::fs::read(path).unwrap(), large(PROGRAM));
    let begins = events.begins();
    assert_eq!(begins.len(), 6, "{begins:?}");
    assert!(begins.is_sorted() && begins[1] > 400_000, "{begins:?}");
    let carried = line.carried.load(Ordering::Relaxed);
    assert!(carried < PROGRAM as u64 * 3 / 2, "{carried} bytes went over the line");
}

#[tokio::test]
async fn an_attempt_that_was_given_up_is_gone_on_with_by_the_next() {
    let registry = OciRegistry::start();
    let desk = Desk::new();
    let line = Line::to(&registry, 0, 0, Duration::from_millis(2)).await;
    let (wanted, locked) = locked(&desk, &registry, &line.host).await;
    let binary = dstream_registry::store::here(&wanted, &locked).unwrap();
    let partial = desk.store.cache.folder().join("partial").join(binary.program.digest.hex());
    let something_came = async {
        while std::fs::metadata(&partial).map_or(0, |file| file.len()) == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::select! {
        _ = desk.store.install(&wanted, &locked, &|_| {}) => panic!("it was slow enough"),
        () = something_came => {}
    }
    let again = Events::default();
    desk.store.install(&wanted, &locked, &again.note()).await.unwrap();
    assert!(again.begins()[0] > 0, "{:?}", again.begins());
}

#[tokio::test]
async fn a_registry_that_dies_in_the_middle_of_a_pull_and_comes_back_loses_nothing() {
    let mut registry = OciRegistry::start();
    let desk = Desk::new();
    let line = Line::to(&registry, 0, 0, Duration::from_millis(1)).await;
    // More than what the buffers of connections hold.
    let size = 24_000_000;
    let (wanted, locked) = published(&desk, &registry, &line.host, size).await;
    line.carried.store(0, Ordering::Relaxed);
    let events = Events::default();
    let note = events.note();
    let pull = desk.store.install(&wanted, &locked, &note);
    let killer = async {
        while line.carried.load(Ordering::Relaxed) < 1_000_000 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        registry.kill();
        tokio::time::sleep(Duration::from_millis(700)).await;
        registry.resume();
    };
    let (path, ()) = tokio::join!(pull, killer);
    assert_eq!(std::fs::read(path.unwrap()).unwrap(), large(size));
    assert!(events.count(|e| matches!(e, PullEvent::Retrying { .. })) > 0);
}

#[tokio::test]
async fn a_registry_that_is_down_is_said_and_what_is_there_already_still_runs() {
    let mut registry = OciRegistry::start();
    let desk = Desk::new();
    let reference = desk.publish(&registry.host(), "v1", b"program").await;
    let wanted = Wanted::Exactly(reference);
    let locked = desk.store.pin(&wanted).await.unwrap();
    let path = desk.store.install(&wanted, &locked, &|_| {}).await.unwrap();
    registry.kill();
    assert_eq!(desk.store.install(&wanted, &locked, &|_| {}).await.unwrap(), path);
    let error = Desk::new().store.install(&wanted, &locked, &|_| {}).await.unwrap_err();
    let PinError::Pull(PullError::Oci(OciError::Unreachable { registry: named, .. })) = &error
    else {
        panic!("{error}")
    };
    assert_eq!(*named, registry.host());
}

#[tokio::test]
async fn two_that_pull_the_same_at_once_download_it_once() {
    let registry = OciRegistry::start();
    let desk = Desk::new();
    let line = Line::to(&registry, 0, 0, Duration::from_millis(1)).await;
    let (wanted, locked) = locked(&desk, &registry, &line.host).await;
    line.carried.store(0, Ordering::Relaxed);
    let events = Events::default();
    let note = events.note();
    let (first, second) = tokio::join!(
        desk.store.install(&wanted, &locked, &|_| {}),
        desk.store.install(&wanted, &locked, &note)
    );
    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(events.count(|e| *e == PullEvent::Waiting), 1);
    let carried = line.carried.load(Ordering::Relaxed);
    assert!(carried < PROGRAM as u64 * 3 / 2, "{carried} bytes went over the line");
}

#[tokio::test]
async fn bytes_that_a_registry_changed_are_refused_and_not_kept() {
    let registry = OciRegistry::start();
    let desk = Desk::new();
    let (wanted, locked) = locked(&desk, &registry, &registry.host()).await;
    let binary = dstream_registry::store::here(&wanted, &locked).unwrap();
    let file = registry.blob(binary.program.digest.hex());
    let mut content = std::fs::read(&file).unwrap();
    content[PROGRAM / 2] ^= 1;
    std::fs::write(&file, &content).unwrap();
    let error = desk.store.install(&wanted, &locked, &|_| {}).await.unwrap_err();
    assert!(error.to_string().contains("other bytes than its digest names"), "{error}");
    assert_eq!(desk.store.installed(&wanted, &locked).unwrap(), None);
    // One that sends more than it said is stopped where it should have ended.
    content.extend_from_slice(b"more");
    std::fs::write(&file, &content).unwrap();
    let error = desk.store.install(&wanted, &locked, &|_| {}).await.unwrap_err();
    assert!(error.to_string().contains("more than 3000000 bytes"), "{error}");
    // Put right, it comes.
    std::fs::write(&file, large(PROGRAM)).unwrap();
    desk.store.install(&wanted, &locked, &|_| {}).await.unwrap();
}

#[tokio::test]
async fn a_beginning_that_was_spoiled_on_disk_is_downloaded_anew() {
    let registry = OciRegistry::start();
    let desk = Desk::new();
    let (wanted, locked) = locked(&desk, &registry, &registry.host()).await;
    let binary = dstream_registry::store::here(&wanted, &locked).unwrap();
    let partial = desk.store.cache.folder().join("partial").join(binary.program.digest.hex());
    std::fs::create_dir_all(partial.parent().unwrap()).unwrap();
    std::fs::write(partial, vec![7; PROGRAM / 2]).unwrap();
    let path = desk.store.install(&wanted, &locked, &|_| {}).await.unwrap();
    assert_eq!(std::fs::read(path).unwrap(), large(PROGRAM));
}

#[tokio::test]
async fn a_program_that_was_changed_in_the_cache_is_pulled_anew_and_never_given_out() {
    let registry = OciRegistry::start();
    let desk = Desk::new();
    let (wanted, locked) = locked(&desk, &registry, &registry.host()).await;
    let path = desk.store.install(&wanted, &locked, &|_| {}).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, vec![7; PROGRAM]).unwrap();
    assert_eq!(desk.store.installed(&wanted, &locked).unwrap(), None);
    assert_eq!(desk.store.install(&wanted, &locked, &|_| {}).await.unwrap(), path);
    assert_eq!(std::fs::read(path).unwrap(), large(PROGRAM));
}
