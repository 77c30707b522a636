//! What stands in the tables afterwards, mode by mode.

// Servers are started by programs of Unix.
#![cfg(unix)]
// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::Db;
use dstream_sql_testkit::{
    TestDatabase as _, Value, checkpoint, commit, finish, json, row, send, serde_json,
};

dstream_sql_testkit::writing!(Db);

#[test]
fn keys_that_differ_in_case_or_in_blanks_are_different_rows() {
    let db = Db::new();
    let (mut host, _) = db.start(&json!({"mode": "upsert", "key": ["id"]}));
    let fields = json!([{"name": "id", "type": "string"}, {"name": "n", "type": "int32"}]);
    host.send_json(&json!({"@schema": {"stream": "s", "fields": fields}})).unwrap();
    for (n, id) in ["a", "A", "a ", "á", "a"].iter().enumerate() {
        row(&mut host, "insert", &json!({"id": id, "n": n}), &json!({}));
    }
    row(&mut host, "delete", &json!({"id": "A"}), &json!({}));
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 6);
    finish(host);
    assert_eq!(db.sql("SELECT concat('<', id, '>'), n FROM s ORDER BY n"), "<a >|2\n<á>|3\n<a>|4");
    // A table of somebody's that does not tell them apart would lose rows.
    db.sql("CREATE TABLE t (id varchar(20) PRIMARY KEY, n int)");
    let (mut host, _) = db.start(&json!({"mode": "upsert", "key": ["id"], "table": "t"}));
    row(&mut host, "insert", &json!({"id": "a", "n": 1}), &json!({}));
    let error = commit(&mut host, 1);
    let words = "`t` MODIFY `id` varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin";
    assert!(error.to_string().contains(words), "{error}");
}

/// `ON DUPLICATE KEY UPDATE` alone would change the row that is in the way.
#[test]
fn a_row_that_another_unique_index_refuses_changes_nobody_elses_row() {
    let db = Db::new();
    db.sql("CREATE TABLE s (id int PRIMARY KEY, mail varchar(20) UNIQUE, n int)");
    let (mut host, _) = db.start(&json!({"mode": "upsert", "key": ["id"]}));
    for id in 1..=20 {
        row(&mut host, "insert", &json!({"id": id, "mail": format!("m{id}"), "n": 0}), &json!({}));
    }
    row(&mut host, "insert", &json!({"id": 99, "mail": "m3", "n": 7}), &json!({}));
    row(&mut host, "update", &json!({"id": 4, "mail": "m5", "n": 7}), &json!({}));
    row(&mut host, "update", &json!({"id": 6, "mail": "m6", "n": 1}), &json!({}));
    checkpoint(&mut host, 1, &json!(1));
    for key in ["mail", "mail"] {
        let line = host.json().unwrap();
        let message = line["@rejected"]["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("Duplicate entry") && message.contains(key), "{line}");
    }
    assert_eq!(host.json().unwrap()["@committed"]["written"], 21);
    finish(host);
    let sql = "SELECT count(*), sum(n), sum(mail = concat('m', id)) FROM s";
    assert_eq!(db.sql(sql), "20|1|20");
}

#[test]
fn a_row_with_hundreds_of_texts_and_one_that_is_too_large_for_a_statement() {
    let db = Db::new();
    let (mut host, _) = db.start(&json!({}));
    let wide: serde_json::Map<String, Value> =
        (0..400).map(|at| (format!("c{at}"), json!("short"))).collect();
    row(&mut host, "insert", &Value::Object(wide), &json!({}));
    // Each of these takes two in a statement.
    let huge = "'".repeat(9 << 20);
    row(&mut host, "insert", &json!({ "c0": huge }), &json!({}));
    row(&mut host, "insert", &json!({"c0": "after"}), &json!({}));
    checkpoint(&mut host, 1, &json!(1));
    let line = host.json().unwrap();
    let message = line["@rejected"]["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("max_allowed_packet"), "{message}");
    assert_eq!(host.json().unwrap()["@committed"]["written"], 2);
    finish(host);
    assert_eq!(db.sql("SELECT c0 FROM s ORDER BY c0"), "after\nshort");
}

#[test]
fn streams_that_a_server_does_not_tell_apart_are_not_mixed() {
    let server = dstream_servers::Mariadb::start(&["--lower-case-table-names=1"]);
    let url = server.create_database("shop");
    let db = Db { name: "Shop".into() };
    let config = json!({ "url": url });
    let line = |stream: &str| json!({"data": {"a": 1}, "metadata": {"stream": stream}});
    let (mut host, _) = db.start(&config);
    host.send_json(&line("Shop.Orders")).unwrap();
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 1);
    host.send_json(&line("orders")).unwrap();
    host.send_json(&line("ORDERS")).unwrap();
    let error = commit(&mut host, 2);
    assert!(error.to_string().contains("are one table here"), "{error}");
    assert_eq!(server.sql("shop", "SHOW TABLES; SELECT count(*) FROM orders"), "orders\n1");
}

/// The catalog may give the columns of the one for those of the other.
#[test]
fn tables_whose_names_differ_in_case_are_two_where_the_server_tells_them_apart() {
    let db = Db::new();
    if db.sql("SELECT @@lower_case_table_names") != "0" {
        return;
    }
    db.sql("CREATE TABLE Orders (id int PRIMARY KEY, x int)");
    let (mut host, _) = db.start(&json!({"mode": "upsert", "key": ["id"]}));
    send(&mut host, "orders", "insert", &json!({"id": 1, "y": 2}), &json!({}));
    send(&mut host, "Orders", "insert", &json!({"id": 3, "x": 4}), &json!({}));
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 2);
    finish(host);
    assert_eq!(db.sql("SELECT id, y FROM orders"), "1|2");
    assert_eq!(db.sql("SELECT id, x FROM Orders"), "3|4");
}
