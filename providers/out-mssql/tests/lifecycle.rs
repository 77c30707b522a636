//! check, plan, init, status and destroy, and the errors that say what to do.

// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

dstream_sql_testkit::lifecycle!(common::Db);

use common::Db;
use dstream_sql_testkit::{TestDatabase as _, Value, commit, error_of, json, row};

/// A login that may connect to the test's database, and no more; and the settings for it.
fn user(db: &Db) -> (String, Value) {
    let user = format!("user_{}", db.0.name());
    db.sql(&format!(
        "CREATE LOGIN [{user}] WITH PASSWORD = 'Passw0rd!x', CHECK_POLICY = OFF; CREATE USER [{user}] FOR LOGIN [{user}]"
    ));
    let config = json!({"db_connection_string": db.0.connection_string_of(&user, "Passw0rd!x")});
    (user, config)
}

#[test]
fn check_says_who_asks_what_or_what_is_missing() {
    let db = Db::new();
    let report = db.ask("check", &json!({}));
    let said = report["message"].as_str().unwrap();
    assert!(said.contains(&format!("database `{}` as `sa`", db.0.name())), "{said}");
    assert_eq!(db.ask("init", &json!({}))["status"], "ok");
    let (user, config) = user(&db);
    let error = db.ask("check", &config)["error"].to_string();
    let grant = "GRANT SELECT, INSERT, UPDATE, DELETE ON SCHEMA::[_dstream] TO";
    assert!(error.contains(grant), "{error}");
    db.sql(&format!("{grant} [{user}]"));
    assert_eq!(db.ask("check", &config)["status"], "ok");
}

/// What stands in `docs/providers/mssql.md` under permissions is enough, and no more.
#[test]
fn the_documented_grants_are_enough() {
    let db = Db::new();
    let (user, mut config) = user(&db);
    assert_eq!(db.ask("init", &json!({}))["status"], "ok");
    db.sql("CREATE TABLE s (id bigint PRIMARY KEY, a varchar(9))");
    db.sql(&format!(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON SCHEMA::_dstream TO [{user}]; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON s TO [{user}]"
    ));
    config["mode"] = json!("upsert");
    config["key"] = json!(["id"]);
    let (mut host, _) = db.start(&config);
    row(&mut host, "insert", &json!({"id": 1, "a": "x"}), &json!({}));
    row(&mut host, "delete", &json!({"id": 1}), &json!({}));
    row(&mut host, "truncate", &Value::Null, &json!({}));
    row(&mut host, "insert", &json!({"id": 2, "a": "x"}), &json!({}));
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 4);
    // What it has no right to is told with the statement that gives it, and is nobody's dead letter.
    host.send_json(&json!({"data": {"id": 1}, "metadata": {"stream": "other"}})).unwrap();
    let error = commit(&mut host, 2);
    assert_eq!(error["@error"]["kind"], "auth", "{error}");
    assert!(error_of(&error).contains("GRANT CREATE TABLE TO the user"), "{error}");
    db.sql(&format!("REVOKE INSERT ON s FROM [{user}]"));
    let (mut host, _) = db.start(&config);
    row(&mut host, "insert", &json!({"id": 3, "a": "x"}), &json!({}));
    let error = commit(&mut host, 1);
    assert_eq!(error["@error"]["kind"], "auth", "{error}");
    assert!(error_of(&error).contains("GRANT INSERT ON [dbo].[s] TO the user"), "{error}");
}
