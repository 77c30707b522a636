//! Keepers against a store in memory that answers late, fails, and forgets the dead.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dstream_sdk::{Error, Result};

use super::{Keeper, Timing};
use crate::store::{Grant, Renewed, Store, Taken};
use crate::{Moment, Owner};

const LONG: Duration = Duration::from_millis(600);

/// Leases by name: epoch, holder, until when.
type Leases = Arc<Mutex<BTreeMap<String, (u64, u64, Moment)>>>;

struct Memory {
    leases: Leases,
    /// Whether this instance's requests fail.
    cut_off: Arc<AtomicBool>,
    /// The longest that an answer takes.
    slow: Duration,
}

impl Memory {
    async fn ask<T>(
        &self,
        what: impl FnOnce(&mut BTreeMap<String, (u64, u64, Moment)>) -> T,
    ) -> Result<T> {
        if self.cut_off.load(Ordering::SeqCst) {
            return Err(Error::transient("cut off"));
        }
        tokio::time::sleep(self.slow.mul_f64(fastrand::f64())).await;
        let answer = what(&mut self.leases.lock().unwrap());
        tokio::time::sleep(self.slow.mul_f64(fastrand::f64())).await;
        Ok(answer)
    }
}

impl Store for Memory {
    type Key = u64;

    fn place(&self) -> String {
        "memory".into()
    }

    fn duration(&self) -> Option<Duration> {
        Some(LONG)
    }

    async fn acquire(&self, name: &str, _: &Owner) -> Result<Taken<u64>> {
        let (asked, key) = (Moment::now(), fastrand::u64(..));
        self.ask(|leases| {
            let before = leases.get(name).copied();
            if before.is_some_and(|(_, _, until)| until.remaining().is_some()) {
                return Taken::Held;
            }
            let epoch = before.map_or(0, |(epoch, ..)| epoch) + 1;
            leases.insert(name.to_owned(), (epoch, key, Moment::now() + LONG));
            Taken::Ours(Grant { name: name.to_owned(), epoch, until: Some(asked + LONG), key })
        })
        .await
    }

    async fn renew(&self, grant: &Grant<u64>) -> Result<Renewed> {
        let asked = Moment::now();
        self.ask(|leases| match leases.get_mut(&grant.name) {
            Some((_, key, until)) if *key == grant.key => {
                *until = Moment::now() + LONG;
                Renewed::Until(Some(asked + LONG))
            }
            _ => Renewed::Lost,
        })
        .await
    }

    async fn release(&self, grant: Grant<u64>) -> Result<()> {
        self.ask(|leases| {
            if let Some(lease) = leases.get_mut(&grant.name)
                && lease.1 == grant.key
            {
                lease.2 = Moment::now();
            }
        })
        .await
    }

    async fn held(&self, prefix: &str) -> Result<Vec<String>> {
        self.ask(|leases| {
            let held = leases.iter().filter(|(_, lease)| lease.2.remaining().is_some());
            held.map(|(name, _)| name.clone()).filter(|name| name.starts_with(prefix)).collect()
        })
        .await
    }

    async fn last_owner(&self, _: &str) -> Result<Option<(Owner, u64)>> {
        Ok(None)
    }
}

struct Instance {
    keeper: Keeper,
    cut_off: Arc<AtomicBool>,
}

fn instance(leases: &Leases, tables: usize, slow: Duration) -> Instance {
    let cut_off = Arc::new(AtomicBool::new(false));
    let store = Memory { leases: leases.clone(), cut_off: cut_off.clone(), slow };
    let names = (0..tables).map(|n| format!("s/t{n}.lock")).collect();
    let owner = Owner::this_process();
    let keeper = Keeper::start(store, "s", names, owner, Timing::of(Some(LONG))).unwrap();
    Instance { keeper, cut_off }
}

/// Gives back what the others want, as a provider does.
fn wait_for(instances: &[&Instance], done: impl Fn(&[usize]) -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let mut counts = Vec::new();
        for instance in instances {
            let held = instance.keeper.held();
            counts.push(held.len());
            for (name, _) in held.iter().filter(|(_, lease)| lease.wanted) {
                instance.keeper.give_back(name);
            }
        }
        if done(&counts) {
            return;
        }
        assert!(Instant::now() < end, "{counts:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn instances_share_out_the_work_and_take_over_what_another_gives_up() {
    let leases = Leases::default();
    let none = Duration::ZERO;
    let first = instance(&leases, 10, none);
    wait_for(&[&first], |counts| counts == [10]);
    let second = instance(&leases, 10, none);
    wait_for(&[&first, &second], |counts| counts == [5, 5]);
    let third = instance(&leases, 10, none);
    wait_for(&[&first, &second, &third], |counts| {
        counts.iter().sum::<usize>() == 10 && counts.iter().all(|count| (2..=4).contains(count))
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(first.keeper.give_all_back());
    wait_for(&[&second, &third], |counts| counts == [5, 5]);
    // Without a word.
    second.cut_off.store(true, Ordering::SeqCst);
    wait_for(&[&third], |counts| counts == [10]);
    assert!(second.keeper.held().is_empty(), "it is over before another has it");
}

#[test]
fn what_was_given_back_is_not_held_again_because_a_renewal_was_on_its_way() {
    let leases = Leases::default();
    let one = instance(&leases, 1, Duration::from_millis(60));
    let mut before = 0;
    for _ in 0..8 {
        let end = Instant::now() + Duration::from_secs(30);
        while one.keeper.held().is_empty() {
            assert!(Instant::now() < end);
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(fastrand::u64(..250)));
        let Some(lease) = one.keeper.lease("s/t0.lock") else { continue };
        assert!(lease.epoch > before, "the lease {lease:?} was given back");
        before = lease.epoch;
        one.keeper.give_back("s/t0.lock");
        assert_eq!(one.keeper.lease("s/t0.lock"), None);
    }
}

/// Answers that come late, instances that are cut off: whoever sees a lease as usable is the only
/// one, and epochs never go back.
#[test]
fn no_two_instances_have_a_lease_at_the_same_time() {
    let leases = Leases::default();
    let mut instances: Vec<_> =
        (0..3).map(|_| instance(&leases, 6, Duration::from_millis(40))).collect();
    let mut newest: BTreeMap<String, u64> = BTreeMap::new();
    let (end, mut next) = (Instant::now() + Duration::from_secs(8), Instant::now());
    let mut cuts = 0;
    while Instant::now() < end {
        let mut owners: BTreeMap<String, usize> = BTreeMap::new();
        for (at, one) in instances.iter().enumerate() {
            for (name, lease) in one.keeper.held() {
                // Seen before, of another: usable still?
                if let Some(other) = owners.insert(name.clone(), at) {
                    let still = instances[other].keeper.lease(&name);
                    assert!(still.is_none() || !lease.is_valid(), "{name}: {other} and {at}");
                }
                let newest = newest.entry(name.clone()).or_default();
                assert!(lease.epoch >= *newest, "{name} went back to {}", lease.epoch);
                *newest = lease.epoch;
                if lease.wanted {
                    one.keeper.give_back(&name);
                }
            }
        }
        if Instant::now() > next {
            let one = fastrand::usize(..instances.len());
            if fastrand::bool() {
                instances[one].cut_off.store(true, Ordering::SeqCst);
                instances[one] = instance(&leases, 6, Duration::from_millis(40));
            } else {
                instances[one].cut_off.fetch_not(Ordering::SeqCst);
            }
            cuts += 1;
            next = Instant::now() + Duration::from_millis(fastrand::u64(100..900));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let takeovers: u64 = newest.values().sum();
    assert!(cuts > 5 && takeovers > 12, "{cuts} cuts, {newest:?}");
}
