//! What every store does.

use dstream_lease::{Grant, Owner, Renewed, Store, Taken};

pub(crate) async fn take<S: Store>(store: &S, name: &str) -> Grant<S::Key> {
    match store.acquire(name, &Owner::this_process()).await.unwrap() {
        Taken::Ours(grant) => grant,
        Taken::Held => panic!("{name} is held"),
    }
}

async fn is_held<S: Store>(store: &S, name: &str) -> bool {
    matches!(store.acquire(name, &Owner::this_process()).await.unwrap(), Taken::Held)
}

/// Two instances with a store each.
pub(crate) async fn one_at_a_time_and_every_time_counts<S: Store>(first: &S, second: &S) {
    for name in ["db/dbo.Order Lines.lock", "db/größe%2F.lock"] {
        let grant = take(first, name).await;
        assert_eq!(grant.epoch, 1);
        assert!(is_held(second, name).await && is_held(first, name).await);
        assert!(matches!(first.renew(&grant).await.unwrap(), Renewed::Until(_)));
        assert_eq!(second.held("db/").await.unwrap(), [name]);
        first.release(grant).await.unwrap();
        assert!(first.held("db/").await.unwrap().is_empty());
        let grant = take(second, name).await;
        assert_eq!(grant.epoch, 2);
        let (owner, epoch) = first.last_owner(name).await.unwrap().unwrap();
        assert_eq!((owner.pid, epoch), (std::process::id(), 2));
        second.release(grant).await.unwrap();
        let grant = take(first, name).await;
        assert_eq!(grant.epoch, 3);
        first.release(grant).await.unwrap();
    }
    let (one, other) = (take(first, "a/1").await, take(second, "b/1").await);
    assert_eq!(first.held("b/").await.unwrap(), ["b/1"]);
    first.release(one).await.unwrap();
    second.release(other).await.unwrap();
}
