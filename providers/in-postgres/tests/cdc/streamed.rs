//! Transactions that are larger than what the server keeps in memory, sent before their commit.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dstream_testkit::serde_json::{Value, json};

use crate::kills::Numbers;
use crate::session::Session;
use crate::support::{Db, Run};

/// Waits until the server says that it has streamed.
fn streamed(db: &Db, slot: &str) {
    let sql =
        format!("SELECT stream_txns > 0 FROM pg_stat_replication_slots WHERE slot_name = '{slot}'");
    let deadline = Instant::now() + Duration::from_secs(30);
    while db.sql(&sql) != "t" {
        assert!(Instant::now() < deadline, "the server streams nothing");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Fills one of the tables: about 100 KB.
fn some(session: &mut Session, table: usize, from: u64) {
    session.run(&format!(
        "INSERT INTO t{table} (id, v) SELECT {from} + n, repeat('x', 200) FROM generate_series(0, 499) n"
    ));
}

#[test]
fn transactions_come_the_same_whether_they_are_streamed_or_not() {
    let db = Db::new("streamed_same");
    for table in 0..3 {
        db.sql(&format!("CREATE TABLE t{table} (id int8 PRIMARY KEY, v text)"));
    }
    let config = |slot: &str, streaming: bool| {
        let more = json!({
            "publication": "same", "slot": slot, "streaming": streaming, "create": true,
        });
        db.config(&["t0", "t1", "t2"], more)
    };
    let (off, on) = (config("same_off", false), config("same_on", true));
    let (first_off, first_on) = (db.read(&off, &BTreeMap::new()), db.read(&on, &BTreeMap::new()));
    let following = {
        let mut config = on.clone();
        config["until"] = json!("stopped");
        config
    };
    let mut streaming = again(&db, &following, &first_on.states);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            disturb(&db, "same_on");
            db.sql("INSERT INTO t0 VALUES (-1, 'the last')");
        });
        streaming.wait_until(|run| run.rows.last().is_some_and(|row| row["data"]["id"] == -1));
    });
    streamed(&db, "same_on");
    let whole = db.read(&off, &first_off.states);
    assert!(whole.rows.len() > 10_000, "{}", whole.rows.len());
    let different = whole.rows.iter().zip(&streaming.rows).find(|(a, b)| a != b);
    assert!(different.is_none(), "{different:?}");
    assert_eq!(whole.rows.len(), streaming.rows.len());
    assert_eq!(whole.schemas, streaming.schemas);
    streaming.host.kill();
}

/// Waits until what was written is sent, whether it is committed or not.
fn sent(db: &Db, slot: &str) {
    let end = db.sql("SELECT pg_current_wal_insert_lsn()");
    // A commit brings what stands before it in the log to the disk; the server sends from there.
    db.sql("CREATE TABLE IF NOT EXISTS other (n int); INSERT INTO other VALUES (1)");
    let sql = format!(
        "SELECT r.sent_lsn >= '{end}' FROM pg_stat_replication r JOIN pg_replication_slots s ON s.active_pid = r.pid WHERE slot_name = '{slot}'"
    );
    let deadline = Instant::now() + Duration::from_secs(30);
    while db.sql(&sql) != "t" {
        assert!(Instant::now() < deadline, "it is not sent");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Three sessions that write, take back, change their tables, by turns.
fn disturb(db: &Db, slot: &str) {
    let mut numbers = Numbers(11);
    let mut sessions: Vec<Session> = (0..3).map(|_| Session::new(db)).collect();
    let (mut depth, mut id, mut columns) = ([0; 3], 0, 0);
    for session in &mut sessions {
        session.run("BEGIN");
    }
    let mut taken_back = 0;
    for _ in 0..240 {
        let at = usize::try_from(numbers.below(3)).unwrap();
        let session = &mut sessions[at];
        match numbers.below(12) {
            0..=5 => {
                some(session, at, id);
                id += 500;
            }
            6 | 7 => {
                depth[at] += 1;
                session.run(&format!("SAVEPOINT s{}", depth[at]));
            }
            8 if depth[at] > 0 => {
                some(session, at, id);
                id += 500;
                // The server leaves out by itself what it knows to be rolled back.
                sent(db, slot);
                taken_back += 1;
                session.run(&format!("ROLLBACK TO s{}", depth[at]));
                depth[at] -= 1;
            }
            9 if depth[at] > 0 => {
                session.run(&format!("RELEASE s{}", depth[at]));
                depth[at] -= 1;
            }
            10 => {
                columns += 1;
                session.run(&format!(
                    "ALTER TABLE t{at} ADD COLUMN c{columns} int DEFAULT {columns}; UPDATE t{at} SET v = 'y' WHERE id % 7 = 0"
                ));
            }
            11 => {
                sent(db, slot);
                let end = if numbers.below(3) == 0 { "ROLLBACK" } else { "COMMIT" };
                session.run(&format!("{end}; BEGIN"));
                depth[at] = 0;
            }
            _ => session.run(&format!("DELETE FROM t{at} WHERE id % 11 = 3")),
        }
    }
    sessions.iter_mut().for_each(|session| session.run("COMMIT"));
    assert!(taken_back > 3, "{taken_back}");
}

#[test]
fn nothing_of_a_transaction_is_handed_on_before_its_commit_and_others_do_not_wait() {
    let db = Db::new("streamed_open");
    db.sql("CREATE TABLE t0 (id int8 PRIMARY KEY, v text); CREATE TABLE u (id int PRIMARY KEY)");
    let folder = std::env::temp_dir().join(format!("streamed-open-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let more = json!({"streaming": true, "until": "stopped", "spool_folder": folder});
    let config = db.config(&["t0", "u"], more);
    let mut run = db.run(&config);
    run.wait_until(|run| run.states.contains_key(""));
    let mut session = Session::new(&db);
    session.run("BEGIN");
    (0..20).for_each(|n| some(&mut session, 0, n * 500));
    db.sql("INSERT INTO u VALUES (1)");
    run.wait_until(|run| !run.rows.is_empty());
    streamed(&db, "dstream_streamed_open_input");
    // Killed while it is open: nothing is left, and the next run has all of it.
    run.host.kill();
    assert_eq!(run.changes(), [json!(["insert", {"id": 1}])]);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    let mut run = again(&db, &config, &run.states);
    (20..40).for_each(|n| some(&mut session, 0, n * 500));
    db.sql("INSERT INTO u VALUES (2)");
    run.wait_until(|run| !run.rows.is_empty());
    assert_eq!(run.changes(), [json!(["insert", {"id": 2}])]);
    session.run("COMMIT");
    // And once more while it is handed on: a checkpoint does not stand in the middle of it.
    run.wait_for(5_000);
    run.host.kill();
    assert_eq!(run.rows.len(), 1);
    let mut run = again(&db, &config, &run.states);
    run.wait_until(|run| run.rows.len() >= 20_000);
    let ids: Vec<i64> = run.rows.iter().map(|row| row["data"]["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, (0..20_000).collect::<Vec<_>>());
    run.host.kill();
    std::fs::remove_dir(&folder).unwrap();
}

#[test]
fn what_others_said_of_a_table_meanwhile_holds_behind_a_streamed_transaction() {
    let db = Db::new("streamed_columns");
    db.sql("CREATE TABLE t0 (id int8 PRIMARY KEY, v text, w int)");
    db.sql("CREATE PUBLICATION narrow FOR TABLE t0");
    let more = json!({"publication": "narrow", "until": "stopped", "snapshot": "never"});
    let mut run = db.run(&db.config(&["t0"], more));
    run.wait_until(|run| run.states.contains_key(""));
    // Rows so large that with one of the numbers all are sent before the commit: there is none then
    // that would have to be described again.
    db.sql("ALTER TABLE t0 ALTER v SET STORAGE PLAIN");
    let mut expected = 0;
    for count in 8..18 {
        db.sql("ALTER PUBLICATION narrow SET TABLE t0");
        db.sql(&format!("INSERT INTO t0 VALUES ({count}000, 'wide', 0)"));
        let mut session = Session::new(&db);
        session.run("BEGIN");
        session.run(&format!(
            "INSERT INTO t0 SELECT {count}001 + n, repeat('x', 8000), 0 FROM generate_series(1, {count}) n"
        ));
        sent(&db, "dstream_streamed_columns_input");
        // Columns of a publication change under no lock that a writer would notice.
        db.sql("ALTER PUBLICATION narrow SET TABLE t0 (id, w)");
        db.sql(&format!("INSERT INTO t0 VALUES (-{count}, 'not published', 1)"));
        session.run("COMMIT");
        db.sql(&format!("INSERT INTO t0 VALUES (-{count}00, 'not published', 2)"));
        expected += count + 3;
        run.wait_until(|run| run.rows.len() == expected);
        let [.., last] = run.rows.as_slice() else { panic!("there are rows") };
        assert_eq!(last["data"], json!({"id": -i64::try_from(count).unwrap() * 100, "w": 2}));
    }
    streamed(&db, "dstream_streamed_columns_input");
    run.host.kill();
}

/// A run, once the server has let go of the slot.
fn again(db: &Db, config: &Value, states: &BTreeMap<String, Value>) -> Run {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let mut run = db.resume(config, states);
        while run.take() && run.error.is_none() {
            if db.sql("SELECT count(*) FROM pg_replication_slots WHERE active AND database = current_database()") == "1" {
                return run;
            }
        }
        assert!(Instant::now() < deadline, "{:?}", run.error);
    }
}

#[test]
fn a_streamed_transaction_of_any_size_takes_little_memory() {
    let db = Db::new("streamed_memory");
    db.sql("CREATE TABLE t (id int PRIMARY KEY, v text)");
    let config = db.config(&["t"], json!({"streaming": true}));
    let mut states = db.read(&config, &Default::default()).states;
    // Aborted savepoints with many of their own in them, and then what counts.
    db.sql("BEGIN; INSERT INTO t SELECT n, repeat('x', 500) FROM generate_series(1, 10000) n; SAVEPOINT a; INSERT INTO t SELECT -n, repeat('x', 500) FROM generate_series(1, 50000) n; ROLLBACK TO a; INSERT INTO t SELECT n, repeat('x', 500) FROM generate_series(10001, 300000) n; COMMIT");
    let mut run = db.resume(&config, &states);
    let mut rows = 0;
    while run.take() {
        // Not kept: the memory of the test is not what is measured.
        rows += run.open.len() + run.rows.len();
        run.open.clear();
        run.rows.clear();
        if rows == 299_999 {
            let kib = crate::support::peak_kib(run.host.pid());
            println!("peak {kib} KiB");
            assert!(kib < 64 << 10, "{kib} KiB");
        }
        states.clone_from(&run.states);
    }
    assert_eq!(rows, 300_000);
    streamed(&db, "dstream_streamed_memory_input");
}
