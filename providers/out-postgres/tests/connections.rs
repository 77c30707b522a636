//! With several connections: everything that holds with one, and what only prepared transactions can
//! get wrong.

// Servers are started by programs of Unix.
#![cfg(unix)]
// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
mod wide;

use std::io::Write as _;
use std::time::{Duration, Instant};

use dstream_sql_testkit::kill::{Kill, ROWS, Run, one_run};
use dstream_sql_testkit::{TestDatabase as _, Value, commit, error_of, finish, json, row, send};
use wide::Wide;

mod as_with_one {
    use super::wide::Wide;
    dstream_sql_testkit::exactly_once!(Wide);
    dstream_sql_testkit::writing!(Wide);
    dstream_sql_testkit::server!(Wide);
}

const COUNTS: &str = "SELECT count(*), count(DISTINCT id) FROM s";
const WRITERS: &str = "SELECT count(DISTINCT xmin::text) FROM s";
const OPEN: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
     AND state = 'idle in transaction'";
const LEFT: &str = "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()";

/// Sends so many rows and their checkpoint; what is said of it.
fn many(host: &mut dstream_sql_testkit::FakeHost, ids: std::ops::Range<u64>, id: u64) -> Value {
    for at in ids {
        row(host, "insert", &json!({"id": at}), &json!({}));
    }
    commit(host, id)
}

/// A schema between rows: those before it are written by themselves.
fn schema_of(host: &mut dstream_sql_testkit::FakeHost, kind: &str) {
    let fields = json!([{"name": "id", "type": "string"}, {"name": "a", "type": "string"}]);
    let schema = json!({"stream": "s", "key": ["id"], "fields": fields});
    host.send_json(&json!({"@schema": schema})).unwrap_or_else(|error| panic!("{kind}: {error}"));
}

/// Until a query has this answer.
fn wait_for(db: &Wide, query: &str, answer: &str) {
    let began = Instant::now();
    while db.sql(query) != answer {
        assert!(began.elapsed() < Duration::from_secs(30), "{query}: {}", db.sql(query));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn rows_are_written_by_several_connections() {
    let db = Wide::new();
    db.sql(wide::TABLE[0]);
    let (mut host, _) = db.start(&json!({}));
    assert_eq!(many(&mut host, 0..500, 1)["@committed"]["written"], 500);
    finish(host);
    assert_eq!(db.sql(WRITERS), "4");
    assert_eq!(db.sql(LEFT), "0");
}

#[test]
fn a_table_whose_rows_may_wait_for_each_other_is_written_by_one() {
    for more in [
        "CREATE UNIQUE INDEX ON s (a)",
        "CREATE TABLE o (id bigint REFERENCES s)",
        "CREATE TABLE o () INHERITS (s)",
    ] {
        let db = Wide::new();
        db.sql(wide::TABLE[1]);
        db.sql(more);
        let (mut host, _) = db.start(&json!({"mode": "upsert", "key": ["id"]}));
        assert_eq!(many(&mut host, 0..100, 1)["@committed"]["written"], 100);
        finish(host);
        assert_eq!(db.sql(WRITERS), "1", "{more}");
    }
}

/// What a trigger finds in other tables must not depend on who has written it.
#[test]
fn a_table_with_triggers_has_the_others_written_by_its_connection_too() {
    let add = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN NEW.a := (SELECT count(*) FROM s); RETURN NEW; END'; ";
    for more in [
        "CREATE TABLE c (id bigint, a text); \
         CREATE TRIGGER t BEFORE INSERT ON c FOR EACH ROW EXECUTE FUNCTION f()",
        "CREATE TABLE c (id bigint, a text) PARTITION BY RANGE (id); \
         CREATE TABLE d PARTITION OF c DEFAULT; \
         CREATE TRIGGER t BEFORE INSERT ON d FOR EACH ROW EXECUTE FUNCTION f()",
    ] {
        let db = Wide::new();
        db.sql(wide::TABLE[1]);
        db.sql(&format!("{add}{more}"));
        let (mut host, _) = db.start(&json!({"mode": "append"}));
        db.sql("ALTER TABLE s DROP CONSTRAINT s_pkey");
        // Written and taken back, or not begun: the rows of s are there when c's are written.
        for at in 0..100 {
            row(&mut host, "insert", &json!({"id": at}), &json!({}));
        }
        host.send_json(&json!({"@schema": {"stream": "s", "fields": [
            {"name": "id", "type": "int64"}, {"name": "a", "type": "string"}]}}))
            .unwrap();
        send(&mut host, "c", "insert", &json!({"id": 1}), &json!({}));
        assert_eq!(commit(&mut host, 1)["@committed"]["written"], 101);
        finish(host);
        assert_eq!(db.sql("SELECT a FROM c"), "100", "{more}");
        assert_eq!(db.sql(WRITERS), "1", "{more}");
    }
}

/// Of a key that is not there yet, a connection that deletes it sees nothing of the one that makes it.
#[test]
fn keys_that_are_one_to_the_server_stay_with_one_connection() {
    type Text = fn(usize) -> String;
    let uuid: Text = |id| format!("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a{id:02x}");
    let shouted: Text = |id| format!("A0EEBC999C0B4EF8BB6D6BB9BD380A{id:02X}");
    let number: Text = |id| id.to_string();
    let cases: [(&str, Text, Text); 5] = [
        ("bigint", number, |id| format!("0{id}")),
        ("numeric(10)", number, |id| format!("+{id}")),
        ("numeric", number, |id| format!("{id}.0")),
        ("uuid", uuid, shouted),
        ("char(40)", number, |id| format!("{id}  ")),
    ];
    for (kind, one, other) in cases {
        let db = Wide::new();
        db.sql(&format!("CREATE TABLE s (id {kind} PRIMARY KEY, a text)"));
        let (mut host, _) = db.start(&json!({"mode": "upsert", "key": ["id"]}));
        for id in 0..40 {
            row(&mut host, "insert", &json!({"id": one(id), "a": "1"}), &json!({}));
        }
        // Written before what follows, in the same transaction.
        schema_of(&mut host, kind);
        for id in 0..40 {
            row(&mut host, "delete", &json!({"id": other(id)}), &json!({}));
        }
        assert_eq!(commit(&mut host, 1)["@committed"]["written"], 80, "{kind}");
        finish(host);
        assert_eq!(db.sql("SELECT count(*) FROM s"), "0", "{kind}");
    }
}

/// The connection that makes the row has not committed when another would take it away.
#[test]
fn a_row_that_moves_in_its_first_transaction_leaves_nothing_behind() {
    for partial in [false, true] {
        let db = Wide::new();
        db.sql(wide::TABLE[1]);
        let (mut host, _) = db.start(&json!({"mode": "upsert", "key": ["id"]}));
        for id in 0..40 {
            row(&mut host, "insert", &json!({"id": id, "a": id.to_string()}), &json!({}));
        }
        // Written before what follows, in the same transaction.
        schema_of(&mut host, "bigint");
        for id in 0..40 {
            let mut more = json!({"key": {"id": id}});
            let mut data = json!({"id": id + 100, "a": id.to_string()});
            if partial {
                more["unchanged"] = json!(["a"]);
                data.as_object_mut().unwrap().remove("a");
            }
            row(&mut host, "update", &data, &more);
        }
        assert_eq!(commit(&mut host, 1)["@committed"]["written"], 80);
        finish(host);
        let there = "SELECT count(*), min(id), count(*) FILTER (WHERE a = (id - 100)::text) FROM s";
        assert_eq!(db.sql(there), "40|100|40", "{partial}");
    }
}

/// Whoever has the lease next does not end what this run has prepared, so it prepares nothing.
#[test]
fn a_partition_that_is_claimed_in_the_middle_leaves_all_rows_to_one() {
    let db = Wide::new();
    db.sql(wide::TABLE[1]);
    let mut command = db.command("run", &json!({"mode": "upsert", "key": ["id"]}));
    command["commit_within_ms"] = json!(60_000);
    let (mut run, _) = Run::start::<Wide>(&command, "before_prepare:1");
    let text = "x".repeat(1000);
    for id in 0..8000 {
        let line = json!({"data": {"id": id, "a": text}, "metadata": {"stream": "s"}});
        writeln!(run.stdin, "{line}").unwrap();
    }
    wait_for(&db, OPEN, "4");
    assert!(run.step("{\"@claim\":{\"part\":\"p\",\"epoch\":1,\"group\":\"g\"}}\n"));
    wait_for(&db, OPEN, "1");
    let checkpoint = json!({"@checkpoint": {"id": 1, "state": {"p": 1}}});
    assert!(run.step(&format!("{checkpoint}\n{}\n", json!({"@end": {}}))));
    assert!(run.end());
    assert_eq!(db.sql("SELECT count(*), count(a) FROM s"), "8000|8000");
}

/// Another session has a row: nobody knows that it is not another connection of this run.
#[test]
fn a_connection_that_waits_for_long_leaves_all_rows_to_one() {
    let db = Wide::new();
    db.sql(wide::TABLE[1]);
    let (mut host, _) = db.start(&json!({"mode": "upsert", "key": ["id"]}));
    let mut write = |round: u64| {
        for id in 0..100 {
            row(&mut host, "update", &json!({"id": id, "a": round.to_string()}), &json!({}));
        }
        assert_eq!(commit(&mut host, round)["@committed"]["written"], 100);
        let at_last = format!("SELECT count(*) FROM s WHERE a = '{round}'");
        assert_eq!(db.sql(&at_last), "100");
        db.sql(WRITERS)
    };
    assert_eq!(write(1), "4");
    let one = std::thread::scope(|scope| {
        let held = "BEGIN; DELETE FROM s WHERE id = 7; SELECT pg_sleep(3); ROLLBACK";
        let other = scope.spawn(|| db.sql(held));
        wait_for(
            &db,
            "SELECT count(*) FROM pg_locks WHERE relation = 's'::regclass AND mode = 'RowExclusiveLock'",
            "1",
        );
        let writers = write(2);
        other.join().unwrap();
        writers
    });
    assert_eq!(one, "1");
    // The next ones are divided again.
    assert_eq!(write(3), "4");
    finish(host);
}

#[test]
fn too_few_prepared_transactions_are_told_with_the_setting() {
    let (db, server) = (common::Db::new(), dstream_servers::Postgres::start(&[]));
    let config = json!({"url": server.url("postgres"), "connections": 3});
    let error = db.ask("check", &config)["error"].to_string();
    assert!(error.contains("max_prepared_transactions = 2"), "{error}");
    let (_, answer) = db.begin(&config);
    assert_eq!((&answer["kind"], &answer["path"]), (&json!("config"), &json!("connections")));
    let (_, answer) = db.begin(&json!({"connections": 17}));
    assert_eq!(answer["path"], "connections", "{answer}");
    for operation in ["plan", "init"] {
        let error = db.ask(operation, &config)["error"].to_string();
        assert!(error.contains("max_prepared_transactions = 2"), "{operation}: {error}");
    }
    let db = Wide::new();
    for operation in ["check", "plan", "init"] {
        assert_eq!(db.ask(operation, &json!({}))["status"], "ok");
    }
}

/// Prepared, and perhaps the checkpoint beside it, when both the output and the server are killed.
#[test]
fn a_server_that_is_killed_in_between_finds_the_prepared_transactions_again() {
    for (point, kept) in [("before_main_commit:2", 150), ("after_main_commit:2", 300)] {
        let db = Wide::apart();
        db.sql(wide::TABLE[0]);
        assert!(one_run(&db, "append", Kill::At(Some(point))));
        assert_eq!(db.sql(LEFT), "3");
        db.kill_server();
        assert_eq!(db.sql(LEFT), "3");
        // With one connection as well: what is left is no matter of today's settings.
        let (host, ready) = db.start(&json!({"connections": 1}));
        assert_eq!(ready["checkpoint"]["in"][""], kept, "{ready}");
        finish(host);
        assert_eq!(db.sql(LEFT), "0");
        assert_eq!(db.sql(COUNTS), format!("{kept}|{kept}"));
        while one_run(&db, "append", Kill::At(None)) {}
        assert_eq!(db.sql(COUNTS), format!("{ROWS}|{ROWS}"));
    }
}

/// The table is not the task's own, so its rows are left.
#[test]
fn status_shows_what_a_killed_run_left_prepared_and_destroy_ends_it() {
    for (point, said, ended, rows) in [
        ("before_main_commit:1", "rolls back them", "rolled back", "0"),
        ("after_main_commit:1", "commits them", "committed", "150"),
    ] {
        let db = Wide::new();
        db.sql(wide::TABLE[0]);
        assert!(one_run(&db, "append", Kill::At(Some(point))));
        assert_eq!(db.sql(LEFT), "3");
        let prepared = |answer: &Value| -> Vec<Value> {
            let all = answer["resources"].as_array().unwrap().iter();
            all.filter(|one| one["type"] == "prepared transaction").cloned().collect()
        };
        let status = db.ask("status", &json!({}));
        let shown = prepared(&status);
        assert_eq!(shown.len(), 3, "{status}");
        for one in &shown {
            assert_eq!((&one["action"], &one["kept"]), (&json!("exists"), &Value::Null));
            assert!(one["detail"].as_str().unwrap().contains(said), "{one}");
            let there = format!(
                "SELECT count(*) FROM pg_prepared_xacts WHERE gid = '{}'",
                one["name"].as_str().unwrap()
            );
            assert_eq!(db.sql(&there), "1");
        }
        let said = db.ask("destroy", &json!({}));
        assert_eq!(said["status"], "ok", "{said}");
        assert!(prepared(&said).iter().all(|one| one["action"] == ended), "{said}");
        assert_eq!((prepared(&said).len(), db.sql(LEFT).as_str()), (3, "0"));
        assert_eq!(db.tables(), ["public.s"]);
        assert_eq!(db.sql("SELECT count(*) FROM s"), rows);
    }
}

/// A commit that the server refuses is no reason to leave locks behind.
#[test]
fn a_commit_that_fails_leaves_nothing_prepared() {
    let db = Wide::new();
    db.sql(wide::TABLE[0]);
    db.sql(
        "CREATE TABLE p (id int PRIMARY KEY); \
         CREATE TABLE c (id bigint REFERENCES p DEFERRABLE INITIALLY DEFERRED)",
    );
    let (mut host, _) = db.start(&json!({}));
    send(&mut host, "c", "insert", &json!({"id": 7}), &json!({}));
    let error = error_of(&many(&mut host, 0..100, 1));
    assert!(error.contains("violates foreign key"), "{error}");
    assert_eq!(db.sql(LEFT), "0");
    assert_eq!(db.sql("SELECT count(*) FROM s"), "0");
}

/// Stopped with its transactions open, and ended by the server; what it has prepared, or prepares
/// then, is not in anybody's way.
#[test]
fn a_zombie_neither_commits_nor_leaves_anything_prepared() {
    use rustix::process::{Pid, Signal, kill_process};
    let db = Wide::new();
    db.sql(wide::TABLE[1]);
    let config = json!({"mode": "upsert", "key": ["id"], "takeover_timeout": "1s"});
    let mut command = db.command("run", &config);
    command["commit_within_ms"] = json!(60_000);
    let (mut run, _) = Run::start::<Wide>(&command, "none");
    let text = "x".repeat(1000);
    for id in 0..8000 {
        let line = json!({"data": {"id": id, "a": text}, "metadata": {"stream": "s"}});
        writeln!(run.stdin, "{line}").unwrap();
    }
    wait_for(&db, OPEN, "4");
    let pid = Pid::from_raw(run.child.id() as i32).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let (mut second, _) = db.start(&config);
    assert_eq!(many(&mut second, 0..300, 1)["@committed"]["written"], 300);
    kill_process(pid, Signal::CONT).unwrap();
    writeln!(run.stdin, "{}", json!({"@checkpoint": {"id": 1, "state": {"": 1}}})).unwrap();
    let said: Vec<String> = run.stdout.by_ref().map_while(Result::ok).collect();
    assert!(said.last().unwrap().contains("fenced"), "{said:?}");
    run.end();
    finish(second);
    assert_eq!(db.sql("SELECT count(*), count(a) FROM s"), "300|0");
    assert_eq!(db.sql(LEFT), "0");
}
