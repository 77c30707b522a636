//! check, plan, init, status and destroy, and the errors that say what to do.

// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Database, commit, finish, row, server};
use dstream_testkit::FakeHost;
use dstream_testkit::serde_json::{Value, json};

/// The tables in the test's databases.
fn tables(db: &Database) -> String {
    db.sql(&format!(
        "SELECT coalesce(group_concat(TABLE_NAME ORDER BY 1), '') FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA IN ('{}', '{}')",
        db.name,
        db.books()
    ))
}

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
    let books = db.books();
    assert!(text.contains(&format!("CREATE DATABASE IF NOT EXISTS `{books}`")), "{text}");
    assert!(text.contains(&format!("CREATE TABLE IF NOT EXISTS `{books}`.`_dstream_checkpoints`")));
    assert_eq!(action(&plan, &format!("{books}._dstream_rejected")), "create");
    assert_eq!(action(&plan, &format!("{}.people", db.name)), "create");
    assert_eq!(tables(&db), "");
    assert_eq!(db.sql(&format!("SHOW DATABASES LIKE '{books}'")), "");
}

#[test]
fn init_makes_what_plan_said_and_destroy_removes_what_the_task_made() {
    let db = Database::new();
    db.sql("CREATE TABLE mine (a text); INSERT INTO mine VALUES ('1')");
    let init = db.ask("init", &json!({}));
    assert_eq!(action(&init, &format!("{}._dstream_tables", db.books())), "created");
    assert_eq!(
        action(&db.ask("init", &json!({})), &format!("{}._dstream_tables", db.books())),
        "exists"
    );
    assert_eq!(
        action(&db.ask("plan", &json!({})), &format!("{}._dstream_tables", db.books())),
        "none"
    );
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
    assert_eq!(tables(&db), "mine");
    assert_eq!(db.sql("SELECT count(*) FROM mine"), "2");
}

#[test]
fn check_says_who_asks_what_or_what_is_missing() {
    let db = Database::new();
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
fn user(db: &Database) -> String {
    let user = format!("user_{}", db.name);
    db.sql(&format!("CREATE USER {user}; GRANT SHOW VIEW ON {}.* TO {user}", db.name));
    user
}

/// What stands in `docs/providers/mysql.md` under permissions is enough, and no more.
#[test]
fn the_documented_grants_are_enough() {
    let db = Database::new();
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

#[test]
fn a_table_that_upsert_cannot_use_is_refused_with_the_statement_that_helps() {
    let db = Database::new();
    db.sql("CREATE TABLE s (id int, a varchar(100), INDEX (id), UNIQUE (a(3)))");
    let (mut host, _) = db.start(&json!({"mode": "upsert", "key": ["id"]}));
    row(&mut host, "insert", &json!({"id": 9, "a": "y"}), &json!({}));
    let error = commit(&mut host, 1);
    let message = error["@error"]["message"].as_str().unwrap();
    assert!(message.contains("`s` ADD UNIQUE (`id`)"), "{message}");
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
        (json!({"lock_timeout": "soon"}), "lock_timeout", "such as \"5s\""),
        (json!({"takeover_timeout": "10ms"}), "takeover_timeout", "at least 1s"),
        (json!({"bookkeeping_database": ""}), "bookkeeping_database", "leave it out"),
        (json!({"database": "nowhere"}), "database", "Unknown database"),
        (json!({"url": server().url("")}), "database", "needs a database"),
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
    let others = format!(
        "SELECT coalesce(group_concat('KILL ', ID SEPARATOR '; '), '') FROM information_schema.PROCESSLIST \
         WHERE DB = '{}' AND ID <> CONNECTION_ID()",
        db.name
    );
    db.sql(&db.sql(&others));
    row(&mut host, "insert", &json!({"a": 2}), &json!({}));
    let error = commit(&mut host, 2);
    assert_eq!(error["@error"]["kind"], "transient", "{error}");
    let url = server().url(&db.name);
    let answer = refused(&db, &json!({"url": url, "user": "nobody"}));
    assert_eq!(answer["kind"], "auth", "{answer}");
}

/// A table of another engine would keep rows of a transaction that was given up.
#[test]
fn a_table_without_transactions_is_refused() {
    let db = Database::new();
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
    let db = Database::new();
    let (mut host, _) = db.start(&json!({}));
    row(&mut host, "insert", &json!({"a": 1}), &json!({}));
    commit(&mut host, 1);
    finish(host);
    db.sql("DROP TABLE s; CREATE TABLE s (theirs int)");
    let report = db.ask("destroy", &json!({}));
    assert_eq!(action(&report, &format!("{}.s", db.name)), "kept", "{report}");
    assert_eq!(tables(&db), "s");
}
