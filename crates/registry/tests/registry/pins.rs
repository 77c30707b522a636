//! Versions, locks and moved tags.

use dstream_registry::{LockFile, PinError, Reference, Wanted};
use dstream_servers::OciRegistry;
use dstream_task::Constraint;

use crate::support::Desk;

fn version(source: &Reference, constraint: &str) -> Wanted {
    let constraint = Some(Constraint::parse(constraint).unwrap());
    Wanted::Version { source: source.clone(), constraint }
}

#[tokio::test]
async fn the_highest_version_that_will_do_is_chosen_and_stays_until_it_is_asked_again() {
    let registry = OciRegistry::start();
    let desk = Desk::new();
    for tag in ["v1.2.0", "v1.10.0", "v1.9.0", "v2.0.0", "v2.1.0-rc.1", "latest"] {
        desk.publish(&registry.host(), tag, tag.as_bytes()).await;
    }
    let source: Reference = format!("{}/acme/dstream-in-foo", registry.host()).parse().unwrap();
    let wanted = version(&source, "~> 1.2");
    let locked = desk.store.pin(&wanted).await.unwrap();
    assert_eq!(locked.tag.as_deref(), Some("v1.10.0"));
    assert_eq!(locked.constraint.as_deref(), Some("~> 1.2"));
    let any = Wanted::Version { source: source.clone(), constraint: None };
    assert_eq!(desk.store.pin(&any).await.unwrap().tag.as_deref(), Some("v2.0.0"));
    let error = desk.store.pin(&version(&source, "~> 3.0")).await.unwrap_err();
    assert!(error.to_string().ends_with("has no version ~> 3.0"), "{error}");
    assert!(error.help()[0].contains("v1.2.0, v1.9.0, v1.10.0, v2.0.0"), "{:?}", error.help());

    let lock = LockFile { providers: [(wanted.key(), locked.clone())].into() };
    assert_eq!(wanted.locked(&lock).unwrap(), &locked);
    assert_eq!(any.locked(&lock).unwrap(), &locked);
    let error = version(&source, ">= 2").locked(&lock).unwrap_err();
    assert!(matches!(error, PinError::Outside { .. }), "{error}");
    assert!(error.help()[0].contains("init --upgrade"));
    let error = wanted.locked(&LockFile::default()).unwrap_err();
    assert!(matches!(error, PinError::NotLocked { .. }), "{error}");
}

#[tokio::test]
async fn a_tag_that_was_moved_is_reported_and_what_is_locked_still_comes() {
    let registry = OciRegistry::start();
    let desk = Desk::new();
    let reference = desk.publish(&registry.host(), "v1.2.0", b"first").await;
    let wanted = Wanted::Exactly(reference.clone());
    let locked = desk.store.pin(&wanted).await.unwrap();
    desk.store.unmoved(&wanted, &locked).await.unwrap();
    desk.publish(&registry.host(), "v1.2.0", b"second").await;
    let error = desk.store.unmoved(&wanted, &locked).await.unwrap_err();
    assert!(matches!(&error, PinError::Moved { .. }), "{error}");
    assert!(error.to_string().contains(&locked.digest.to_string()), "{error}");
    assert!(error.help()[0].contains("something else in its place"));
    let path = desk.store.install(&wanted, &locked, &|_| {}).await.unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"first");
    // By its digest it cannot move.
    let pinned = Wanted::Exactly(reference.with_digest(locked.digest.clone()));
    let by_digest = desk.store.pin(&pinned).await.unwrap();
    assert_eq!((by_digest.digest.clone(), by_digest.tag.clone()), (locked.digest, None));
    desk.store.unmoved(&pinned, &by_digest).await.unwrap();
}
