//! What cannot be read, and what is said about it.

use std::collections::BTreeMap;

use dstream_testkit::serde_json::{Value, json};

use crate::config;
use crate::support::{Db, Run};

/// The kind, the setting and the message of the error.
fn refused(db: &Db, more: Value) -> (String, String, String) {
    let mut run = Run::start(db.name, &config(db, more), &BTreeMap::new());
    while run.take() {}
    let error = run.error.unwrap();
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    (text("kind"), text("path"), text("message"))
}

#[test]
fn a_query_that_is_no_select_is_refused_and_nothing_happens() {
    let db = Db::new("query_refused");
    db.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
    db.sql(
        "CREATE FUNCTION add() RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES (2) RETURNING id'",
    );
    for query in [
        "DELETE FROM t",
        "DELETE FROM t RETURNING id",
        "WITH gone AS (DELETE FROM t RETURNING id) SELECT * FROM gone",
        "SELECT 1; DELETE FROM t",
        "SELECT 1) AS q; COMMIT; DELETE FROM t; --",
        "SELECT * FROM t) TO STDOUT; DROP TABLE t; --",
        "SELECT id INTO copy FROM t",
        "COPY t TO STDOUT",
        "SELEC 1",
        "",
    ] {
        let (kind, path, message) = refused(&db, json!({"query": query, "stream": "s"}));
        assert_eq!((kind.as_str(), path.as_str()), ("config", "query"), "{query}: {message}");
        assert!(message.contains("one SELECT"), "{message}");
    }
    // What a function does is seen when it runs: the transaction is read-only.
    let (_, _, message) = refused(&db, json!({"query": "SELECT add()", "stream": "s"}));
    assert!(message.contains("read-only transaction"), "{message}");
    let two = json!({"query": "SELECT 1 AS a, 2 AS a", "stream": "s"});
    assert!(refused(&db, two).2.contains("two columns that are called `a`"));
    let (_, path, _) = refused(&db, json!({"tables": ["t"], "where": "true); DROP TABLE t; --"}));
    assert_eq!(path, "where");
    assert_eq!(db.sql("SELECT count(*), sum(id) FROM t"), "1|1");
}

#[test]
fn what_is_missing_is_said_with_its_setting_and_its_remedy() {
    let db = Db::new("query_missing");
    db.sql("CREATE TABLE t (id int PRIMARY KEY, v int, w int UNIQUE); CREATE TABLE bare (v int)");
    for (more, path, words) in [
        (json!({"tables": ["t"], "cursor": "updated"}), "cursor", "there are: id, v, w"),
        (json!({"tables": ["bare"], "cursor": "v"}), "key", "needs a key"),
        (json!({"tables": ["t"], "key": ["v"]}), "key", "no unique index"),
        (json!({"tables": ["t"], "key": ["w"]}), "key", "SET NOT NULL"),
        (json!({"tables": ["t"], "cursor": "v", "cursor_lag": "5s"}), "cursor_lag", "timestamp"),
        (json!({"tables": ["t"], "columns": ["id", "nope"]}), "columns", "nope"),
        (json!({"tables": ["t"], "where": "nope > 1"}), "where", "nope"),
        (json!({"tables": ["nope"]}), "tables[0]", "no table"),
    ] {
        let (kind, at, message) = refused(&db, more);
        assert_eq!((kind.as_str(), at.as_str()), ("config", path), "{message}");
        assert!(message.contains(words), "{message}");
    }
    db.sql("CREATE ROLE query_nobody LOGIN");
    let (kind, _, message) = refused(&db, json!({"tables": ["t"], "user": "query_nobody"}));
    assert_eq!(kind, "auth", "{message}");
    assert!(message.contains("GRANT SELECT ON \"public\".\"t\""), "{message}");
}

#[test]
fn a_null_in_the_key_of_a_select_is_an_error_and_not_a_gap() {
    let db = Db::new("query_null_key");
    let query = "SELECT NULLIF(g, 5) AS k FROM generate_series(1, 5) g";
    let (kind, path, message) = refused(&db, json!({"query": query, "stream": "s", "key": ["k"]}));
    assert_eq!((kind.as_str(), path.as_str()), ("config", "key"), "{message}");
    assert!(message.contains("null among k"), "{message}");
}

#[test]
fn checkpoints_of_one_mode_or_order_are_refused_by_the_other() {
    let db = Db::new("query_modes");
    db.sql("CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL, b int NOT NULL)");
    let query = config(&db, json!({"tables": ["t"], "cursor": "a"}));
    let by_query = db.read(&query, &BTreeMap::new());
    let by_cdc = db.read(&db.config(&["t"], json!({})), &BTreeMap::new());
    let cdc = db.config(&["t"], json!({}));
    assert!(db.resume(&cdc, &by_query.states).fails().contains("mode \"query\""));
    assert!(db.resume(&query, &by_cdc.states).fails().contains("mode \"cdc\""));
    let other = config(&db, json!({"tables": ["t"], "cursor": "b"}));
    assert!(db.resume(&other, &by_query.states).fails().contains("in the order of (a, id)"));
}

#[test]
fn another_selection_on_a_kept_cursor_is_refused_with_the_ways_out() {
    let db = Db::new("query_selection");
    db.sql("CREATE TABLE t (id int PRIMARY KEY, at int NOT NULL, v int); INSERT INTO t VALUES (1, 1, 1), (2, 2, 2)");
    let all = |more: Value| {
        let mut all = json!({"tables": ["t"], "cursor": "at"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config(&db, all)
    };
    let first = db.read(&all(json!({"where": "v > 1"})), &BTreeMap::new());
    for more in
        [json!({}), json!({"where": "v > 0"}), json!({"where": "v > 1", "columns": ["id", "at"]})]
    {
        let message = db.resume(&all(more), &first.states).fails();
        assert!(
            message.contains("is not what it was") && message.contains("state rm"),
            "{message}"
        );
    }
    // A column that the table gets is no other selection; and the third way out.
    db.sql("ALTER TABLE t ADD w int; INSERT INTO t VALUES (3, 3, 3)");
    assert_eq!(db.read(&all(json!({"where": "v > 1"})), &first.states).rows.len(), 1);
    let mut states = first.states;
    states.get_mut("public.t").unwrap().as_object_mut().unwrap().remove("of").unwrap();
    assert_eq!(db.read(&all(json!({"where": "v > 0"})), &states).rows.len(), 1);
    let select = |query: &str| {
        config(&db, json!({"query": query, "stream": "s", "key": ["id"], "cursor": "at"}))
    };
    let states = db.read(&select("SELECT id, at FROM t"), &BTreeMap::new()).states;
    let message = db.resume(&select("SELECT id, at FROM t WHERE v > 1"), &states).fails();
    assert!(message.contains("is not what it was"), "{message}");
}

#[test]
fn another_selection_for_the_rest_of_an_interrupted_read_is_refused_too() {
    let db = Db::new("query_interrupted");
    db.sql("CREATE TABLE t (id int PRIMARY KEY, v int)");
    db.sql("INSERT INTO t SELECT n, n FROM generate_series(1, 60000) n");
    let config = config(&db, json!({"tables": ["t"], "parallelism": 1}));
    let mut run = Run::start(db.name, &config, &BTreeMap::new());
    run.wait_until(|run| run.rows.len() > 1000);
    run.host.kill();
    assert!(run.rows.len() < 60_000, "it was interrupted");
    for (setting, value) in [("where", json!("v > 0")), ("columns", json!(["id"]))] {
        let mut other = config.clone();
        other[setting] = value;
        let text = Run::start(db.name, &other, &run.states).fails();
        assert!(text.contains("is not what it was when the checkpoint was made"), "{text}");
    }
    let rest = db.read(&config, &run.states);
    assert_eq!(run.rows.len() + rest.rows.len(), 60_000, "as it was, it goes on");
}

#[test]
fn a_missing_grant_is_found_before_anything_is_read() {
    let db = Db::new("query_grants");
    db.sql("CREATE TABLE t (id int PRIMARY KEY, secret int); CREATE ROLE query_half LOGIN; GRANT SELECT (id) ON t TO query_half");
    let half = |more: Value| {
        let mut all = json!({"user": "query_half"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config(&db, all)
    };
    for command in ["check", "plan", "discover"] {
        for (more, allowed) in [
            (json!({"tables": ["t"], "columns": ["id"]}), true),
            (json!({"tables": ["t"]}), false),
            (json!({"tables": ["t"], "columns": ["id"], "where": "secret > 1"}), false),
            (json!({"query": "SELECT id FROM t", "stream": "s"}), true),
            (json!({"query": "SELECT max(secret) FROM t", "stream": "s"}), false),
        ] {
            let mut host = dstream_testkit::FakeHost::start(crate::support::PROGRAM).unwrap();
            host.send_json(&crate::support::command(db.name, command, &half(more.clone())))
                .unwrap();
            host.close();
            let report = host.json().unwrap().to_string();
            assert_eq!(
                !report.contains("permission denied"),
                allowed,
                "{command} {more}: {report}"
            );
        }
    }
}

#[test]
fn the_source_forgets_nothing_because_it_was_read() {
    let db = Db::new("query_delivery");
    db.sql("CREATE TABLE t (id int PRIMARY KEY)");
    for (config, prunes) in [
        (config(&db, json!({"tables": ["t"]})), json!(false)),
        (db.config(&["t"], json!({})), Value::Null),
    ] {
        let mut host = dstream_testkit::FakeHost::start(crate::support::PROGRAM).unwrap();
        host.send_json(&crate::support::command(db.name, "run", &config)).unwrap();
        let ready = host.json().unwrap();
        assert_eq!(ready["delivery"]["prunes_on_ack"], prunes, "{ready}");
        host.kill();
    }
}

#[test]
fn plan_and_check_say_what_is_read_and_change_nothing() {
    let db = Db::new("query_plan");
    db.sql("CREATE TABLE t (id int PRIMARY KEY, at timestamptz)");
    let full = config(&db, json!({"tables": ["t"]}));
    let incremental = config(&db, json!({"tables": ["t"], "cursor": "at"}));
    for (config, words) in [(full, "later snapshot"), (incremental, "deletes")] {
        let mut host = dstream_testkit::FakeHost::start(crate::support::PROGRAM).unwrap();
        host.send_json(&crate::support::command(db.name, "plan", &config)).unwrap();
        host.close();
        let report = host.json().unwrap();
        let resource = &report["resources"][0];
        assert_eq!((&resource["name"], &resource["action"]), (&json!("public.t"), &json!("none")));
        assert!(resource["detail"].as_str().unwrap().contains(words), "{report}");
    }
    assert_eq!(db.sql("SELECT count(*) FROM pg_publication"), "0");
}
