//! check, plan, init, status and destroy, and the errors that say what to do.

// Servers are started by programs of Unix.
#![cfg(unix)]
// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::Db;
use dstream_sql_testkit::lifecycle::action;
use dstream_sql_testkit::{TestDatabase as _, Value, commit, finish, json, row};

dstream_sql_testkit::lifecycle!(Db);

#[test]
fn check_says_who_asks_what_or_what_is_missing() {
    let db = Db::new();
    let report = db.ask("check", &json!({}));
    let said = report["message"].as_str().unwrap();
    assert!(said.contains(&format!("database `{}` as `root@", db.name)), "{said}");
    let user = user(&db);
    let error = db.ask("check", &json!({"user": user}))["error"].to_string();
    let grant = format!("GRANT ALL ON `{}`.* TO", db.books().replace('_', "\\\\_"));
    assert!(error.contains(&grant), "{grant}: {error}");
    db.sql(&format!("GRANT ALL ON `{}`.* TO {user}", db.books().replace('_', "\\_")));
    assert_eq!(db.ask("check", &json!({"user": user}))["status"], "ok");
}

/// A user who may connect to the test's database, and no more.
fn user(db: &Db) -> String {
    let user = format!("user_{}", db.name);
    db.sql(&format!("CREATE USER {user}; GRANT SHOW VIEW ON {}.* TO {user}", db.name));
    user
}

/// What stands in `docs/providers/mysql.md` under permissions is enough, and no more.
#[test]
fn the_documented_grants_are_enough() {
    let db = Db::new();
    let user = user(&db);
    db.sql(&format!(
        "CREATE TABLE s (id bigint PRIMARY KEY, a text); \
         CREATE DATABASE {0}; GRANT ALL ON {0}.* TO {user}; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON s TO {user}",
        db.books()
    ));
    let config = json!({"user": user, "mode": "upsert", "key": ["id"]});
    let (mut host, _) = db.start(&config);
    row(&mut host, "insert", &json!({"id": 1, "a": "x"}), &json!({}));
    row(&mut host, "delete", &json!({"id": 1}), &json!({}));
    row(&mut host, "truncate", &Value::Null, &json!({}));
    row(&mut host, "insert", &json!({"id": 2, "a": "x"}), &json!({}));
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 4);
    // What it has no right to is told with what it was about, and is nobody's dead letter.
    host.send_json(&json!({"data": {"id": 1}, "metadata": {"stream": "other"}})).unwrap();
    let error = commit(&mut host, 2);
    assert_eq!(error["@error"]["kind"], "auth", "{error}");
    assert!(error["@error"]["message"].as_str().unwrap().contains("CREATE"), "{error}");
    db.sql(&format!("GRANT CREATE, ALTER, INSERT, SELECT ON {}.* TO {user}", db.name));
    let (mut host, _) = db.start(&json!({"user": user}));
    host.send_json(&json!({"data": {"id": 1}, "metadata": {"stream": "other"}})).unwrap();
    host.send_json(&json!({"data": {"id": 2, "b": 1}, "metadata": {"stream": "other"}})).unwrap();
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 2);
    db.sql(&format!("REVOKE INSERT ON s FROM {user}; REVOKE INSERT ON {}.* FROM {user}", db.name));
    let (mut host, _) = db.start(&config);
    row(&mut host, "insert", &json!({"id": 3, "a": "x"}), &json!({}));
    let error = commit(&mut host, 1);
    assert_eq!(error["@error"]["kind"], "auth", "{error}");
    assert!(error.to_string().contains("INSERT command denied"), "{error}");
}

/// A table of another engine would keep rows of a transaction that was given up.
#[test]
fn a_table_without_transactions_is_refused() {
    let db = Db::new();
    db.sql("CREATE TABLE s (a int) ENGINE = Aria");
    let (mut host, _) = db.start(&json!({}));
    row(&mut host, "insert", &json!({"a": 1}), &json!({}));
    let error = commit(&mut host, 1);
    assert!(error.to_string().contains("ENGINE = InnoDB"), "{error}");
    assert_eq!(db.sql("SELECT count(*) FROM s"), "0");
}

/// Noted, and then made by somebody else: the note is of a run that was ended in between.
#[test]
fn destroy_leaves_a_table_that_only_a_note_calls_ours() {
    let db = Db::new();
    let (mut host, _) = db.start(&json!({}));
    row(&mut host, "insert", &json!({"a": 1}), &json!({}));
    commit(&mut host, 1);
    finish(host);
    db.sql("DROP TABLE s; CREATE TABLE s (theirs int)");
    let report = db.ask("destroy", &json!({}));
    assert_eq!(action(&report, &db.table("s")), "kept", "{report}");
    assert_eq!(db.tables(), [db.table("s")]);
}
