//! What stands in the tables afterwards, mode by mode.

// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Database, checkpoint, commit, finish, row};
use dstream_testkit::FakeHost;
use dstream_testkit::serde_json::{self, Value, json};

/// Sends the schema of `s`, with key `id` and the columns a and b.
fn schema(host: &mut FakeHost) {
    let line = json!({"@schema": {"stream": "s", "key": ["id"], "fields": [
        {"name": "id", "type": "int64", "nullable": false},
        {"name": "a", "type": "string"}, {"name": "b", "type": "string"}]}});
    host.send_json(&line).unwrap();
}

fn none() -> Value {
    json!({})
}

#[test]
fn rows_are_appended_few_and_many() {
    let db = Database::new();
    let (mut host, _) = db.start(&none());
    schema(&mut host);
    let odd = "tab\t, back\\slash, new\nline, \u{7f}, é, \\N, \"quote\"";
    row(&mut host, "insert", &json!({"id": 0, "a": odd, "b": null}), &none());
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 1);
    for id in 1..=1000 {
        row(&mut host, "read", &json!({"id": id, "a": odd, "b": "\\N"}), &none());
    }
    assert_eq!(commit(&mut host, 2)["@committed"]["written"], 1000);
    finish(host);
    assert_eq!(
        db.sql("SELECT count(*), count(DISTINCT a), count(b), min(b) FROM s"),
        "1001|1|1000|\\\\N"
    );
    let hex: String = odd.bytes().map(|b| format!("{b:02X}")).collect();
    assert_eq!(db.sql(&format!("SELECT count(*) FROM s WHERE HEX(a) = '{hex}'")), "1001");
}

#[test]
fn updates_follow_a_changed_key_and_leave_unsent_columns_alone() {
    let db = Database::new();
    let config = json!({"mode": "upsert", "key": ["id"]});
    let (mut host, _) = db.start(&config);
    row(&mut host, "insert", &json!({"id": 1, "a": "x", "b": "big"}), &none());
    commit(&mut host, 1);
    let unchanged = json!({"unchanged": ["b"]});
    row(&mut host, "update", &json!({"id": 1, "a": "y"}), &unchanged);
    commit(&mut host, 2);
    assert_eq!(db.sql("SELECT id, a, b FROM s"), "1|y|big");
    let moved = json!({"unchanged": ["b"], "key": {"id": 1}});
    row(&mut host, "update", &json!({"id": 2, "a": "z"}), &moved);
    row(&mut host, "insert", &json!({"id": 3, "a": "c", "b": null}), &none());
    row(&mut host, "delete", &json!({"id": 3}), &json!({"key": {"id": 3}}));
    row(&mut host, "insert", &json!({"id": 4, "a": "late", "c": {"new": true}}), &none());
    row(&mut host, "update", &json!({"id": 5, "a": "not there"}), &unchanged);
    assert_eq!(commit(&mut host, 3)["@committed"]["written"], 5);
    let all = db.sql("SELECT id, a, b, c FROM s ORDER BY id");
    assert_eq!(all, "2|z|big|NULL\n4|late|NULL|{\"new\":true}\n5|not there|NULL|NULL");
    row(&mut host, "truncate", &json!({}), &none());
    row(&mut host, "insert", &json!({"id": 9, "a": "after"}), &none());
    commit(&mut host, 4);
    finish(host);
    assert_eq!(db.sql("SELECT id, a FROM s"), "9|after");
}

#[test]
fn a_soft_delete_keeps_the_row_and_says_since_when_it_is_gone() {
    let db = Database::new();
    let config = json!({"mode": "upsert", "delete": "soft"});
    let (mut host, _) = db.start(&config);
    schema(&mut host);
    for id in 1..=4 {
        row(&mut host, "insert", &json!({"id": id, "a": "x"}), &none());
    }
    commit(&mut host, 1);
    let at = json!({"ts": "2026-03-01T12:00:00Z", "key": {"id": 1}});
    row(&mut host, "delete", &json!({"id": 1}), &at);
    row(&mut host, "delete", &json!({"id": 2}), &json!({"key": {"id": 2}}));
    row(&mut host, "insert", &json!({"id": 2, "a": "again"}), &none());
    row(&mut host, "update", &json!({"id": 7, "a": "moved"}), &json!({"key": {"id": 4}}));
    // Made and gone in one batch.
    row(&mut host, "insert", &json!({"id": 8, "a": "short"}), &none());
    row(&mut host, "delete", &json!({"id": 8}), &json!({"ts": "2026-03-01T13:00:00Z"}));
    commit(&mut host, 2);
    let sql = "SELECT id, a, coalesce(_deleted_at, '') FROM s ORDER BY id";
    let expected = "1|x|2026-03-01 12:00:00.000000\n2|again|\n3|x|\n7|moved|\n8|short|2026-03-01 13:00:00.000000";
    assert_eq!(db.sql(sql), expected);
    row(&mut host, "truncate", &Value::Null, &json!({"ts": "2026-04-01T00:00:00Z"}));
    commit(&mut host, 3);
    finish(host);
    let sql = "SELECT group_concat(date_format(_deleted_at, '%m') ORDER BY id) FROM s";
    assert_eq!(db.sql(sql), "03,04,04,04,03");
}

#[test]
fn deletes_can_be_ignored() {
    let db = Database::new();
    let (mut host, _) = db.start(&json!({"mode": "upsert", "delete": "ignore"}));
    schema(&mut host);
    row(&mut host, "insert", &json!({"id": 1, "a": "x"}), &none());
    row(&mut host, "delete", &json!({"id": 1}), &none());
    row(&mut host, "truncate", &Value::Null, &none());
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 3);
    finish(host);
    assert_eq!(db.sql("SELECT id, a FROM s"), "1|x");
}

#[test]
fn the_history_has_every_change_with_what_happened() {
    let db = Database::new();
    let (mut host, _) = db.start(&json!({"mode": "history"}));
    schema(&mut host);
    let about = |tx: u64| json!({"ts": "2026-03-01T12:00:00Z", "position": "0/1", "tx": tx});
    row(&mut host, "insert", &json!({"id": 1, "a": "x"}), &about(7));
    row(&mut host, "update", &json!({"id": 1, "a": "y"}), &about(8));
    row(&mut host, "delete", &json!({"id": 1}), &about(9));
    row(&mut host, "truncate", &Value::Null, &about(10));
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 4);
    finish(host);
    let sql =
        "SELECT id, a, _op, _position, _tx, _ts = '2026-03-01 12:00:00' FROM s ORDER BY _tx + 0";
    let expected = "1|x|insert|0/1|7|1\n1|y|update|0/1|8|1\n1|NULL|delete|0/1|9|1\nNULL|NULL|truncate|0/1|10|1";
    assert_eq!(db.sql(sql), expected);
}

#[test]
fn a_late_column_is_added_refused_or_left_out_as_the_task_says() {
    for (evolve, columns) in [("add", "2"), ("ignore", "1")] {
        let db = Database::new();
        let (mut host, _) = db.start(&json!({"evolve": evolve}));
        row(&mut host, "insert", &json!({"a": 1}), &none());
        row(&mut host, "insert", &json!({"a": 2, "b": 2}), &none());
        row(&mut host, "insert", &json!({"a": 3}), &none());
        assert_eq!(commit(&mut host, 1)["@committed"]["written"], 3);
        finish(host);
        let sql = "SELECT count(*) FROM information_schema.columns WHERE table_schema = database() AND table_name = 's'";
        assert_eq!(db.sql(sql), columns);
        assert_eq!(db.sql("SELECT group_concat(a ORDER BY a) FROM s"), "1,2,3");
    }
    let db = Database::new();
    let (mut host, _) = db.start(&json!({"evolve": "fail"}));
    row(&mut host, "insert", &json!({"a": 1}), &none());
    row(&mut host, "insert", &json!({"a": 2, "b": 2}), &none());
    let error = commit(&mut host, 1);
    assert!(error["@error"]["message"].as_str().unwrap().contains("lacks b"), "{error}");
    let (mut host, _) = db.start(&json!({"create": false, "table": "t"}));
    row(&mut host, "insert", &json!({"a": 1}), &none());
    let error = commit(&mut host, 1);
    let message = error["@error"]["message"].as_str().unwrap();
    assert!(message.contains("`t` (\n  `a` LONGTEXT"), "{message}");
    assert_eq!(error["@error"]["path"], "create");
}

#[test]
fn generated_columns_are_left_out_and_identities_are_kept() {
    let db = Database::new();
    db.sql("CREATE TABLE s (id int AUTO_INCREMENT PRIMARY KEY, a text, n int AS (a + 2) STORED, v int AS (a) VIRTUAL)");
    for mode in ["append", "upsert"] {
        db.sql("TRUNCATE s");
        let (mut host, _) = db.start(&json!({"mode": mode, "key": ["id"]}));
        // Also a zero, for which the server would make up a value.
        for id in 0..90 {
            row(&mut host, "insert", &json!({"id": id, "a": id, "n": 1}), &none());
        }
        assert_eq!(commit(&mut host, 1)["@committed"]["written"], 90, "{mode}");
        finish(host);
        assert_eq!(db.sql("SELECT count(*), min(id), max(n), sum(n - 2 - id) FROM s"), "90|0|91|0");
    }
}

#[test]
fn streams_go_to_the_schemas_that_their_names_say() {
    let db = Database::new();
    db.sql("CREATE DATABASE sales");
    let (mut host, _) = db.start(&json!({"table": "sales.{schema}_{name}"}));
    let line = json!({"data": {"a": 1}, "metadata": {"stream": "dbo.orders"}});
    host.send_json(&line).unwrap();
    commit(&mut host, 1);
    finish(host);
    assert_eq!(db.sql("SELECT a FROM sales.dbo_orders"), "1");
    let (mut host, _) = db.start(&json!({}));
    host.send_json(&line).unwrap();
    commit(&mut host, 1);
    finish(host);
    assert_eq!(db.sql("SELECT a FROM dbo.orders"), "1");
}

/// A batch does not keep the order of tables and of rows; where that matters, it is taken apart.
#[test]
fn constraints_between_rows_and_tables_hold_in_the_order_of_the_changes() {
    let db = Database::new();
    db.sql(
        "CREATE TABLE parent (id int PRIMARY KEY, place int UNIQUE); \
         CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent (id)); \
         INSERT INTO parent VALUES (1, 1), (2, 2); INSERT INTO child VALUES (1, 1)",
    );
    let (mut host, _) = db.start(&json!({"mode": "upsert", "key": ["id"]}));
    let mut send = |stream: &str, op: &str, data: Value| {
        let line = json!({"data": data, "metadata": {"stream": stream, "op": op}});
        host.send_json(&line).unwrap();
    };
    send("parent", "insert", json!({"id": 3, "place": 3}));
    send("child", "insert", json!({"id": 3, "parent": 3}));
    send("child", "delete", json!({"id": 1}));
    send("parent", "delete", json!({"id": 1}));
    // Two rows change places, by way of a third.
    send("parent", "update", json!({"id": 2, "place": 9}));
    send("parent", "update", json!({"id": 3, "place": 2}));
    send("parent", "update", json!({"id": 2, "place": 3}));
    let committed = commit(&mut host, 1);
    assert_eq!(committed["@committed"], json!({"id": 1, "written": 7}));
    finish(host);
    assert_eq!(db.sql("SELECT * FROM parent ORDER BY id"), "2|3\n3|2");
    assert_eq!(db.sql("SELECT * FROM child"), "3|3");
}

#[test]
fn a_schema_that_changes_in_the_middle_of_a_batch_widens_the_table() {
    let db = Database::new();
    let (mut host, _) = db.start(&json!({"mode": "upsert"}));
    schema(&mut host);
    row(&mut host, "insert", &json!({"id": 1, "a": "x"}), &none());
    let wider = json!({"@schema": {"stream": "s", "key": ["id"], "fields": [
        {"name": "id", "type": "int64"}, {"name": "a", "type": "string"},
        {"name": "b", "type": "string"}, {"name": "n", "type": "int32", "nullable": false}]}});
    host.send_json(&wider).unwrap();
    row(&mut host, "insert", &json!({"id": 2, "a": "y", "n": 2}), &none());
    row(&mut host, "delete", &json!({"id": 1}), &none());
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 3);
    finish(host);
    assert_eq!(db.sql("SELECT id, n FROM s"), "2|2");
}

#[test]
fn a_table_without_the_columns_of_its_mode_is_refused_not_written_by_half() {
    for (config, column) in [
        (json!({"mode": "upsert", "key": ["id"], "delete": "soft"}), "_deleted_at"),
        (json!({"mode": "history"}), "_op"),
    ] {
        let db = Database::new();
        db.sql("CREATE TABLE s (id bigint PRIMARY KEY, a text)");
        let mut config = config;
        config["evolve"] = json!("ignore");
        let (mut host, _) = db.start(&config);
        row(&mut host, "insert", &json!({"id": 1, "a": "x"}), &none());
        let error = commit(&mut host, 1);
        let message = error["@error"]["message"].as_str().unwrap();
        assert!(message.contains(&format!("no column `{column}`")), "{message}");
    }
}

#[test]
fn a_name_that_would_be_cut_off_is_refused() {
    let db = Database::new();
    let (mut host, _) = db.start(&none());
    let long = "é".repeat(65);
    row(&mut host, "insert", &json!({ long: 1 }), &none());
    let error = commit(&mut host, 1);
    assert!(error["@error"]["message"].as_str().unwrap().contains("has 65 characters"), "{error}");
}

#[test]
fn keys_that_differ_in_case_or_in_blanks_are_different_rows() {
    let db = Database::new();
    let (mut host, _) = db.start(&json!({"mode": "upsert", "key": ["id"]}));
    let fields = json!([{"name": "id", "type": "string"}, {"name": "n", "type": "int32"}]);
    host.send_json(&json!({"@schema": {"stream": "s", "fields": fields}})).unwrap();
    for (n, id) in ["a", "A", "a ", "á", "a"].iter().enumerate() {
        row(&mut host, "insert", &json!({"id": id, "n": n}), &none());
    }
    row(&mut host, "delete", &json!({"id": "A"}), &none());
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 6);
    finish(host);
    assert_eq!(db.sql("SELECT concat('<', id, '>'), n FROM s ORDER BY n"), "<a >|2\n<á>|3\n<a>|4");
    // A table of somebody's that does not tell them apart would lose rows.
    db.sql("CREATE TABLE t (id varchar(20) PRIMARY KEY, n int)");
    let (mut host, _) = db.start(&json!({"mode": "upsert", "key": ["id"], "table": "t"}));
    row(&mut host, "insert", &json!({"id": "a", "n": 1}), &none());
    let error = commit(&mut host, 1);
    let words = "`t` MODIFY `id` varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin";
    assert!(error.to_string().contains(words), "{error}");
}

/// `ON DUPLICATE KEY UPDATE` alone would change the row that is in the way.
#[test]
fn a_row_that_another_unique_index_refuses_changes_nobody_elses_row() {
    let db = Database::new();
    db.sql("CREATE TABLE s (id int PRIMARY KEY, mail varchar(20) UNIQUE, n int)");
    let (mut host, _) = db.start(&json!({"mode": "upsert", "key": ["id"]}));
    for id in 1..=20 {
        row(&mut host, "insert", &json!({"id": id, "mail": format!("m{id}"), "n": 0}), &none());
    }
    row(&mut host, "insert", &json!({"id": 99, "mail": "m3", "n": 7}), &none());
    row(&mut host, "update", &json!({"id": 4, "mail": "m5", "n": 7}), &none());
    row(&mut host, "update", &json!({"id": 6, "mail": "m6", "n": 1}), &none());
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
    let db = Database::new();
    let (mut host, _) = db.start(&none());
    let wide: serde_json::Map<String, Value> =
        (0..400).map(|at| (format!("c{at}"), json!("short"))).collect();
    row(&mut host, "insert", &Value::Object(wide), &none());
    // Each of these takes two in a statement.
    let huge = "'".repeat(9 << 20);
    row(&mut host, "insert", &json!({ "c0": huge }), &none());
    row(&mut host, "insert", &json!({"c0": "after"}), &none());
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
    let db = Database { name: "Shop".into() };
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
