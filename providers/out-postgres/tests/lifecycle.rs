//! check, plan, init, status and destroy, and the errors that say what to do.

// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Database, commit, finish, row, server};
use dstream_testkit::FakeHost;
use dstream_testkit::serde_json::{Value, json};

const TABLES: &str = "SELECT coalesce(string_agg(schemaname || '.' || tablename, ' ' ORDER BY 1), '') \
     FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";

fn action(report: &Value, name: &str) -> String {
    let resources = report["resources"].as_array().unwrap();
    let found = resources.iter().find(|resource| resource["name"] == name);
    found.map_or_else(|| panic!("{name}: {report}"), |r| r["action"].as_str().unwrap().to_owned())
}

#[test]
fn plan_shows_the_statements_and_runs_none_of_them() {
    let db = Database::new();
    let plan = db.ask("plan", &json!({"table": "people"}));
    assert_eq!(plan["status"], "ok", "{plan}");
    let text = plan.to_string();
    assert!(text.contains("CREATE SCHEMA \\\"_dstream\\\""), "{text}");
    assert!(
        text.contains("CREATE TABLE IF NOT EXISTS \\\"_dstream\\\".\\\"_dstream_checkpoints\\\"")
    );
    assert_eq!(action(&plan, "_dstream._dstream_rejected"), "create");
    assert_eq!(action(&plan, "public.people"), "create");
    assert_eq!(db.psql(TABLES), "");
    assert_eq!(db.psql("SELECT count(*) FROM pg_namespace WHERE nspname = '_dstream'"), "0");
}

#[test]
fn init_makes_what_plan_said_and_destroy_removes_what_the_task_made() {
    let db = Database::new();
    db.psql("CREATE TABLE mine (a text); INSERT INTO mine VALUES ('1')");
    let init = db.ask("init", &json!({}));
    assert_eq!(action(&init, "_dstream._dstream_tables"), "created");
    assert_eq!(action(&db.ask("init", &json!({})), "_dstream._dstream_tables"), "exists");
    assert_eq!(action(&db.ask("plan", &json!({})), "_dstream._dstream_tables"), "none");
    let (mut host, _) = db.start(&json!({}));
    row(&mut host, "insert", &json!({"a": 1}), &json!({}));
    let mine = json!({"data": {"a": 2}, "metadata": {"stream": "mine"}});
    host.send_json(&mine).unwrap();
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 2);
    finish(host);
    let status = db.ask("status", &json!({})).to_string();
    for part in ["\"1 rows\"", "epoch 1, last commit 1 of epoch 1", "\"checkpoint\""] {
        assert!(status.contains(part), "{part}: {status}");
    }
    let destroyed = db.ask("destroy", &json!({}));
    assert_eq!(destroyed["status"], "ok", "{destroyed}");
    assert_eq!(db.psql(TABLES), "public.mine");
    assert_eq!(db.psql("SELECT count(*) FROM mine"), "2");
}

#[test]
fn check_says_who_asks_what_or_what_is_missing() {
    let db = Database::new();
    let report = db.ask("check", &json!({}));
    let said = report["message"].as_str().unwrap();
    assert!(said.contains(&format!("database `{}` as `postgres`", db.name)), "{said}");
    let role = format!("role_{}", db.name);
    db.psql(&format!("CREATE ROLE {role} LOGIN"));
    let error = db.ask("check", &json!({"user": role}))["error"].to_string();
    assert!(error.contains("GRANT CREATE ON DATABASE"), "{error}");
    db.psql(&format!("GRANT CREATE ON DATABASE {} TO {role}", db.name));
    assert_eq!(db.ask("check", &json!({"user": role}))["status"], "ok");
}

/// What stands in `docs/providers/postgres.md` under permissions is enough, and no more.
#[test]
fn the_documented_grants_are_enough() {
    let db = Database::new();
    let role = format!("writer_{}", db.name);
    db.psql(&format!(
        "CREATE ROLE {role} LOGIN; \
         CREATE TABLE s (id bigint PRIMARY KEY, a text); \
         CREATE SCHEMA _dstream AUTHORIZATION {role}; \
         GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON s TO {role}"
    ));
    let config = json!({"user": role, "mode": "upsert", "key": ["id"]});
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
    assert!(error["@error"]["message"].as_str().unwrap().contains("CREATE TABLE"), "{error}");
    db.psql("REVOKE INSERT ON s FROM PUBLIC");
    db.psql(&format!("REVOKE INSERT ON s FROM {role}"));
    let (mut host, _) = db.start(&config);
    row(&mut host, "insert", &json!({"id": 3, "a": "x"}), &json!({}));
    let error = commit(&mut host, 1);
    assert_eq!(error["@error"]["kind"], "auth", "{error}");
    assert!(error.to_string().contains("permission denied for table s"), "{error}");
}

#[test]
fn a_table_that_upsert_cannot_use_is_refused_with_the_statement_that_helps() {
    let db = Database::new();
    db.psql("CREATE TABLE s (id int, a text); CREATE UNIQUE INDEX ON s (id) WHERE a = 'x'");
    let (mut host, _) = db.start(&json!({"mode": "upsert", "key": ["id"]}));
    row(&mut host, "insert", &json!({"id": 9, "a": "y"}), &json!({}));
    let error = commit(&mut host, 1);
    let message = error["@error"]["message"].as_str().unwrap();
    assert!(message.contains("CREATE UNIQUE INDEX ON \"public\".\"s\" (\"id\")"), "{message}");
    assert_eq!(error["@error"]["path"], "key");
    let (mut host, _) = db.start(&json!({"mode": "upsert"}));
    row(&mut host, "insert", &json!({"id": 9}), &json!({}));
    let error = commit(&mut host, 1);
    assert!(error.to_string().contains("set `key`"), "{error}");
}

/// The answer to a run that cannot begin.
fn refused(db: &Database, config: &Value) -> Value {
    let mut host = FakeHost::start(common::PROGRAM).unwrap();
    host.send_json(&db.command("run", config)).unwrap();
    host.json().unwrap()
}

#[test]
fn a_setting_that_is_wrong_is_named() {
    let db = Database::new();
    for (config, path, words) in [
        (json!({"mode": "upsrt"}), "mode", "unknown variant `upsrt`"),
        (json!({"delete": "soft"}), "delete", "mode = \"upsert\""),
        (json!({"table": "{strem}"}), "table", "{schema}"),
        (json!({"table": "_dstream_x"}), "table", "reserved"),
        (json!({"synchronous_commit": "off"}), "synchronous_commit", "unknown variant `off`"),
        (json!({"statement_timeout": "soon"}), "statement_timeout", "such as \"5s\""),
        (json!({"database": "nowhere"}), "database", "does not exist"),
    ] {
        let mut answer = refused(&db, &config);
        if answer["status"] == "ready" {
            let (mut host, _) = db.start(&config);
            row(&mut host, "insert", &json!({"a": 1}), &json!({}));
            answer = commit(&mut host, 1)["@error"].clone();
        }
        assert_eq!(answer["path"], path, "{config}: {answer}");
        assert!(answer["message"].as_str().unwrap().contains(words), "{config}: {answer}");
    }
}

#[test]
fn a_server_that_goes_away_is_transient_and_a_wrong_password_is_not() {
    let db = Database::new();
    let (mut host, _) = db.start(&json!({}));
    row(&mut host, "insert", &json!({"a": 1}), &json!({}));
    commit(&mut host, 1);
    db.psql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'dstream' AND datname = current_database()");
    row(&mut host, "insert", &json!({"a": 2}), &json!({}));
    let error = commit(&mut host, 2);
    assert_eq!(error["@error"]["kind"], "transient", "{error}");
    let url = server().url(&db.name);
    let answer = refused(&db, &json!({"url": url, "user": "nobody"}));
    assert_eq!(answer["kind"], "auth", "{answer}");
}
