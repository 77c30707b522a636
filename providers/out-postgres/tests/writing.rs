//! What stands in the tables afterwards, mode by mode.

// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Database, commit, finish, row};
use dstream_testkit::FakeHost;
use dstream_testkit::serde_json::{Value, json};

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
fn rows_are_appended_few_by_statement_and_many_by_copy() {
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
        db.psql("SELECT count(*), count(DISTINCT a), count(b), min(b) FROM s"),
        "1001|1|1000|\\N"
    );
    let same = format!("SELECT count(*) FROM s WHERE a = $q${odd}$q$");
    assert_eq!(db.psql(&same), "1001");
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
    assert_eq!(db.psql("SELECT id, a, b FROM s"), "1|y|big");
    let moved = json!({"unchanged": ["b"], "key": {"id": 1}});
    row(&mut host, "update", &json!({"id": 2, "a": "z"}), &moved);
    row(&mut host, "insert", &json!({"id": 3, "a": "c", "b": null}), &none());
    row(&mut host, "delete", &json!({"id": 3}), &json!({"key": {"id": 3}}));
    row(&mut host, "insert", &json!({"id": 4, "a": "late", "c": {"new": true}}), &none());
    row(&mut host, "update", &json!({"id": 5, "a": "not there"}), &unchanged);
    assert_eq!(commit(&mut host, 3)["@committed"]["written"], 5);
    let all = db.psql("SELECT id, a, b, c FROM s ORDER BY id");
    assert_eq!(all, "2|z|big|\n4|late||{\"new\":true}\n5|not there||");
    row(&mut host, "truncate", &json!({}), &none());
    row(&mut host, "insert", &json!({"id": 9, "a": "after"}), &none());
    commit(&mut host, 4);
    finish(host);
    assert_eq!(db.psql("SELECT id, a FROM s"), "9|after");
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
    let sql = "SELECT id, a, _deleted_at AT TIME ZONE 'UTC' FROM s ORDER BY id";
    let expected = "1|x|2026-03-01 12:00:00\n2|again|\n3|x|\n7|moved|\n8|short|2026-03-01 13:00:00";
    assert_eq!(db.psql(sql), expected);
    row(&mut host, "truncate", &Value::Null, &json!({"ts": "2026-04-01T00:00:00Z"}));
    commit(&mut host, 3);
    finish(host);
    let sql =
        "SELECT string_agg(to_char(_deleted_at AT TIME ZONE 'UTC', 'MM'), ',' ORDER BY id) FROM s";
    assert_eq!(db.psql(sql), "03,04,04,04,03");
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
    assert_eq!(db.psql("SELECT id, a FROM s"), "1|x");
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
        "SELECT id, a, _op, _position, _tx, _ts = '2026-03-01T12:00:00Z' FROM s ORDER BY _tx::int";
    let expected = "1|x|insert|0/1|7|t\n1|y|update|0/1|8|t\n1||delete|0/1|9|t\n||truncate|0/1|10|t";
    assert_eq!(db.psql(sql), expected);
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
        let sql = "SELECT count(*) FROM information_schema.columns WHERE table_name = 's'";
        assert_eq!(db.psql(sql), columns);
        assert_eq!(db.psql("SELECT string_agg(a, ',' ORDER BY a) FROM s"), "1,2,3");
    }
    let db = Database::new();
    let (mut host, _) = db.start(&json!({"evolve": "fail"}));
    row(&mut host, "insert", &json!({"a": 1}), &none());
    row(&mut host, "insert", &json!({"a": 2, "b": 2}), &none());
    let error = commit(&mut host, 1);
    assert!(error["@error"]["message"].as_str().unwrap().contains("lacks b"), "{error}");
    let (mut host, _) = db.start(&json!({"create": false}));
    row(&mut host, "insert", &json!({"a": 1}), &none());
    let error = commit(&mut host, 1);
    let message = error["@error"]["message"].as_str().unwrap();
    assert!(message.contains("CREATE TABLE \"public\".\"s\""), "{message}");
    assert_eq!(error["@error"]["path"], "create");
}

#[test]
fn generated_columns_are_left_out_and_identities_are_kept() {
    let db = Database::new();
    db.psql("CREATE TABLE s (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text, n int GENERATED ALWAYS AS (id * 2) STORED)");
    for mode in ["append", "upsert"] {
        db.psql("TRUNCATE s");
        let (mut host, _) = db.start(&json!({"mode": mode, "key": ["id"]}));
        for id in 5..90 {
            row(&mut host, "insert", &json!({"id": id, "a": "x", "n": 1}), &none());
        }
        assert_eq!(commit(&mut host, 1)["@committed"]["written"], 85, "{mode}");
        finish(host);
        assert_eq!(
            db.psql("SELECT count(*), min(id), max(n), sum(n - 2 * id) FROM s"),
            "85|5|178|0"
        );
    }
}

#[test]
fn streams_go_to_the_schemas_that_their_names_say() {
    let db = Database::new();
    db.psql("CREATE SCHEMA sales");
    let (mut host, _) = db.start(&json!({"table": "sales.{schema}_{name}"}));
    let line = json!({"data": {"a": 1}, "metadata": {"stream": "dbo.orders"}});
    host.send_json(&line).unwrap();
    commit(&mut host, 1);
    finish(host);
    assert_eq!(db.psql("SELECT a FROM sales.dbo_orders"), "1");
    let (mut host, _) = db.start(&json!({}));
    host.send_json(&line).unwrap();
    commit(&mut host, 1);
    finish(host);
    assert_eq!(db.psql("SELECT a FROM dbo.orders"), "1");
}

/// A batch does not keep the order of tables and of rows; where that matters, it is taken apart.
#[test]
fn constraints_between_rows_and_tables_hold_in_the_order_of_the_changes() {
    let db = Database::new();
    db.psql(
        "CREATE TABLE parent (id int PRIMARY KEY, place int UNIQUE); \
         CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent); \
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
    assert_eq!(db.psql("SELECT * FROM parent ORDER BY id"), "2|3\n3|2");
    assert_eq!(db.psql("SELECT * FROM child"), "3|3");
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
    assert_eq!(db.psql("SELECT id, n, pg_typeof(n) FROM s"), "2|2|integer");
}

#[test]
fn a_table_without_the_columns_of_its_mode_is_refused_not_written_by_half() {
    for (config, column) in [
        (json!({"mode": "upsert", "key": ["id"], "delete": "soft"}), "_deleted_at"),
        (json!({"mode": "history"}), "_op"),
    ] {
        let db = Database::new();
        db.psql("CREATE TABLE s (id bigint PRIMARY KEY, a text)");
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
    let long = "x".repeat(64);
    row(&mut host, "insert", &json!({ long: 1 }), &none());
    let error = commit(&mut host, 1);
    assert!(error["@error"]["message"].as_str().unwrap().contains("takes 63"), "{error}");
}

#[test]
fn constraints_that_can_be_deferred_are_checked_at_the_commit() {
    let db = Database::new();
    db.psql(
        "CREATE TABLE parent (id int PRIMARY KEY); \
         CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent DEFERRABLE)",
    );
    let config = json!({"mode": "upsert", "key": ["id"]});
    let send = |host: &mut FakeHost, stream: &str, op: &str, data: Value| {
        let line = json!({"data": data, "metadata": {"stream": stream, "op": op}});
        host.send_json(&line).unwrap();
    };
    let (mut host, _) = db.start(&config);
    send(&mut host, "child", "insert", json!({"id": 1, "parent": 1}));
    send(&mut host, "parent", "insert", json!({"id": 1}));
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 2);
    send(&mut host, "child", "insert", json!({"id": 2, "parent": 1}));
    send(&mut host, "child", "truncate", json!({}));
    send(&mut host, "child", "insert", json!({"id": 3, "parent": 3}));
    let error = commit(&mut host, 2);
    let message = error["@error"]["message"].as_str().unwrap();
    assert!(message.starts_with("at the commit: PostgreSQL: insert or update"), "{message}");
    assert_eq!(db.psql("SELECT id, parent FROM child"), "1|1");
}
