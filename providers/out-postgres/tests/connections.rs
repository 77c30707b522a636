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
use dstream_sql_testkit::{TestDatabase as _, Value, commit, error_of, finish, json, row};
use wide::Wide;

mod as_with_one {
    use super::wide::Wide;
    dstream_sql_testkit::exactly_once!(Wide);
    dstream_sql_testkit::writing!(Wide);
    dstream_sql_testkit::upsert_model!(Wide);
    dstream_sql_testkit::server!(Wide);
}

const COUNTS: &str = "SELECT count(*), count(DISTINCT id) FROM s";
const LEFT: &str = "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()";

/// Sends so many rows and their checkpoint; what is said of it.
fn many(host: &mut dstream_sql_testkit::FakeHost, ids: std::ops::Range<u64>, id: u64) -> Value {
    for at in ids {
        row(host, "insert", &json!({"id": at}), &json!({}));
    }
    commit(host, id)
}

#[test]
fn a_run_that_is_killed_at_any_step_of_a_commit_loses_and_doubles_nothing() {
    let points = [
        "before_prepare",
        "after_prepare",
        "before_main_commit",
        "after_main_commit",
        "after_lane",
    ];
    for mode in ["append", "upsert"] {
        for point in points {
            let db = Wide::new();
            db.sql(wide::TABLE[usize::from(mode == "upsert")]);
            let mut killed = 0;
            for count in 1..=12 {
                let at: &'static str = format!("{point}:{count}").leak();
                killed += usize::from(one_run(&db, mode, Kill::At(Some(at))));
            }
            assert!(killed >= 5, "{mode} {point}: only {killed} kills");
            while one_run(&db, mode, Kill::At(None)) {}
            assert_eq!(db.sql(COUNTS), format!("{ROWS}|{ROWS}"), "{mode} {point}");
            assert_eq!(db.sql(LEFT), "0", "{mode} {point}");
        }
    }
}

#[test]
fn rows_are_written_by_several_connections() {
    let db = Wide::new();
    db.sql(wide::TABLE[0]);
    let (mut host, _) = db.start(&json!({}));
    assert_eq!(many(&mut host, 0..500, 1)["@committed"]["written"], 500);
    finish(host);
    assert_eq!(db.sql("SELECT count(DISTINCT xmin::text) FROM s"), "4");
    assert_eq!(db.sql(LEFT), "0");
}

#[test]
fn a_table_whose_rows_may_wait_for_each_other_is_written_by_one() {
    for more in [
        "CREATE UNIQUE INDEX ON s (a)",
        "CREATE TABLE o (id bigint REFERENCES s)",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
         CREATE TRIGGER t BEFORE INSERT ON s FOR EACH ROW EXECUTE FUNCTION f()",
        "CREATE RULE r AS ON DELETE TO s DO NOTHING",
    ] {
        let db = Wide::new();
        db.sql(wide::TABLE[1]);
        db.sql(more);
        let (mut host, _) = db.start(&json!({"mode": "upsert", "key": ["id"]}));
        assert_eq!(many(&mut host, 0..100, 1)["@committed"]["written"], 100);
        finish(host);
        assert_eq!(db.sql("SELECT count(DISTINCT xmin::text) FROM s"), "1", "{more}");
    }
}

/// The keys are one to the server, and two to us: a connection waits for another of the same run.
#[test]
fn connections_that_wait_for_each_other_leave_the_rows_to_one() {
    let db = Wide::new();
    db.sql("CREATE TABLE s (id numeric PRIMARY KEY, a text)");
    let (mut host, _) = db.start(&json!({"mode": "upsert", "key": ["id"]}));
    for round in 0..2 {
        for id in 0..40 {
            let id = format!("{id}.{}", "0".repeat(1 + round * 3));
            row(&mut host, "insert", &json!({"id": id, "a": round}), &json!({}));
        }
    }
    let began = Instant::now();
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 80);
    assert!(began.elapsed() < Duration::from_secs(30));
    finish(host);
    assert_eq!(db.sql("SELECT count(*), count(*) FILTER (WHERE a = '1') FROM s"), "40|40");
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
    assert_eq!(Wide::new().ask("check", &json!({}))["status"], "ok");
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

#[test]
fn destroy_ends_what_a_killed_run_left_prepared() {
    let db = Wide::new();
    assert!(one_run(&db, "append", Kill::At(Some("before_main_commit:1"))));
    assert_eq!(db.sql(LEFT), "3");
    let said = db.ask("destroy", &json!({}));
    assert_eq!(said["status"], "ok", "{said}");
    assert_eq!(db.sql(LEFT), "0");
    assert!(db.tables().is_empty());
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
    dstream_sql_testkit::send(&mut host, "c", "insert", &json!({"id": 7}), &json!({}));
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
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND state = 'idle in transaction'";
    let began = Instant::now();
    while db.sql(open) != "4" {
        assert!(began.elapsed() < Duration::from_secs(30), "{}", db.sql(open));
    }
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
