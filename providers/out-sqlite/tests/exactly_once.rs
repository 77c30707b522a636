//! Rows, checkpoint and dead letters are one: killed anywhere, fenced by a later run, resumed.

// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use dstream_testkit::FakeHost;
use dstream_testkit::serde_json::{self, Value, json};
use rusqlite::Connection;

const PROGRAM: &str = env!("CARGO_BIN_EXE_dstream-out-sqlite");

fn command(folder: &Path, config: &Value) -> Value {
    let mut all = json!({"path": folder.join("x.db")});
    for (key, value) in config.as_object().unwrap() {
        all[key] = value.clone();
    }
    json!({
        "protocol": 2, "command": "run", "role": "output", "task": "t", "task_id": "u-1",
        "name": "out", "inputs": ["in"], "dead_letter": true, "commit_within_ms": 200, "config": all,
    })
}

/// Starts a run; its ready line.
fn start(folder: &Path, config: &Value) -> (FakeHost, Value) {
    let mut host = FakeHost::start(PROGRAM).unwrap();
    host.send_json(&command(folder, config)).unwrap();
    let ready = host.json().unwrap();
    assert_eq!(ready["status"], "ready", "{ready}");
    (host, ready)
}

fn row(host: &mut FakeHost, op: &str, data: &Value, more: &Value) {
    let mut metadata = json!({"stream": "s", "op": op});
    for (key, value) in more.as_object().into_iter().flatten() {
        metadata[key] = value.clone();
    }
    host.send_json(&json!({"data": data, "metadata": metadata})).unwrap();
}

fn checkpoint(host: &mut FakeHost, id: u64, state: &Value) {
    host.send_json(&json!({"@checkpoint": {"id": id, "state": {"": state}}})).unwrap();
}

fn finish(mut host: FakeHost) -> Vec<Value> {
    host.send_json(&json!({"@end": {}})).unwrap();
    host.close();
    let rest = host.rest().unwrap();
    host.exits_with(0).unwrap();
    rest.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn query<T: rusqlite::types::FromSql>(folder: &Path, sql: &str) -> T {
    Connection::open(folder.join("x.db")).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_killed_run_goes_on_from_the_checkpoint_that_stands_beside_the_rows() {
    for point in ["before_commit:1", "before_commit:3", "after_commit:1", "after_commit:4"] {
        let folder = tempfile::tempdir().unwrap();
        let runs = [Some(point), Some(point), Some(point), None];
        for point in runs {
            one_run(folder.path(), point);
        }
        let got: (i64, i64) = Connection::open(folder.path().join("x.db"))
            .unwrap()
            .query_row("SELECT count(*), count(DISTINCT id) FROM s", [], |r| {
                Ok((r.get(0)?, r.get(1)?))
            })
            .unwrap();
        assert_eq!(got, (60, 60), "{point}");
    }
}

/// Sends what the database says is missing of sixty rows, three a checkpoint.
fn one_run(folder: &Path, point: Option<&str>) {
    use std::io::{BufRead, Write};
    let mut child = std::process::Command::new(PROGRAM)
        .env("DSTREAM_FAIL_POINT", point.unwrap_or("none"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    writeln!(stdin, "{}", command(folder, &json!({}))).unwrap();
    stdout.read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let mut next = ready["checkpoint"]["in"][""].as_u64().unwrap_or(0);
    let mut id = 0;
    while next < 60 {
        let mut text = String::new();
        for _ in 0..3 {
            text += &format!("{{\"data\":{{\"id\":{next}}},\"metadata\":{{\"stream\":\"s\"}}}}\n");
            next += 1;
        }
        id += 1;
        text += &format!("{{\"@checkpoint\":{{\"id\":{id},\"state\":{{\"\":{next}}}}}}}\n");
        line.clear();
        if stdin.write_all(text.as_bytes()).is_err() || stdout.read_line(&mut line).unwrap() == 0 {
            break;
        }
    }
    drop(stdin);
    child.wait().unwrap();
}

#[test]
fn a_run_that_was_overtaken_cannot_commit_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let (mut first, ready) = start(folder.path(), &json!({}));
    assert_eq!(ready["epoch"], 1);
    let (second, ready) = start(folder.path(), &json!({}));
    assert_eq!(ready["epoch"], 2);
    row(&mut first, "insert", &json!({"id": 1}), &json!({}));
    checkpoint(&mut first, 1, &json!(1));
    let error = first.json().unwrap();
    assert_eq!(error["@error"]["kind"], "fenced", "{error}");
    drop(second);
}

#[test]
fn a_row_that_sqlite_refuses_is_rejected_and_the_others_of_its_batch_stay() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({"mode": "upsert", "key": ["id"]});
    let (mut host, _) = start(folder.path(), &config);
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
    assert_eq!(query::<i64>(folder.path(), "SELECT count(*) FROM s"), 2);
    let (mut host, ready) = start(folder.path(), &config);
    assert_eq!(ready["previous"], json!({"epoch": 1, "id": 1}));
    assert_eq!(host.json().unwrap()["@rejected"], first["@rejected"]);
    assert_eq!(host.json().unwrap()["@rejected"], second["@rejected"]);
    checkpoint(&mut host, 1, &json!(4));
    assert_eq!(host.json().unwrap()["@committed"]["id"], 1);
    host.send_json(&json!({"@committed": {"id": 1}})).unwrap();
    finish(host);
    assert_eq!(query::<i64>(folder.path(), "SELECT count(*) FROM _dstream_rejected"), 0);
}

#[test]
fn a_constraint_of_a_table_that_was_there_is_told_in_sqlites_own_words() {
    let folder = tempfile::tempdir().unwrap();
    let db = Connection::open(folder.path().join("x.db")).unwrap();
    db.execute_batch("CREATE TABLE s (id INTEGER UNIQUE, n CHECK (n < 5))").unwrap();
    let (mut host, _) = start(folder.path(), &json!({}));
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
    let ids: String = query(folder.path(), "SELECT group_concat(id) FROM s");
    assert_eq!(ids, "1,3");
    let (mut host, _) = start(folder.path(), &json!({"mode": "upsert", "key": ["n"]}));
    row(&mut host, "insert", &json!({"id": 9, "n": 1}), &json!({}));
    checkpoint(&mut host, 2, &json!(5));
    let error = host.json().unwrap()["@error"]["message"].to_string();
    assert!(error.contains("no unique index on (n)"), "{error}");
}

#[test]
fn a_partition_is_written_under_its_lease_and_an_older_lease_is_fenced() {
    let folder = tempfile::tempdir().unwrap();
    let commit = |host: &mut FakeHost, id: u64| {
        row(host, "insert", &json!({"id": id}), &json!({}));
        let line = json!({"@checkpoint": {"id": id, "state": {"p": id}}});
        host.send_json(&line).unwrap();
        host.json().unwrap()
    };
    let claim = |host: &mut FakeHost, epoch: u64| {
        host.send_json(&json!({"@claim": {"part": "p", "epoch": epoch}})).unwrap();
        host.json().unwrap()
    };
    let (mut a, _) = start(folder.path(), &json!({}));
    assert_eq!(claim(&mut a, 7)["@claimed"], json!({"part": "p"}));
    assert_eq!(commit(&mut a, 1)["@committed"]["id"], 1);
    // A second instance opens: the first one goes on, because its partition is its own still.
    let (mut b, _) = start(folder.path(), &json!({}));
    assert_eq!(commit(&mut a, 2)["@committed"]["id"], 2);
    assert_eq!(claim(&mut b, 8)["@claimed"], json!({"part": "p", "state": 2}));
    assert_eq!(commit(&mut a, 3)["@error"]["kind"], "fenced");
    assert_eq!(commit(&mut b, 3)["@committed"]["id"], 3);
    assert_eq!(query::<i64>(folder.path(), "SELECT count(*) FROM s"), 3);
}

#[test]
fn updates_follow_a_changed_key_and_leave_unsent_columns_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (mut host, _) = start(folder.path(), &json!({"mode": "upsert", "key": ["id"]}));
    row(&mut host, "insert", &json!({"id": 1, "a": "x", "b": "big"}), &json!({}));
    row(&mut host, "update", &json!({"id": 1, "a": "y"}), &json!({"unchanged": ["b"]}));
    row(
        &mut host,
        "update",
        &json!({"id": 2, "a": "z"}),
        &json!({"unchanged": ["b"], "key": {"id": 1}}),
    );
    row(&mut host, "insert", &json!({"id": 3, "a": "c", "b": null}), &json!({}));
    row(&mut host, "delete", &json!({"id": 3}), &json!({"key": {"id": 3}}));
    row(&mut host, "insert", &json!({"id": 4, "a": "late", "c": {"new": true}}), &json!({}));
    checkpoint(&mut host, 1, &json!(1));
    assert_eq!(host.json().unwrap()["@committed"]["written"], 6);
    finish(host);
    let all: String = query(
        folder.path(),
        "SELECT group_concat(concat_ws('/', id, a, b, c), ' ') FROM (SELECT * FROM s ORDER BY id)",
    );
    assert_eq!(all, "2/z/big 4/late/{\"new\":true}");
}

#[test]
fn a_late_column_is_refused_or_left_out_as_the_task_says() {
    for (evolve, columns) in [("add", 2), ("ignore", 1)] {
        let folder = tempfile::tempdir().unwrap();
        let (mut host, _) = start(folder.path(), &json!({"evolve": evolve}));
        row(&mut host, "insert", &json!({"a": 1}), &json!({}));
        row(&mut host, "insert", &json!({"a": 2, "b": 2}), &json!({}));
        checkpoint(&mut host, 1, &json!(1));
        assert_eq!(host.json().unwrap()["@committed"]["written"], 2);
        finish(host);
        let sql = "SELECT count(*) FROM pragma_table_info('s')";
        assert_eq!(query::<i64>(folder.path(), sql), columns);
    }
    let folder = tempfile::tempdir().unwrap();
    let (mut host, _) = start(folder.path(), &json!({"evolve": "fail"}));
    row(&mut host, "insert", &json!({"a": 1}), &json!({}));
    row(&mut host, "insert", &json!({"a": 2, "b": 2}), &json!({}));
    checkpoint(&mut host, 1, &json!(1));
    let error = host.json().unwrap();
    assert!(error["@error"]["message"].as_str().unwrap().contains("lacks b"), "{error}");
}

#[test]
fn destroy_removes_what_the_task_made_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let db = Connection::open(folder.path().join("x.db")).unwrap();
    db.execute_batch("CREATE TABLE mine (a); INSERT INTO mine VALUES (1)").unwrap();
    let (mut host, _) = start(folder.path(), &json!({}));
    row(&mut host, "insert", &json!({"a": 1}), &json!({}));
    host.send_json(&json!({"data": {"a": 2}, "metadata": {"stream": "mine"}})).unwrap();
    checkpoint(&mut host, 1, &json!(1));
    assert_eq!(host.json().unwrap()["@committed"]["written"], 2);
    finish(host);
    let ask = |operation: &str| {
        let mut command = command(folder.path(), &json!({}));
        command["command"] = operation.into();
        let mut host = FakeHost::start(PROGRAM).unwrap();
        host.send_json(&command).unwrap();
        host.close();
        host.json().unwrap()
    };
    let status = ask("status").to_string();
    assert!(status.contains("\"1 rows\"") && status.contains("\"checkpoint\""), "{status}");
    let named = |report: &Value, kept: bool| -> Vec<String> {
        let all = report["resources"].as_array().unwrap().iter();
        let tables = all.filter(|r| r["type"] == "table" || r["type"] == "database");
        let these = tables.filter(|r| r["kept"].as_bool().unwrap_or_default() == kept);
        these.map(|r| r["name"].as_str().unwrap().to_owned()).collect()
    };
    let bookkeeping = ["_dstream_checkpoints", "_dstream_rejected", "_dstream_tables"];
    let status = ask("status");
    let mut goes = named(&status, false);
    goes.sort();
    assert_eq!(goes, [bookkeeping.as_slice(), &["s"]].concat());
    assert_eq!(named(&status, true).len(), 1, "{status}");
    // Another task's rows keep the bookkeeping where it is.
    db.execute_batch(
        "INSERT INTO _dstream_checkpoints (task_id, output, input, part, epoch, task) VALUES ('u-2', 'out', '', '', 1, 'o')",
    )
    .unwrap();
    assert_eq!(named(&ask("status"), false), ["s"]);
    db.execute_batch("DELETE FROM _dstream_checkpoints WHERE task_id = 'u-2'").unwrap();
    assert_eq!(ask("destroy")["status"], "ok");
    let left: String = query(folder.path(), "SELECT group_concat(name) FROM sqlite_schema");
    assert_eq!(left, "mine");
    assert_eq!(query::<i64>(folder.path(), "SELECT count(*) FROM mine"), 2);
}

#[test]
fn another_table_is_another_destination() {
    let folder = tempfile::tempdir().unwrap();
    let fingerprint = |config: Value| {
        let (host, ready) = start(folder.path(), &config);
        finish(host);
        ready["fingerprint"].as_str().unwrap().to_owned()
    };
    let plain = fingerprint(json!({}));
    let table = fingerprint(json!({"table": "a"}));
    assert_eq!(plain, fingerprint(json!({"table": "{stream}", "mode": "history"})));
    assert_eq!(table, format!("{plain}, table a"));
    assert_ne!(table, fingerprint(json!({"table": "b"})));
    let here = folder.path().display();
    let dotted = fingerprint(json!({"path": format!("{here}/./x.db")}));
    assert_eq!(plain, dotted);
}

#[test]
fn a_soft_delete_keeps_the_row_and_says_since_when_it_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({"mode": "upsert", "key": ["id"], "delete": "soft"});
    let (mut host, _) = start(folder.path(), &config);
    for id in 1..=3 {
        row(&mut host, "insert", &json!({"id": id, "a": "x"}), &json!({}));
    }
    let at = json!({"ts": "2026-03-01T12:00:00Z"});
    row(&mut host, "delete", &json!({"id": 1}), &at);
    row(&mut host, "delete", &json!({"id": 2}), &at);
    row(&mut host, "insert", &json!({"id": 2, "a": "again"}), &json!({}));
    checkpoint(&mut host, 1, &json!(1));
    assert_eq!(host.json().unwrap()["@committed"]["written"], 6);
    row(&mut host, "truncate", &Value::Null, &json!({"ts": "2026-04-01T00:00:00Z"}));
    checkpoint(&mut host, 2, &json!(2));
    assert_eq!(host.json().unwrap()["@committed"]["written"], 1);
    finish(host);
    let sql = "SELECT group_concat(id || a || substr(_deleted_at, 6, 2), ' ') FROM (SELECT * FROM s ORDER BY id)";
    assert_eq!(query::<String>(folder.path(), sql), "1x03 2again04 3x04");
}

#[test]
fn the_history_has_every_change_with_what_happened() {
    let folder = tempfile::tempdir().unwrap();
    let (mut host, _) = start(folder.path(), &json!({"mode": "history"}));
    let about = |tx: u64| json!({"ts": "2026-03-01T12:00:00Z", "position": "0/1", "tx": tx});
    row(&mut host, "insert", &json!({"id": 1, "a": "x"}), &about(7));
    row(&mut host, "delete", &json!({"id": 1}), &about(8));
    row(&mut host, "truncate", &Value::Null, &about(9));
    checkpoint(&mut host, 1, &json!(1));
    assert_eq!(host.json().unwrap()["@committed"]["written"], 3);
    finish(host);
    let sql = "SELECT group_concat(concat_ws('/', id, a, _op, _position, _tx, substr(_ts, 1, 4)), ' ') FROM s";
    assert_eq!(
        query::<String>(folder.path(), sql),
        "1/x/insert/0/1/7/2026 1/delete/0/1/8/2026 truncate/0/1/9/2026"
    );
}

/// As the first version made it.
#[test]
fn a_database_of_an_earlier_version_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let db = Connection::open(folder.path().join("x.db")).unwrap();
    db.execute_batch(
        "CREATE TABLE _dstream_checkpoints (
           task_id TEXT NOT NULL, output TEXT NOT NULL, input TEXT NOT NULL, part TEXT NOT NULL,
           epoch INTEGER NOT NULL, state TEXT, mark_epoch INTEGER, mark_id INTEGER,
           task TEXT NOT NULL, updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')),
           PRIMARY KEY (task_id, output, input, part)) STRICT, WITHOUT ROWID;
         CREATE TABLE _dstream_rejected (
           task_id TEXT NOT NULL, output TEXT NOT NULL, epoch INTEGER NOT NULL, checkpoint INTEGER NOT NULL,
           n INTEGER NOT NULL, rejected TEXT NOT NULL,
           created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')),
           PRIMARY KEY (task_id, output, epoch, checkpoint, n)) STRICT, WITHOUT ROWID;
         CREATE TABLE _dstream_tables (
           name TEXT NOT NULL PRIMARY KEY, task_id TEXT NOT NULL, output TEXT NOT NULL,
           created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ'))) STRICT;
         CREATE TABLE s (id INTEGER NOT NULL, PRIMARY KEY (id)) STRICT;
         INSERT INTO _dstream_tables (name, task_id, output) VALUES ('s', 'u-1', 'out');
         INSERT INTO _dstream_checkpoints VALUES ('u-1', 'out', '', '', 4, NULL, 4, 17, 't', 'then');
         INSERT INTO _dstream_checkpoints VALUES ('u-1', 'out', 'in', '', 0, '{\"at\":5}', NULL, NULL, 't', 'then');
         INSERT INTO _dstream_rejected (task_id, output, epoch, checkpoint, n, rejected)
           VALUES ('u-1', 'out', 4, 17, 0, '{\"error\":{\"kind\":\"permanent\",\"message\":\"m\"}}');",
    )
    .unwrap();
    let (mut host, ready) = start(folder.path(), &json!({"mode": "upsert", "key": ["id"]}));
    assert_eq!(ready["epoch"], 5);
    assert_eq!(ready["previous"], json!({"epoch": 4, "id": 17}));
    assert_eq!(ready["checkpoint"], json!({"in": {"": {"at": 5}}}));
    assert_eq!(host.json().unwrap()["@rejected"]["error"]["message"], "m");
    row(&mut host, "insert", &json!({"id": 1}), &json!({}));
    checkpoint(&mut host, 1, &json!(6));
    assert_eq!(host.json().unwrap()["@committed"]["written"], 1);
    finish(host);
    let sql = "SELECT state FROM _dstream_checkpoints WHERE input = 'in'";
    assert_eq!(query::<String>(folder.path(), sql), "6");
}

#[test]
fn a_database_that_is_gone_is_not_made_anew_and_its_folder_is_made_the_first_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out/eu/x.db");
    let mut first = command(folder.path(), &json!({"path": path}));
    let run = |command: &Value| {
        let mut host = FakeHost::start(PROGRAM).unwrap();
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
    let folder = tempfile::tempdir().unwrap();
    let (mut host, _) = start(folder.path(), &json!({}));
    row(&mut host, "insert", &json!({"a": 1}), &json!({}));
    checkpoint(&mut host, 1, &json!(1));
    finish(host);
    for operation in ["plan", "status", "check"] {
        let mut command = command(folder.path(), &json!({}));
        command["command"] = operation.into();
        let mut host = FakeHost::start(PROGRAM).unwrap();
        host.send_json(&command).unwrap();
        host.close();
        let said = host.rest().unwrap();
        assert!(!said.is_empty(), "{operation}");
        let files: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().flatten().map(|e| e.file_name()).collect();
        assert_eq!(files, ["x.db"], "{operation}");
    }
}
