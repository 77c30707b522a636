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

/// Two streams: `s` with the key id, and `more`.
fn streams() -> Value {
    json!([
        {"stream": "s", "key": ["id"], "fields": [
            {"name": "id", "type": "int64", "nullable": false}, {"name": "a", "type": "string"}]},
        {"stream": "more", "key": ["id"], "fields": [{"name": "id", "type": "int32", "nullable": false}]},
    ])
}

/// The resource of this name.
fn found<'r>(report: &'r Value, name: &str) -> &'r Value {
    let all = report["resources"].as_array().unwrap();
    all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name}: {report}"))
}

/// The statement of a resource.
fn statement(report: &Value, name: &str) -> String {
    found(report, name)["detail"].as_str().unwrap_or_default().to_owned()
}

/// Nothing before `init`; then the tables as a run makes them; and a run finds nothing to do.
pub fn plan_shows_the_tables_of_known_streams_and_init_makes_just_these<D: TestDatabase>() {
    let db = D::new();
    let config = json!({"mode": "upsert"});
    let (s, more) = (db.table("s"), db.table("more"));
    let plan = db.ask_about("plan", &config, &streams());
    assert_eq!(plan["status"], "ok", "{plan}");
    let sql = statement(&plan, &s);
    assert!(sql.starts_with(&format!("CREATE TABLE {}", db.quoted(&s))), "{sql}");
    assert!(sql.contains("PRIMARY KEY"), "{sql}");
    assert_eq!((action(&plan, &s), action(&plan, &more)), ("create".into(), "create".into()));
    assert_eq!(db.tables(), [""; 0]);
    let init = db.ask_about("init", &config, &streams());
    assert_eq!((action(&init, &s), action(&init, &more)), ("created".into(), "created".into()));
    assert_eq!(db.columns("s"), ["id", "a"]);
    let again = db.ask_about("init", &config, &streams());
    assert_eq!(action(&again, &s), "exists");
    assert_eq!(action(&db.ask_about("plan", &config, &streams()), &s), "none");
    // The statement is what a run runs: what it makes elsewhere is the same.
    let other = D::new();
    let (mut host, _) = other.start(&config);
    for schema in streams().as_array().unwrap() {
        host.send_json(&json!({"@schema": schema})).unwrap();
    }
    row(&mut host, "insert", &json!({"id": 1, "a": "x"}), &json!({}));
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 1);
    for column in ["id", "a"] {
        assert_eq!(db.column_type("s", column), other.column_type("s", column));
    }
    // What init has made is the task's, and nothing else is.
    db.sql("CREATE TABLE mine (a varchar(99))");
    let destroyed = db.ask("destroy", &json!({}));
    assert_eq!(action(&destroyed, &more), "deleted", "{destroyed}");
    assert_eq!(db.tables(), [db.table("mine")]);
}

/// The statement first, and only `init` runs it.
pub fn plan_shows_how_a_table_would_be_widened_and_init_widens_it<D: TestDatabase>() {
    let db = D::new();
    db.sql("CREATE TABLE s (id bigint NOT NULL, PRIMARY KEY (id))");
    let config = json!({"mode": "upsert", "delete": "soft"});
    let s = db.table("s");
    let plan = db.ask_about("plan", &config, &streams());
    assert_eq!(action(&plan, &s), "update", "{plan}");
    let sql = statement(&plan, &s);
    assert_eq!(sql.matches("ALTER TABLE").count(), 2, "{sql}");
    assert!(sql.contains("_deleted_at"), "{sql}");
    assert_eq!(db.columns("s"), ["id"]);
    let init = db.ask_about("init", &config, &streams());
    assert_eq!(action(&init, &s), "updated", "{init}");
    assert_eq!(db.columns("s"), ["id", "a", "_deleted_at"]);
    // It was there before.
    db.ask("destroy", &json!({}));
    assert_eq!(db.tables(), [s]);
}

/// By `evolve`, by `create`, for want of a key; the others are planned all the same.
pub fn plan_says_what_a_run_would_refuse_and_init_refuses_it<D: TestDatabase>() {
    let db = D::new();
    db.sql(D::NOT_UNIQUE.0);
    let streams = json!([
        {"stream": "s", "key": ["id"], "fields": [
            {"name": "id", "type": "int64"}, {"name": "b", "type": "string"}]},
        {"stream": "more", "key": ["id"], "fields": [{"name": "id", "type": "int32"}]},
    ]);
    for (config, words) in [
        (json!({"evolve": "fail"}), "lacks b"),
        (json!({"mode": "upsert"}), "no unique index on (id)"),
        (json!({"mode": "upsert", "evolve": "ignore"}), "no unique index on (id)"),
        (json!({"mode": "upsert", "key": ["nothing"]}), "no column `nothing`"),
    ] {
        let plan = db.ask_about("plan", &config, &streams);
        let why = statement(&plan, "s");
        assert!(action(&plan, "s") == "refused" && why.contains(words), "{config}: {plan}");
        if words != "no column `nothing`" {
            assert_eq!(action(&plan, &db.table("more")), "create", "{config}: {plan}");
        }
        let error = db.ask_about("init", &config, &streams)["error"].to_string();
        assert!(error.contains(words), "{config}: {error}");
    }
    let config = json!({"create": false});
    let plan = db.ask_about("plan", &config, &streams);
    assert!(statement(&plan, "more").contains("`create = false`"), "{plan}");
    let plan = db.ask_about("plan", &json!({"evolve": "ignore"}), &streams);
    assert_eq!(action(&plan, &db.table("s")), "none", "{plan}");
    assert_eq!(db.columns("s"), ["id", "a"]);
}

/// Two streams in one table: made once, then widened.
pub fn plan_counts_on_what_an_earlier_stream_makes_of_their_table<D: TestDatabase>() {
    let db = D::new();
    let streams = json!([
        {"stream": "one", "fields": [{"name": "id", "type": "int64"}]},
        {"stream": "two", "fields": [{"name": "id", "type": "int64"}, {"name": "b", "type": "string"}]},
        {"stream": "three", "fields": [{"name": "b", "type": "string"}]},
    ]);
    let plan = db.ask_about("plan", &json!({"table": "all_of_them"}), &streams);
    let name = db.table("all_of_them");
    let all = plan["resources"].as_array().unwrap().iter().filter(|one| one["name"] == *name);
    let actions: Vec<_> = all.map(|one| one["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["create", "update", "none"], "{plan}");
    db.ask_about("init", &json!({"table": "all_of_them"}), &streams);
    assert_eq!(db.columns("all_of_them"), ["id", "b"]);
}
