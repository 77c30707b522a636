//! What can be wrong with a server, each with what to do about it.

// Servers are started by programs of Unix.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;

use common::{Sent, config, database, on, read, server, start};
use dstream_servers::Mariadb;
use serde_json::json;

fn message(sent: &Sent) -> String {
    sent.error
        .as_ref()
        .map(|e| e["message"].as_str().unwrap_or_default().to_owned())
        .unwrap_or_default()
}

#[test]
fn a_server_whose_log_cannot_be_followed_is_refused_with_the_remedy() {
    for (options, wanted) in [
        (&["--skip-log-bin"][..], "log_bin = binlog"),
        (&["--binlog-format=MIXED"], "SET GLOBAL binlog_format = 'ROW'"),
        (&["--binlog-row-image=MINIMAL"], "SET GLOBAL binlog_row_image = 'FULL'"),
    ] {
        let server = Mariadb::start(options);
        server.create_database("d");
        server.sql("d", "CREATE TABLE t (id int)");
        let sent = read(&on(&server, "d", json!({})), &BTreeMap::new());
        assert!(message(&sent).contains(wanted), "{options:?}: {:?}", sent.error);
    }
}

#[test]
fn a_log_that_was_removed_is_told_and_when_needed_begins_anew() {
    let server = Mariadb::start(&[]);
    server.create_database("d");
    server.sql("d", "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
    for by in ["gtid", "file"] {
        let config = on(&server, "d", json!({"position": by}));
        let first = read(&config, &BTreeMap::new());
        assert_eq!(first.rows.len(), 1, "{:?}", first.error);
        server.sql("d", "INSERT INTO t VALUES (2); FLUSH BINARY LOGS; INSERT INTO t VALUES (3)");
        let last = server.sql("", "SHOW MASTER STATUS").split('\t').next().unwrap().to_owned();
        // A stream of the run before may still hold on to the old file.
        let gone = || {
            server.sql("", &format!("PURGE BINARY LOGS TO '{last}'"));
            server.sql("", "SHOW BINARY LOGS").lines().count() == 1
        };
        while !gone() {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let sent = read(&config, &first.states);
        assert!(message(&sent).contains("snapshot = \"when_needed\""), "{:?}", sent.error);
        let again = on(&server, "d", json!({"position": by, "snapshot": "when_needed"}));
        let sent = read(&again, &first.states);
        assert_eq!(sent.ops(), ["read", "read", "read"], "{:?}", sent.error);
        server.sql("d", "DELETE FROM t WHERE id > 1");
    }
}

#[test]
fn a_missing_permission_is_told_with_the_grant() {
    let db = database("grants");
    let server = server();
    server.sql(&db, "CREATE TABLE t (id int PRIMARY KEY)");
    server.sql(&db, &format!("CREATE USER ann IDENTIFIED BY 'p'; GRANT SELECT ON `{db}`.* TO ann"));
    let config = config(&db, json!({"user": "ann", "password": "p"}));
    let sent = read(&config, &BTreeMap::new());
    assert!(message(&sent).contains("GRANT REPLICATION SLAVE, BINLOG MONITOR"), "{:?}", sent.error);
    assert_eq!(sent.error.unwrap()["kind"], "auth");
    server.sql("", "GRANT BINLOG MONITOR ON *.* TO ann");
    let sent = read(&config, &BTreeMap::new());
    assert!(message(&sent).contains("REPLICATION SLAVE"), "{:?}", sent.error);
    server.sql("", "GRANT REPLICATION SLAVE ON *.* TO ann");
    let sent = read(&config, &BTreeMap::new());
    assert!(sent.ended, "these grants are enough: {:?}", sent.error);
    let mut wrong = config.clone();
    wrong["password"] = json!("no");
    assert_eq!(read(&wrong, &BTreeMap::new()).error.unwrap()["kind"], "auth");
    let mut wrong = config;
    wrong["tables"] = json!([format!("{db}.nothing")]);
    let sent = read(&wrong, &BTreeMap::new());
    assert!(message(&sent).contains("there is no table"), "{:?}", sent.error);
}

#[test]
fn changes_that_are_not_rows_end_the_run_and_do_not_get_lost() {
    let db = database("statements");
    let server = server();
    server.sql(&db, "CREATE TABLE t (id int PRIMARY KEY, a int, b int)");
    let config = config(&db, json!({}));
    let states = read(&config, &BTreeMap::new()).states;
    server.sql(&db, "SET binlog_format = 'STATEMENT'; INSERT INTO t VALUES (1, 1, 1)");
    let sent = read(&config, &states);
    assert!(message(&sent).contains("binlog_format=STATEMENT"), "{:?}", sent.error);
    let states = read(&config, &BTreeMap::new()).states;
    server.sql(&db, "SET binlog_row_image = 'MINIMAL'; UPDATE t SET a = 2");
    let sent = read(&config, &states);
    assert!(message(&sent).contains("binlog_row_image"), "{:?}", sent.error);
    assert!(sent.rows.is_empty());
}

#[test]
fn a_transaction_that_is_prepared_and_not_yet_decided_ends_the_run() {
    let db = database("prepared");
    let server = server();
    server.sql(&db, "CREATE TABLE t (id int PRIMARY KEY)");
    let config = config(&db, json!({}));
    let states = read(&config, &BTreeMap::new()).states;
    server.sql(&db, "XA START 'x'; INSERT INTO t VALUES (1); XA END 'x'; XA PREPARE 'x'");
    let sent = read(&config, &states);
    assert!(message(&sent).contains("XA PREPARE"), "{:?}", sent.error);
    let kept = sent.states.get("").or(states.get("")).unwrap();
    assert_eq!(kept["gtid"], states[""]["gtid"], "the next run must see it too");
    server.sql(&db, "XA ROLLBACK 'x'");
}

#[test]
fn a_server_that_was_killed_is_a_reason_to_try_again() {
    let mut server = Mariadb::start(&[]);
    server.create_database("d");
    server.sql("d", "CREATE TABLE t (id int PRIMARY KEY)");
    let config = on(&server, "d", json!({}));
    let mut host = start(&config, &BTreeMap::new());
    let mut sent = Sent::default();
    sent.until(&mut host, |sent| !sent.states.is_empty());
    server.kill();
    sent.rest(&mut host);
    assert_eq!(sent.error.as_ref().unwrap()["kind"], "transient", "{:?}", sent.error);
    server.restart(&[]);
    server.sql("d", "INSERT INTO t VALUES (1)");
    let states = std::mem::take(&mut sent.states);
    assert_eq!(read(&config, &states).data(), [&json!({"id": 1})]);
}
