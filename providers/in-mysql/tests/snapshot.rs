//! The snapshot and what follows: killed anywhere, an append-only log of what was committed has no
//! gap and no overlap.

// Servers are started by programs of Unix.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Replay, Sent, config, database, read, server, start};
use serde_json::{Value, json};

/// Kills the input again and again while rows change; what was committed is the source's table.
fn torture(
    db: &str,
    tables: &[&str],
    key: &str,
    more: Value,
    changes: &(dyn Fn(u32) -> String + Sync),
) {
    let config = config(db, more);
    let stop = AtomicBool::new(false);
    let (mut log, mut states) = (Vec::new(), BTreeMap::new());
    let mut kills = BTreeSet::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                server().sql(db, &changes(n));
                n += 1;
            }
        });
        for round in 0..12_u64 {
            let mut host = start(&config, &states);
            let mut part = Sent { states: states.clone(), ..Sent::default() };
            let wanted = usize::try_from(300 + round * 531 % 4000).unwrap();
            part.until(&mut host, |part| part.rows.len() >= wanted && part.committed > 0);
            host.kill();
            part.rows.truncate(part.committed);
            kills.insert(part.states.values().all(|s| s.get("lanes").is_none()));
            log.extend(part.rows);
            states = part.states;
        }
        stop.store(true, Ordering::Relaxed);
    });
    let last = read(&config, &states);
    assert!(last.ended, "{:?}", last.error);
    log.extend(last.rows);
    assert!(kills.contains(&false), "killed in the snapshot");
    let mut replay = Replay::default();
    replay.apply(key, &log);
    for table in tables {
        let count = server().sql(db, &format!("SELECT COUNT(*) FROM `{table}`"));
        let stream = format!("{db}.{table}");
        let rows = replay.rows(&stream);
        assert_eq!(rows.len().to_string(), count, "{stream}");
        let sum = server().sql(db, &format!("SELECT COALESCE(SUM(n), 0) FROM `{table}`"));
        let ours: i64 = rows.iter().map(|row| row["n"].as_i64().unwrap()).sum();
        assert_eq!(ours.to_string(), sum, "{stream}");
    }
}

#[test]
fn killed_in_the_snapshot_and_in_the_log_nothing_is_lost_or_doubled() {
    let db = database("kills");
    for table in ["a", "b"] {
        server().sql(&db, &format!("CREATE TABLE {table} (id int PRIMARY KEY, n int)"));
        server().sql(&db, &format!("INSERT INTO {table} SELECT seq * 3, 0 FROM seq_1_to_8000"));
    }
    torture(&db, &["a", "b"], "id", json!({"snapshot_parallelism": 2}), &|n| {
        let table = if n % 3 == 0 { "b" } else { "a" };
        let (at, new) = (n * 7919 % 24_000, n * 3 + 1_000_001);
        format!(
            "BEGIN; INSERT INTO {table} VALUES ({new}, {n}); UPDATE {table} SET n = n + 1 WHERE id \
             BETWEEN {at} AND {at} + 30; UPDATE IGNORE {table} SET id = 48000 - id + 1 WHERE id \
             BETWEEN {at} AND {at} + 9; DELETE FROM {table} WHERE id = {at} + 12; COMMIT"
        )
    });
}

#[test]
fn texts_as_keys_are_ordered_as_both_sides_understand_it() {
    let db = database("texts");
    server().sql(
        &db,
        "CREATE TABLE t (k varchar(40) PRIMARY KEY, n int); INSERT INTO t SELECT CONCAT(CASE seq % 4 \
         WHEN 0 THEN 'é' WHEN 1 THEN 'Z' WHEN 2 THEN 'a' ELSE '😀' END, seq), 0 FROM seq_1_to_30000",
    );
    torture(&db, &["t"], "k", json!({"snapshot_parallelism": 1}), &|n| {
        let at = n * 131 % 8000;
        format!(
            "INSERT INTO t VALUES ('new{n}', 1); UPDATE t SET n = n + 1 WHERE k IN ('é{at}', 'Z{at}', \
             'a{at}', '😀{at}'); DELETE FROM t WHERE k LIKE 'a{at}1%'"
        )
    });
}

#[test]
fn both_ways_of_holding_the_server_still_give_an_exact_snapshot() {
    for lock in ["global", "tables"] {
        let db = database(&format!("locks_{lock}"));
        server().sql(&db, "CREATE TABLE t (id int PRIMARY KEY, n int)");
        server().sql(&db, "INSERT INTO t SELECT seq, 0 FROM seq_1_to_30000");
        torture(&db, &["t"], "id", json!({"snapshot_lock": lock}), &|n| {
            format!(
                "UPDATE t SET n = n + 1 WHERE id = {}; INSERT INTO t VALUES ({n} + 40000, 1)",
                n * 61 % 8000 + 1
            )
        });
    }
}

#[test]
fn a_table_without_a_key_is_read_again_from_its_beginning() {
    let db = database("keyless");
    server().sql(&db, "CREATE TABLE t (id int, n int)");
    server().sql(&db, "INSERT INTO t SELECT seq, 0 FROM seq_1_to_20000");
    let config = config(&db, json!({}));
    let mut host = start(&config, &BTreeMap::new());
    let mut part = Sent::default();
    part.until(&mut host, |part| part.rows.len() > 3000);
    host.kill();
    assert_eq!(part.committed, 0, "half of it is no place to go on from");
    let sent = read(&config, &part.states);
    assert_eq!(sent.rows.len(), 20_000);
}

#[test]
fn without_a_snapshot_only_what_comes_is_read() {
    let db = database("never");
    server().sql(&db, "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1)");
    let config = config(&db, json!({"snapshot": "never"}));
    let first = read(&config, &BTreeMap::new());
    assert_eq!(first.rows.len(), 0);
    server().sql(&db, "INSERT INTO t VALUES (2, 2)");
    assert_eq!(read(&config, &first.states).data(), [&json!({"id": 2, "n": 2})]);
}
