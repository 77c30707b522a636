//! What stands in the tables afterwards, mode by mode.

// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

dstream_sql_testkit::writing!(common::Db);

use common::Db;
use dstream_sql_testkit::{
    FakeHost, TestDatabase as _, Value, checkpoint, commit, error_of, finish, json, row, send,
    serde_json,
};

/// What is said of the next line, which is a rejected row.
fn rejected(host: &mut FakeHost) -> String {
    let line = host.json().unwrap();
    let message = line["@rejected"]["error"]["message"].as_str();
    message.unwrap_or_else(|| panic!("{line}")).to_owned()
}

#[test]
fn keys_that_the_server_would_not_tell_apart_are_refused() {
    let db = Db::new();
    let (mut host, _) = db.start(&json!({"mode": "upsert", "key": ["id"]}));
    let fields = json!([{"name": "id", "type": "string"}, {"name": "n", "type": "int32"}]);
    host.send_json(&json!({"@schema": {"stream": "s", "fields": fields}})).unwrap();
    for id in ["a", "a ", &"x".repeat(451), "b"] {
        row(&mut host, "insert", &json!({"id": id, "n": 1}), &json!({}));
    }
    checkpoint(&mut host, 1, &json!(1));
    let (blank, long) = (rejected(&mut host), rejected(&mut host));
    assert!(blank.contains("`a ` ends with a blank"), "{blank}");
    assert!(long.contains("has 451 characters, and the key takes 450"), "{long}");
    assert_eq!(host.json().unwrap()["@committed"]["written"], 2);
    finish(host);
    assert_eq!(db.column_type("s", "id"), "nvarchar(450)");
    // A table of somebody's that takes `a` for `A` would lose rows, but not those of a SQL Server.
    db.sql("CREATE TABLE t (id nvarchar(20) PRIMARY KEY, n int)");
    let config = json!({"mode": "upsert", "key": ["id"], "table": "t"});
    let (mut host, _) = db.start(&config);
    row(&mut host, "insert", &json!({"id": "a", "n": 1}), &json!({}));
    let error = commit(&mut host, 1).to_string();
    let words = "[t] ALTER COLUMN [id] nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL";
    assert!(error.contains(words), "{error}");
    let (mut host, _) = db.start(&config);
    let fields = json!([
        {"name": "id", "type": "string", "source_type": "nvarchar(20)"},
        {"name": "n", "type": "int32"}]);
    let schema = json!({"@schema": {"stream": "s", "system": "sqlserver", "fields": fields}});
    host.send_json(&schema).unwrap();
    row(&mut host, "insert", &json!({"id": "a", "n": 1}), &json!({}));
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 1);
}

#[test]
fn a_row_that_another_unique_index_refuses_changes_nobody_elses_row() {
    let db = Db::new();
    db.sql(
        "CREATE TABLE s (id int PRIMARY KEY, mail varchar(20) CONSTRAINT one_mail UNIQUE, n int)",
    );
    let (mut host, _) = db.start(&json!({"mode": "upsert", "key": ["id"]}));
    for id in 1..=20 {
        row(&mut host, "insert", &json!({"id": id, "mail": format!("m{id}"), "n": 0}), &json!({}));
    }
    row(&mut host, "insert", &json!({"id": 99, "mail": "m3", "n": 7}), &json!({}));
    row(&mut host, "update", &json!({"id": 4, "mail": "m5", "n": 7}), &json!({}));
    row(&mut host, "update", &json!({"id": 6, "mail": "m6", "n": 1}), &json!({}));
    checkpoint(&mut host, 1, &json!(1));
    for _ in 0..2 {
        let message = rejected(&mut host);
        assert!(message.contains("one_mail") && message.contains("error 2627"), "{message}");
    }
    assert_eq!(host.json().unwrap()["@committed"]["written"], 21);
    finish(host);
    let sql = "SELECT count(*), sum(n) FROM s WHERE mail = 'm' + CAST(id AS varchar(9))";
    assert_eq!(db.sql(sql), "20|1");
}

#[test]
fn values_and_rows_of_every_size_come_through() {
    let db = Db::new();
    let (mut host, _) = db.start(&json!({}));
    let fields = json!([
        {"name": "id", "type": "int32"}, {"name": "t", "type": "string"}, {"name": "b", "type": "bytes"}]);
    host.send_json(&json!({"@schema": {"stream": "s", "fields": fields}})).unwrap();
    // Where the driver changes how it sends a value, and where the packets and the server do.
    let sizes = [0, 1, 4000, 4001, 32_767, 32_768, 40_000, 300_000];
    for (id, size) in sizes.iter().enumerate() {
        let bytes = format!("{}AA==", "AAAA".repeat(size / 3));
        row(
            &mut host,
            "insert",
            &json!({"id": id, "t": "é".repeat(*size), "b": bytes}),
            &json!({}),
        );
    }
    let wide: serde_json::Map<String, Value> =
        (0..400).map(|at| (format!("c{at}"), json!("short"))).collect();
    send(&mut host, "wide", "insert", &Value::Object(wide), &json!({}));
    assert_eq!(commit(&mut host, 1)["@committed"], json!({"id": 1, "written": 9}));
    finish(host);
    let expected: Vec<_> = sizes
        .iter()
        .enumerate()
        .map(|(id, size)| format!("{id}|{size}|{}", size / 3 * 3 + 1))
        .collect();
    assert_eq!(db.sql("SELECT id, LEN(t), DATALENGTH(b) FROM s ORDER BY id"), expected.join("\n"));
    assert_eq!(db.sql("SELECT c0, c399 FROM wide"), "short|short");
}

#[test]
fn streams_that_the_database_does_not_tell_apart_are_not_mixed() {
    let db = Db::new();
    let (mut host, _) = db.start(&json!({}));
    send(&mut host, "Shop.Orders", "insert", &json!({"a": 1}), &json!({}));
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 1);
    send(&mut host, "shop.orders", "insert", &json!({"a": 1}), &json!({}));
    let error = error_of(&commit(&mut host, 2));
    assert!(error.contains("are one table here"), "{error}");
    // It has the name that the stream gave it.
    assert_eq!(db.tables()[3..], ["Shop.Orders"]);
}

#[test]
fn a_lock_that_another_session_holds_is_waited_for_and_then_tried_again() {
    let db = Db::new();
    db.sql("CREATE TABLE s (id int PRIMARY KEY); INSERT INTO s VALUES (1)");
    let config = json!({"mode": "upsert", "key": ["id"], "lock_timeout": "1s"});
    let (mut host, _) = db.start(&config);
    db.sql("BEGIN TRANSACTION; DELETE FROM s WHERE id = 1");
    row(&mut host, "delete", &json!({"id": 1}), &json!({}));
    let error = commit(&mut host, 1);
    assert_eq!(error["@error"]["kind"], "transient", "{error}");
    assert!(error.to_string().contains("error 1222"), "{error}");
    db.sql("ROLLBACK");
}

#[test]
fn a_deadlock_is_transient_on_the_simulator() {
    let db = Db::new();
    let Some(sim) = db.0.simulator("a deadlock at will") else { return };
    let (mut host, _) = db.start(&json!({}));
    sim.fail(1205, "insert into [dbo].[s]", 1);
    row(&mut host, "insert", &json!({"id": 1}), &json!({}));
    let error = commit(&mut host, 1);
    assert_eq!(error["@error"]["kind"], "transient", "{error}");
}

/// The rows before it are gone with the transaction: nothing is committed, and nothing rejected.
#[test]
fn a_row_that_ends_the_transaction_ends_the_run_on_the_simulator() {
    let db = Db::new();
    let Some(sim) = db.0.simulator("a conversion that ends the transaction at will") else {
        return;
    };
    db.sql("CREATE TABLE s (id int)");
    let (mut host, _) = db.start(&json!({}));
    sim.fail(241, "insert into [dbo].[s]", 1);
    row(&mut host, "insert", &json!({"id": 1}), &json!({}));
    let error = error_of(&commit(&mut host, 1));
    assert!(error.contains("given up the whole transaction because of a row"), "{error}");
    assert_eq!(db.sql("SELECT count(*) FROM s"), "0");
}
