//! Rows, checkpoint and dead letters are one: killed anywhere, fenced by a later run, resumed.

// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::Db;
use dstream_sql_testkit::{FakeHost, TestDatabase as _, Value, checkpoint, finish, json, row};

dstream_sql_testkit::exactly_once!(Db);

#[test]
fn a_row_that_sqlite_refuses_is_rejected_and_the_others_of_its_batch_stay() {
    let db = Db::new();
    let config = json!({"mode": "upsert", "key": ["id"]});
    let (mut host, _) = db.start(&config);
    let schema = json!({"@schema": {"stream": "s", "key": ["id"], "fields": [
        {"name": "id", "type": "int64", "nullable": false}, {"name": "n", "type": "int32"}]}});
    host.send_json(&schema).unwrap();
    row(&mut host, "insert", &json!({"id": 1, "n": 1}), &json!({}));
    row(&mut host, "insert", &json!({"id": null, "n": 2}), &json!({}));
    row(&mut host, "insert", &json!({"id": 3, "n": "many"}), &json!({}));
    row(&mut host, "insert", &json!({"id": 4, "n": 4}), &json!({}));
    checkpoint(&mut host, 1, &json!(4));
    let first = host.json().unwrap();
    let text = first["@rejected"]["error"]["message"].as_str().unwrap().to_owned();
    assert!(text.contains("column `id`: a key cannot be null"), "{text}");
    let second = host.json().unwrap();
    let text = second["@rejected"]["error"]["message"].as_str().unwrap().to_owned();
    assert!(text.contains("column `n`") && text.contains("int32"), "{text}");
    let committed = host.json().unwrap();
    assert_eq!(committed["@committed"], json!({"id": 1, "written": 2, "rejected": 2}));
    // Killed before the host has confirmed: the next run sends them again, until it does.
    drop(host);
    assert_eq!(db.sql("SELECT count(*) FROM s"), "2");
    let (mut host, ready) = db.start(&config);
    assert_eq!(ready["previous"], json!({"epoch": 1, "id": 1}));
    assert_eq!(host.json().unwrap()["@rejected"], first["@rejected"]);
    assert_eq!(host.json().unwrap()["@rejected"], second["@rejected"]);
    checkpoint(&mut host, 1, &json!(4));
    assert_eq!(host.json().unwrap()["@committed"]["id"], 1);
    host.send_json(&json!({"@committed": {"id": 1}})).unwrap();
    finish(host);
    assert_eq!(db.sql("SELECT count(*) FROM _dstream_rejected"), "0");
}

#[test]
fn a_constraint_of_a_table_that_was_there_is_told_in_sqlites_own_words() {
    let db = Db::new();
    db.sql("CREATE TABLE s (id INTEGER UNIQUE, n CHECK (n < 5))");
    let (mut host, _) = db.start(&json!({}));
    for (id, n) in [(1, 1), (1, 2), (2, 7), (3, 3)] {
        row(&mut host, "insert", &json!({"id": id, "n": n}), &json!({}));
    }
    checkpoint(&mut host, 1, &json!(4));
    let unique = host.json().unwrap().to_string();
    assert!(unique.contains("UNIQUE constraint failed: s.id"), "{unique}");
    let check = host.json().unwrap().to_string();
    assert!(check.contains("CHECK constraint failed: n < 5"), "{check}");
    assert_eq!(host.json().unwrap()["@committed"]["written"], 2);
    host.send_json(&json!({"@committed": {"id": 1}})).unwrap();
    finish(host);
    let ids = db.sql("SELECT group_concat(id) FROM s");
    assert_eq!(ids, "1,3");
    let (mut host, _) = db.start(&json!({"mode": "upsert", "key": ["n"]}));
    row(&mut host, "insert", &json!({"id": 9, "n": 1}), &json!({}));
    checkpoint(&mut host, 2, &json!(5));
    let error = host.json().unwrap()["@error"]["message"].to_string();
    assert!(error.contains("no unique index on (n)"), "{error}");
}

#[test]
fn another_table_is_another_destination() {
    let db = Db::new();
    let fingerprint = |config: Value| {
        let (host, ready) = db.start(&config);
        finish(host);
        ready["fingerprint"].as_str().unwrap().to_owned()
    };
    let plain = fingerprint(json!({}));
    let table = fingerprint(json!({"table": "a"}));
    assert_eq!(plain, fingerprint(json!({"table": "{stream}", "mode": "history"})));
    assert_eq!(table, format!("{plain}, table a"));
    assert_ne!(table, fingerprint(json!({"table": "b"})));
    let here = db.folder.path().display();
    let dotted = fingerprint(json!({"path": format!("{here}/./x.db")}));
    assert_eq!(plain, dotted);
}

#[test]
fn a_database_that_is_gone_is_not_made_anew_and_its_folder_is_made_the_first_time() {
    let db = Db::new();
    let path = db.folder.path().join("out/eu/x.db");
    let mut first = db.command("run", &json!({"path": path}));
    let run = |command: &Value| {
        let mut host = FakeHost::start(Db::PROGRAM).unwrap();
        host.send_json(command).unwrap();
        let ready = host.json().unwrap();
        host.close();
        drop(host.rest());
        ready
    };
    assert_eq!(run(&first)["status"], "ready");
    std::fs::remove_file(&path).unwrap();
    first["confirmed"] = json!({"epoch": 1, "id": 4});
    let refused = run(&first);
    assert_eq!(refused["status"], "error", "{refused}");
    assert!(refused["message"].as_str().unwrap().contains("is not there"), "{refused}");
    assert!(!path.exists());
}

#[test]
fn looking_at_a_database_leaves_no_files_behind() {
    let db = Db::new();
    let (mut host, _) = db.start(&json!({}));
    row(&mut host, "insert", &json!({"a": 1}), &json!({}));
    checkpoint(&mut host, 1, &json!(1));
    finish(host);
    for operation in ["plan", "status", "check"] {
        assert_eq!(db.ask(operation, &json!({}))["status"], "ok", "{operation}");
        let files: Vec<_> =
            std::fs::read_dir(db.folder.path()).unwrap().flatten().map(|e| e.file_name()).collect();
        assert_eq!(files, ["x.db"], "{operation}");
    }
}
