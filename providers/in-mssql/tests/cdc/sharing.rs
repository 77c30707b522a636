//! Two instances share the tables out, and take over from each other: by files, whose locks end with
//! their process, and by leases in Azurite, of 15 s, the shortest that there are.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dstream_servers::Azurite;
use dstream_testkit::serde_json::{Value, json};

use crate::instances::{Destination, Instance, What};
use crate::proxy::Proxy;
use crate::server::{Db, SOON, numbers, wait};

const TABLES: usize = 6;
/// Azure's shortest lease.
const LEASE: Duration = Duration::from_secs(15);
/// It is not used up to its end.
const MARGIN: Duration = Duration::from_millis(1250);

struct Source {
    db: Db,
    over: AtomicBool,
}

impl Source {
    fn new() -> Self {
        let db = Db::new();
        for n in 0..TABLES {
            let table = format!("t{n}");
            db.tables(
                &format!("CREATE TABLE dbo.{table} (id int NOT NULL PRIMARY KEY)"),
                &[&table],
            );
        }
        Self { db, over: AtomicBool::new(false) }
    }

    /// Writes rows into all tables until it is over; the last key of each.
    fn write(&self) -> BTreeMap<String, i64> {
        let mut keys = BTreeMap::new();
        while !self.over.load(Ordering::SeqCst) {
            let table = format!("t{}", fastrand::usize(..TABLES));
            let key: &mut i64 = keys.entry(format!("dbo.{table}")).or_default();
            let rows = fastrand::i64(1..20);
            let values: Vec<_> = (1..=rows).map(|n| format!("({})", *key + n)).collect();
            *key += rows;
            self.db.write(&format!("INSERT dbo.{table} VALUES {}", values.join(", ")));
            std::thread::sleep(Duration::from_millis(3));
        }
        keys
    }

    /// Waits until `cdc_offsets` has a place.
    fn wait_for_offset(&self) {
        let sql = "SELECT table_name FROM dbo.cdc_offsets WHERE last_lsn IS NOT NULL";
        wait("a place in cdc_offsets", || !self.db.sql(sql).is_empty());
    }

    fn config(&self, locks: Value) -> Value {
        self.db.config(json!({"until": "stopped", "snapshot": "never", "lock_config": locks}))
    }
}

/// Plays a story while rows are written; then everything has to have arrived, once and in order.
fn play(story: impl FnOnce(&Source, &Destination) -> Vec<Instance>) {
    let (source, destination) = (Source::new(), Destination::default());
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            // The changes that are read are those behind the first checkpoint.
            destination.wait("all tables are begun", SOON * 2, Destination::has_all_states);
            source.write()
        });
        // The writer ends also where the story fails.
        let left =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| story(&source, &destination)));
        source.over.store(true, Ordering::SeqCst);
        let keys = writing.join().unwrap();
        let left = left.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let all = keys.values().sum::<i64>();
        destination.wait("everything arrives", SOON, |to| to.count() as i64 >= all);
        for instance in left {
            instance.signal("-TERM");
            instance.wait();
        }
        destination.check(&keys);
    });
}

fn azurite() -> &'static Azurite {
    static SERVER: OnceLock<Azurite> = OnceLock::new();
    SERVER.get_or_init(Azurite::start)
}

fn blobs(container: &str) -> Value {
    let connection = azurite().connection_string();
    json!({"type": "azure_blob", "connection_string": connection, "container_name": container,
        "lease_duration": "15s"})
}

fn even(to: &Destination) -> bool {
    let owners = to.owners();
    owners.get("a") == Some(&(TABLES / 2)) && owners.get("b") == Some(&(TABLES / 2))
}

fn all_are(who: &'static str) -> impl Fn(&Destination) -> bool {
    move |to| to.owners().get(who) == Some(&TABLES)
}

fn claims_of(to: &Destination, who: &str, since: Instant) -> Vec<Instant> {
    let mut when = to.when(who, |what| matches!(what, What::Claimed(..)));
    when.retain(|at| *at > since);
    when
}

#[test]
fn tables_are_shared_out_by_files_and_those_of_a_killed_instance_are_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    play(|source, to| {
        let config = source.config(json!({"type": "file", "folder": folder.path()}));
        let a = Instance::start("a", &config, to);
        to.wait("a has all", SOON, all_are("a"));
        let b = Instance::start("b", &config, to);
        to.wait("b has its half", SOON, even);
        assert!(!a.has_ended(), "giving back is no failure");
        let killed = Instant::now();
        a.signal("-KILL");
        a.wait();
        to.wait("b has all", SOON, all_are("b"));
        assert!(killed.elapsed() < Duration::from_secs(5), "{:?}", killed.elapsed());
        let a = Instance::start("a", &config, to);
        to.wait("a has its half", SOON, even);
        // In order: everything is given back.
        let stopped = Instant::now();
        b.signal("-TERM");
        b.wait();
        to.wait("a has all", SOON, all_are("a"));
        assert!(stopped.elapsed() < Duration::from_secs(8), "{:?}", stopped.elapsed());
        assert!(to.when("a", |what| matches!(what, What::Refused(_))).is_empty());
        vec![a]
    });
}

#[test]
fn tables_of_a_killed_instance_are_taken_over_when_its_leases_run_out_and_not_before() {
    play(|source, to| {
        let config = source.config(blobs("killed"));
        let (a, b) = (Instance::start("a", &config, to), Instance::start("b", &config, to));
        to.wait("both have their half", SOON * 2, even);
        std::thread::sleep(Duration::from_secs(2));
        let killed = Instant::now();
        a.signal("-KILL");
        a.wait();
        to.wait("b has all", SOON, all_are("b"));
        let taken = claims_of(to, "b", killed);
        assert_eq!(taken.len(), TABLES / 2);
        for at in taken {
            let after = at - killed;
            // Renewed every 5 s, looked for every 1.25 s.
            assert!(after > LEASE - Duration::from_millis(5500), "{after:?}");
            assert!(after < LEASE + Duration::from_secs(3), "{after:?}");
        }
        vec![b]
    });
}

#[test]
fn an_instance_that_sleeps_past_its_leases_sends_nothing_under_them_when_it_wakes() {
    play(|source, to| {
        let config = source.config(blobs("asleep"));
        let (a, b) = (Instance::start("a", &config, to), Instance::start("b", &config, to));
        to.wait("both have their half", SOON * 2, even);
        a.signal("-STOP");
        to.wait("b has all", SOON, all_are("b"));
        // What it had in its pipe is taken by now.
        let woken = Instant::now();
        a.signal("-CONT");
        std::thread::sleep(Duration::from_secs(3));
        let under_old = |what: &What| match what {
            What::Envelope(table, epoch) => !to_claims(to).contains(&(table.clone(), *epoch, true)),
            _ => false,
        };
        let events = to.inner().events.clone();
        for event in events.iter().filter(|e| e.who == "a" && e.at > woken) {
            assert!(!under_old(&event.what), "{event:?}");
        }
        // Either it noticed that a lease is gone under changes that were on their way, and ended for
        // the host to start it again, or nothing was on its way and it goes on.
        let a = if a.has_ended() { Instance::start("a", &config, to) } else { a };
        to.wait("a has its half again", SOON * 2, even);
        vec![a, b]
    });
}

/// Tables and epochs, and whether that claim is the newest.
fn to_claims(to: &Destination) -> Vec<(String, u64, bool)> {
    let inner = to.inner();
    let claims: Vec<_> = inner
        .events
        .iter()
        .filter_map(|event| match &event.what {
            What::Claimed(table, epoch) => Some((table.clone(), *epoch)),
            _ => None,
        })
        .collect();
    let newest = |table: &String| claims.iter().filter(|(t, _)| t == table).map(|(_, e)| *e).max();
    claims.iter().map(|(t, e)| (t.clone(), *e, newest(t) == Some(*e))).collect()
}

#[test]
fn an_instance_that_cannot_renew_stops_reading_before_another_one_can_begin() {
    let proxy = Proxy::start(azurite().port());
    play(|source, to| {
        let mut cut_off = blobs("cut-off");
        let through = azurite().connection_string();
        let (start, _) = through.rsplit_once(':').unwrap();
        cut_off["connection_string"] = json!(format!("{start}:{}", proxy.port));
        let a = Instance::start("a", &source.config(cut_off), to);
        let b = Instance::start("b", &source.config(blobs("cut-off")), to);
        to.wait("both have their half", SOON * 2, even);
        std::thread::sleep(Duration::from_secs(2));
        let cut = Instant::now();
        proxy.cut.store(true, Ordering::SeqCst);
        to.wait("b has all", SOON, all_are("b"));
        let taken = claims_of(to, "b", cut);
        let read = to.when("a", |what| matches!(what, What::Envelope(..)));
        let last = *read.last().unwrap();
        assert!(last > cut + Duration::from_secs(4), "it goes on while its leases run");
        assert!(last < cut + LEASE - MARGIN + Duration::from_secs(1), "{:?}", last - cut);
        assert!(taken.iter().all(|at| *at > last), "both read");
        // Its end takes a moment: it would give back what it cannot.
        std::thread::sleep(Duration::from_secs(4));
        let a = if a.has_ended() {
            Instance::start("a", &source.config(blobs("cut-off")), to)
        } else {
            a
        };
        to.wait("a has its half again", SOON * 2, even);
        vec![a, b]
    });
}

#[test]
fn with_leases_and_an_output_that_keeps_nothing_the_offsets_table_has_to() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::new();
    source.db.write("INSERT dbo.t0 VALUES (1), (2)");
    let locks = json!({"type": "file", "folder": folder.path()});
    let only = |more: Value| {
        let mut config = source.config(locks.clone());
        config["tables"] = json!(["t0"]);
        config["snapshot"] = json!("initial");
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        config
    };
    let mut run = source.db.start(&only(json!({"checkpoint_store": "host"})), &BTreeMap::new());
    run.wait_until(|run| !run.claims.is_empty());
    run.claimed("dbo.t0", None);
    let error = run.fails();
    assert!(error.contains("config") && error.contains("checkpoint_store"), "{error}");
    // The first one reads the rows and a change, and is killed.
    let mut run = source.db.start(&only(json!({})), &BTreeMap::new());
    run.wait_until(|run| !run.claims.is_empty());
    run.claimed("dbo.t0", None);
    run.wait_until(|run| run.rows.len() == 2);
    source.db.write("INSERT dbo.t0 VALUES (3)");
    run.wait_until(|run| run.rows.len() == 3);
    source.wait_for_offset();
    std::thread::sleep(Duration::from_millis(300));
    run.host.kill();
    source.db.write("INSERT dbo.t0 VALUES (4)");
    // The second one's host knows nothing of it.
    let mut run = source.db.start(&only(json!({})), &BTreeMap::new());
    run.wait_until(|run| !run.claims.is_empty());
    run.claimed("dbo.t0", None);
    run.wait_until(|run| run.rows.last().is_some_and(|row| row["data"]["id"] == 4));
    assert!(run.rows.iter().all(|row| row["metadata"]["op"] == "insert"), "{:?}", run.rows);
    run.host.kill();
}

#[test]
fn rows_that_another_instance_has_read_by_half_are_read_again_behind_a_truncate() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::new();
    source.db.write(&format!("INSERT dbo.t0 SELECT value FROM {}", numbers(30_000)));
    let mut config = source.config(json!({"type": "file", "folder": folder.path()}));
    config["tables"] = json!(["t0"]);
    config["snapshot"] = json!("initial");
    config["max_batch_bytes"] = json!("64KiB");
    let start = |states: &BTreeMap<String, Value>| {
        let mut run = source.db.start(&config, states);
        run.wait_until(|run| !run.claims.is_empty());
        run.claimed("dbo.t0", states.get("dbo.t0"));
        run
    };
    let mut run = start(&BTreeMap::new());
    run.wait_until(|run| run.rows.len() > 1000);
    run.host.kill();
    let half = run.states.clone();
    assert!(half["dbo.t0"].get("snapshot").is_some(), "{half:?}");
    // The same one goes on: nobody was there in between.
    let mut run = start(&half);
    run.wait_until(|run| run.rows.len() > 100);
    assert_eq!(run.rows[0]["metadata"]["op"], "read");
    assert_ne!(run.rows[0]["data"]["id"], 1);
    run.host.kill();
    // Another one.
    let mut run = start(&BTreeMap::new());
    run.wait_until(|run| run.rows.len() > 30_000);
    assert_eq!(run.rows[0]["metadata"]["op"], "truncate");
    assert_eq!(run.rows[1]["data"]["id"], 1);
    source.wait_for_offset();
    run.host.kill();
    // And with what the first one's host knew, which is of no use any more.
    let mut run = start(&half);
    run.wait_until(|run| {
        !run.schemas.is_empty() || !run.rows.is_empty() || !run.progress.is_empty()
    });
    assert!(run.rows.iter().all(|row| row["metadata"]["op"] == "insert"), "{:?}", run.rows);
    run.host.kill();
}
