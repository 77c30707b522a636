//! plan, init, status and destroy, and the errors that say what to do.

use dstream_testkit::serde_json::{Value, json};

use crate::{TestDatabase, commit, error_of, finish, row, send};

const BOOKS: [&str; 3] = ["_dstream_checkpoints", "_dstream_rejected", "_dstream_tables"];

/// What a report says of a resource.
pub fn action(report: &Value, name: &str) -> String {
    let resources = report["resources"].as_array().unwrap();
    let found = resources.iter().find(|resource| resource["name"] == name);
    found.map_or_else(|| panic!("{name}: {report}"), |r| r["action"].as_str().unwrap().to_owned())
}

/// A plan for the table `people`: bookkeeping and table are to be made, and are not.
pub(crate) fn is_only_planned<D: TestDatabase>(db: &D, plan: &Value) {
    assert_eq!(plan["status"], "ok", "{plan}");
    for table in BOOKS {
        let name = db.book(table);
        let all = plan["resources"].as_array().unwrap().iter();
        let statement = db.create_missing(&db.quoted(&name));
        let made = |one: &Value| one["detail"].as_str().is_some_and(|d| d.contains(&statement));
        assert!(all.clone().any(made), "{statement}: {plan}");
        assert_eq!(action(plan, &name), "create");
    }
    assert_eq!(action(plan, &db.table("people")), "create");
    assert_eq!(db.tables(), [""; 0]);
}

/// The bookkeeping and the run's tables, and not what was there before.
pub fn init_makes_what_plan_said_and_destroy_removes_what_the_task_made<D: TestDatabase>() {
    let db = D::new();
    is_only_planned(&db, &db.ask("plan", &json!({"table": "people"})));
    db.sql("CREATE TABLE mine (a varchar(99)); INSERT INTO mine VALUES ('1')");
    let noted = db.book("_dstream_tables");
    assert_eq!(action(&db.ask("init", &json!({})), &noted), "created");
    assert_eq!(action(&db.ask("init", &json!({})), &noted), "exists");
    assert_eq!(action(&db.ask("plan", &json!({})), &noted), "none");
    let (mut host, _) = db.start(&json!({}));
    row(&mut host, "insert", &json!({"a": 1}), &json!({}));
    send(&mut host, "mine", "insert", &json!({"a": 2}), &json!({}));
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 2);
    finish(host);
    let report = db.ask("status", &json!({}));
    let status = report.to_string();
    for part in ["\"1 rows\"", "epoch 1, last commit 1 of epoch 1", "\"checkpoint\""] {
        assert!(status.contains(part), "{part}: {status}");
    }
    let mut goes: Vec<_> = BOOKS.iter().map(|name| db.book(name)).collect();
    goes.push(db.table("s"));
    goes.sort();
    assert_eq!(named(&report, false), goes);
    assert_eq!(named(&report, true).len(), 1, "{report}");
    // Another task's rows keep the bookkeeping where it is.
    let books = db.book("_dstream_checkpoints");
    db.sql(&format!(
        "INSERT INTO {books} (task_id, output, input, part, epoch, task) VALUES ('u-2', 'out', '', '', 1, 'o')"
    ));
    assert_eq!(named(&db.ask("status", &json!({})), false), [db.table("s")]);
    db.sql(&format!("DELETE FROM {books} WHERE task_id = 'u-2'"));
    let destroyed = db.ask("destroy", &json!({}));
    assert_eq!(destroyed["status"], "ok", "{destroyed}");
    assert_eq!(db.tables(), [db.table("mine")]);
    assert_eq!(db.sql("SELECT count(*) FROM mine"), "2");
}

/// Tables and databases that go, or stay, with `destroy`.
fn named(report: &Value, kept: bool) -> Vec<String> {
    let all = report["resources"].as_array().unwrap().iter();
    let tables = all.filter(|r| r["type"] == "table" || r["type"] == "database");
    let these = tables.filter(|r| r["kept"].as_bool().unwrap_or_default() == kept);
    let mut names: Vec<_> = these.map(|r| r["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// An index on the key, and a key.
pub fn a_table_that_upsert_cannot_use_is_refused_with_the_statement_that_helps<D: TestDatabase>() {
    let db = D::new();
    let (table, statement) = D::NOT_UNIQUE;
    db.sql(table);
    let (mut host, _) = db.start(&json!({"mode": "upsert", "key": ["id"]}));
    row(&mut host, "insert", &json!({"id": 9, "a": "y"}), &json!({}));
    let error = commit(&mut host, 1);
    let message = error_of(&error);
    assert!(message.contains("no unique index on (id)"), "{message}");
    assert!(message.contains(statement), "{message}");
    assert_eq!(error["@error"]["path"], "key");
    let (mut host, _) = db.start(&json!({"mode": "upsert"}));
    row(&mut host, "insert", &json!({"id": 9}), &json!({}));
    let error = error_of(&commit(&mut host, 1));
    assert!(error.contains("set `key`"), "{error}");
}

/// At the start, or with the first row.
pub fn a_setting_that_is_wrong_is_named<D: TestDatabase>() {
    let db = D::new();
    let shared = vec![
        (json!({"mode": "upsrt"}), "mode", "unknown variant `upsrt`"),
        (json!({"delete": "soft"}), "delete", "mode = \"upsert\""),
        (json!({"table": "{strem}"}), "table", "{schema}"),
        (json!({"table": "_dstream_x"}), "table", "reserved"),
    ];
    for (config, path, words) in shared.into_iter().chain(db.wrong()) {
        let (_, mut answer) = db.begin(&config);
        if answer["status"] == "ready" {
            let (mut host, _) = db.start(&config);
            row(&mut host, "insert", &json!({"a": 1}), &json!({}));
            answer = commit(&mut host, 1)["@error"].clone();
        }
        assert_eq!(answer["path"], path, "{config}: {answer}");
        assert!(answer["message"].as_str().unwrap().contains(words), "{config}: {answer}");
    }
}
