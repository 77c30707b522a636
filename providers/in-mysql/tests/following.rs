//! The log: what each change becomes, and what a run does after it was stopped anywhere.

// Servers are started by programs of Unix.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;

use common::{Sent, config, database, on, read, server, start};
use dstream_servers::Mariadb;
use serde_json::{Value, json};

/// The states of a run that has seen nothing yet.
fn from_here(config: &Value) -> BTreeMap<String, Value> {
    let sent = read(config, &BTreeMap::new());
    assert!(sent.ended, "{:?}", sent.error);
    sent.states
}

#[test]
fn changes_come_as_what_they_were_with_keys_and_rows_before() {
    let db = database("changes");
    let server = server();
    server.sql(&db, "CREATE TABLE t (id int PRIMARY KEY, a varchar(10)); CREATE TABLE n (a int)");
    let config = config(&db, json!({}));
    let states = from_here(&config);
    server.sql(
        &db,
        "INSERT INTO t VALUES (1, 'a'), (2, NULL); UPDATE t SET a = 'b' WHERE id = 1; \
         UPDATE t SET id = 3 WHERE id = 2; DELETE FROM t WHERE id = 1; INSERT INTO n VALUES (7); \
         DELETE FROM n; TRUNCATE TABLE t",
    );
    let sent = read(&config, &states);
    let wanted = ["insert", "insert", "update", "update", "delete", "insert", "delete", "truncate"];
    assert_eq!(sent.ops(), wanted);
    let rows = &sent.rows;
    assert_eq!(rows[1]["data"], json!({"id": 2, "a": null}));
    assert_eq!((&rows[2]["before"]["a"], &rows[2]["data"]["a"]), (&json!("a"), &json!("b")));
    assert_eq!(rows[2]["metadata"].get("key"), None);
    assert_eq!(rows[3]["metadata"]["key"], json!({"id": 2}));
    assert_eq!(
        (&rows[4]["data"], &rows[4]["metadata"]["key"]),
        (&json!({"id": 1, "a": "b"}), &json!({"id": 1}))
    );
    assert_eq!(rows[6]["metadata"].get("key"), None);
    assert_eq!(
        (&rows[7]["data"], &rows[7]["metadata"]["stream"]),
        (&Value::Null, &json!(format!("{db}.t")))
    );
    let positions: Vec<_> =
        rows.iter().map(|r| r["metadata"]["position"].as_str().unwrap()).collect();
    assert!(positions.is_sorted(), "{positions:?}");
    assert!(rows.iter().all(|r| r["metadata"]["ts"].as_str().unwrap().starts_with("20")));
    assert_eq!(read(&config, &sent.states).rows.len(), 0, "nothing comes twice");
}

#[test]
fn a_change_of_columns_is_announced_before_the_first_row_that_has_it() {
    let db = database("ddl");
    let server = server();
    server.sql(&db, "CREATE TABLE t (id int PRIMARY KEY, a int, gone int)");
    let config = config(&db, json!({}));
    let states = from_here(&config);
    server.sql(
        &db,
        "INSERT INTO t VALUES (1, 1, 1); ALTER TABLE t ADD b decimal(5,2), DROP gone; \
         INSERT INTO t VALUES (2, 2, 2.5); ALTER TABLE t CHANGE a c bigint unsigned FIRST; \
         INSERT INTO t VALUES (18446744073709551615, 3, 3); CREATE TABLE u AS SELECT id FROM t",
    );
    let sent = read(&config, &states);
    assert!(sent.ended, "{:?}", sent.error);
    // A table that was made meanwhile is read whole first.
    let (u, t): (Vec<_>, Vec<_>) =
        sent.rows.iter().partition(|row| row["metadata"]["stream"] == format!("{db}.u"));
    assert!(u.len() == 3 && u.iter().all(|row| row["metadata"]["op"] == "read"), "{u:?}");
    let data: Vec<String> = t.iter().map(|row| row["data"].to_string()).collect();
    assert_eq!(data[0], r#"{"a":1,"gone":1,"id":1}"#);
    assert_eq!(data[1], r#"{"a":2,"b":"2.50","id":2}"#);
    assert_eq!(data[2], r#"{"b":"3.00","c":"18446744073709551615","id":3}"#);
    assert_eq!(data.len(), 3);
    let of_t = sent.schemas.iter().filter(|s| s["stream"] == format!("{db}.t"));
    let names: Vec<Vec<&str>> = of_t
        .map(|s| {
            s["fields"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect()
        })
        .collect();
    assert_eq!(names, [vec!["id", "a", "gone"], vec!["id", "a", "b"], vec!["c", "id", "b"]]);
    assert_eq!(sent.schemas[1]["key"], json!(["id"]));
    assert_eq!(sent.schemas[1]["system"], "mysql");
}

#[test]
fn checkpoints_stand_between_transactions_and_a_resumed_run_sends_exactly_the_rest() {
    let db = database("resume");
    let server = server();
    server.sql(&db, "CREATE TABLE t (id int PRIMARY KEY, tx int)");
    let mut config = config(&db, json!({}));
    let states = from_here(&config);
    // More than fits between two checkpoints, several times.
    let insert = |tx: u32| {
        let (from, to) = (tx * 250, tx * 250 + 249);
        format!("INSERT INTO t SELECT seq, {tx} FROM seq_{from}_to_{to}")
    };
    server.sql(&db, &(0..320).map(insert).collect::<Vec<_>>().join("; "));
    for by in ["gtid", "file"] {
        config["position"] = json!(by);
        let mut sent = Sent::default();
        let mut states = states.clone();
        // Killed again and again, each time a little later.
        let mut resumed = 0;
        for stop in (1000..80_000).step_by(9000) {
            let mut host = start(&config, &states);
            let mut part = Sent { states: states.clone(), ..Sent::default() };
            part.until(&mut host, |part| part.committed + sent.rows.len() >= stop);
            host.kill();
            states = part.states;
            part.rows.truncate(part.committed);
            let transactions = part.rows.chunk_by(|a, b| a["data"]["tx"] == b["data"]["tx"]);
            assert!(transactions.into_iter().all(|rows| rows.len() == 250), "whole ones");
            resumed += usize::from(!part.rows.is_empty());
            sent.rows.extend(part.rows);
        }
        assert!(resumed > 2, "killed {resumed} times in the middle");
        sent.rows.extend(read(&config, &states).rows);
        let ids: Vec<_> = sent.rows.iter().map(|r| r["data"]["id"].as_u64().unwrap()).collect();
        let wrong = ids.iter().zip(0..80_000).find(|(id, wanted)| *id != wanted);
        assert!(wrong.is_none() && ids.len() == 80_000, "{by}: {wrong:?} of {}", ids.len());
    }
}

/// A log without checksums, with compressed rows and statements, in several files.
#[test]
fn a_log_may_be_compressed_without_checksums_and_in_many_files() {
    let server = Mariadb::start(&[
        "--binlog-checksum=NONE",
        "--log-bin-compress=1",
        "--log-bin-compress-min-len=10",
    ]);
    server.create_database("d");
    server.sql("d", "CREATE TABLE t (id int PRIMARY KEY, text varchar(1000))");
    for by in ["gtid", "file"] {
        let config = on(&server, "d", json!({"position": by}));
        let states = from_here(&config);
        server.sql("d", "INSERT INTO t SELECT seq, REPEAT('x', 900) FROM seq_1_to_500");
        server.sql("", "FLUSH BINARY LOGS");
        server.sql("", "FLUSH BINARY LOGS");
        server.sql("d", "UPDATE t SET text = REPEAT('y', 900) WHERE id = 7");
        server.sql("d", "ALTER TABLE t ADD b int DEFAULT 5 COMMENT 'a statement of some length'");
        server.sql("d", "INSERT INTO t VALUES (1000, 'z', 6); TRUNCATE TABLE t");
        let sent = read(&config, &states);
        assert!(sent.ended, "{by}: {:?}", sent.error);
        assert_eq!(sent.rows.len(), 503, "{by}");
        assert_eq!(sent.rows[499]["data"], json!({"id": 500, "text": "x".repeat(900)}));
        assert_eq!(sent.rows[500]["data"]["text"], json!("y".repeat(900)));
        assert_eq!(sent.rows[501]["data"], json!({"id": 1000, "text": "z", "b": 6}));
        assert_eq!(sent.ops()[502], "truncate");
        let file = sent.states[""]["position"].as_str().unwrap().split(':').next().unwrap();
        let status = server.sql("", "SHOW MASTER STATUS");
        assert!(status.starts_with(file), "{by}: {file}, and the server is at {status}");
        server.sql("d", "ALTER TABLE t DROP b");
    }
}

/// Names of columns are the catalog's where the log has none.
#[test]
fn a_statement_that_changes_a_table_has_the_catalog_asked_again() {
    let server = Mariadb::start(&["--binlog-row-metadata=NO_LOG"]);
    server.create_database("d");
    server.sql("d", "CREATE TABLE t (id int PRIMARY KEY, a int)");
    let mut host = start(&on(&server, "d", json!({})), &BTreeMap::new());
    let mut sent = Sent::default();
    sent.until(&mut host, |sent| sent.states.contains_key(""));
    server.sql("d", "INSERT INTO t VALUES (1, 1)");
    sent.until(&mut host, |sent| sent.rows.len() == 1);
    server.sql("d", "ALTER TABLE t RENAME COLUMN a TO b");
    server.sql("d", "INSERT INTO t VALUES (2, 2)");
    sent.until(&mut host, |sent| sent.rows.len() == 2);
    assert_eq!(sent.data(), [&json!({"id": 1, "a": 1}), &json!({"id": 2, "b": 2})]);
    server.sql("d", "DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, c int)");
    server.sql("d", "INSERT INTO t VALUES (3, 3)");
    sent.until(&mut host, |sent| sent.rows.len() == 3);
    assert_eq!(sent.rows[2]["data"], json!({"id": 3, "c": 3}));
}

#[test]
fn an_idle_table_does_not_hold_the_place_back() {
    let db = database("idle");
    let server = server();
    server.sql(&db, "CREATE TABLE t (id int)");
    let other = database("idle_other");
    let config = config(&db, json!({}));
    let mut host = start(&config, &BTreeMap::new());
    let mut sent = Sent::default();
    sent.until(&mut host, |sent| !sent.states.is_empty());
    let before = sent.states[""].clone();
    server.sql(&other, "CREATE TABLE x (id int); INSERT INTO x VALUES (1)");
    sent.until(&mut host, |sent| sent.states[""] != before);
    sent.until(&mut host, |sent| sent.progress.iter().any(|p| p["position"]["lag_bytes"] == 0));
}

#[test]
fn a_transaction_of_any_size_goes_through_in_bounded_memory() {
    let db = database("large");
    let server = server();
    server.sql(&db, "CREATE TABLE t (id int PRIMARY KEY, text varchar(1000))");
    let config = config(&db, json!({}));
    let states = from_here(&config);
    // About 200 MB in the log, in one transaction.
    server.sql(&db, "INSERT INTO t SELECT seq, REPEAT('x', 900) FROM seq_1_to_200000");
    let mut host = start(&config, &states);
    let (mut rows, mut peak) = (0, 0);
    while rows < 200_000 {
        let line = host.line().unwrap().expect("it goes on");
        rows += usize::from(line.starts_with("{\"data\""));
        assert!(rows == 0 || rows == 200_000 || !line.starts_with("{\"@checkpoint\""), "whole");
        if rows % 50_000 == 1 {
            let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid())).unwrap();
            let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
            peak = line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap();
        }
    }
    assert!(peak < 64 << 10, "{peak} KiB");
}
