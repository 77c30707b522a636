//! With several connections: runs that stand still in the middle of a commit while others go on.

// Servers are started by programs of Unix.
#![cfg(unix)]
// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
mod wide;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use dstream_sql_testkit::kill::Run;
use dstream_sql_testkit::{TestDatabase as _, Value, finish, json, serde_json};
use wide::Wide;

const COUNTS: &str = "SELECT count(*), count(DISTINCT id) FROM s";
const LEFT: &str = "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()";

/// A run that stands still at a point until it is let go.
struct Still {
    run: Run,
    file: PathBuf,
}

impl Still {
    /// Started, with its command; not yet ready.
    fn start(db: &Wide, point: &str) -> Self {
        let file = std::env::temp_dir().join(format!("{}-{point}", std::process::id()));
        let mut program = Command::new(Wide::PROGRAM);
        program.env("DSTREAM_FAIL_POINT", point).env("DSTREAM_FAIL_WAIT", &file);
        Self { run: Run::begin(&mut program, &db.command("run", &json!({}))), file }
    }

    /// Has it write so many rows and their checkpoint.
    fn send(&mut self, rows: u64) {
        let mut text = String::new();
        for id in 0..rows {
            text += &format!("{}\n", json!({"data": {"id": id}, "metadata": {"stream": "s"}}));
        }
        text += &format!("{}\n", json!({"@checkpoint": {"id": 1, "state": {"": rows}}}));
        self.run.stdin.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until it stands.
    fn stands(&self) {
        let began = Instant::now();
        while !self.file.exists() {
            assert!(began.elapsed() < Duration::from_secs(30), "{}", self.file.display());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn go_on(&self) {
        fs::remove_file(&self.file).unwrap();
    }

    /// The next line that says something.
    fn says(&mut self) -> Value {
        loop {
            let line = self.run.stdout.next().expect("a line").unwrap();
            let line: Value = serde_json::from_str(&line).unwrap();
            if line.get("@progress").is_none() {
                return line;
            }
        }
    }
}

/// Its first connection is lost when it is about to prepare the others, so another run can raise the
/// epoch; what is prepared behind that run's back would stay for ever.
#[test]
fn a_run_that_opens_waits_for_connections_that_may_still_prepare() {
    for point in ["before_prepare:1", "after_prepare:1"] {
        let db = Wide::new();
        db.sql(wide::TABLE[0]);
        let mut first = Still::start(&db, point);
        assert_eq!(first.says()["status"], "ready");
        first.send(300);
        first.stands();
        let main = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity a \
             WHERE datname = current_database() AND state = 'idle in transaction' \
             AND EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid \
               AND relation = '_dstream._dstream_checkpoints'::regclass AND mode = 'RowShareLock')";
        assert_eq!(db.sql(main), "1");
        std::thread::scope(|scope| {
            let second = scope.spawn(|| db.start(&json!({})));
            std::thread::sleep(Duration::from_millis(1000));
            // In the second case all of them may be prepared by now, and ended.
            if point == "before_prepare:1" {
                assert!(!second.is_finished(), "ready though another may prepare");
            }
            first.go_on();
            let (second, ready) = second.join().unwrap();
            assert_eq!((&ready["epoch"], ready.get("checkpoint")), (&json!(2), None), "{ready}");
            assert_eq!(db.sql(LEFT), "0", "{point}");
            finish(second);
        });
        assert_eq!(first.says()["@error"]["kind"], "fenced", "{point}");
        first.run.end();
        assert_eq!((db.sql(LEFT), db.sql(COUNTS)), ("0".into(), "0|0".into()), "{point}");
    }
}

/// It stands still after it has raised the epoch, and has the mark of then when it goes on: what the
/// run after it has prepared is none of its business.
#[test]
fn a_run_that_was_overtaken_while_it_opened_ends_nothing_of_its_successor() {
    for (point, committed) in [("before_main_commit:1", false), ("after_main_commit:1", true)] {
        let db = Wide::new();
        db.sql(wide::TABLE[0]);
        let mut first = Still::start(&db, "before_settle:1");
        first.stands();
        let mut second = Still::start(&db, point);
        assert_eq!(second.says()["epoch"], 2);
        second.send(300);
        second.stands();
        assert_eq!(db.sql(LEFT), "3");
        first.go_on();
        let said = first.says();
        assert_eq!((&said["status"], &said["kind"]), (&json!("error"), &json!("fenced")), "{said}");
        first.run.end();
        assert_eq!(db.sql(LEFT), "3", "{point}");
        assert_eq!(db.sql("SELECT count(*) > 0 FROM s"), if committed { "t" } else { "f" });
        second.go_on();
        assert_eq!(second.says()["@committed"]["written"], 300);
        assert_eq!((db.sql(LEFT), db.sql(COUNTS)), ("0".into(), "300|300".into()), "{point}");
        second.run.end();
    }
}

/// The host may forget what is committed, and the rows are all to be seen by then.
#[test]
fn a_commit_is_told_when_every_connection_has_committed() {
    let db = Wide::new();
    db.sql(wide::TABLE[0]);
    let mut run = Still::start(&db, "after_main_commit:1");
    assert_eq!(run.says()["status"], "ready");
    run.send(300);
    run.stands();
    assert_ne!(db.sql(COUNTS), "300|300");
    let file = run.file.clone();
    std::thread::scope(|scope| {
        let said = scope.spawn(|| run.says());
        std::thread::sleep(Duration::from_millis(300));
        assert!(!said.is_finished(), "committed, and {} are prepared", db.sql(LEFT));
        fs::remove_file(file).unwrap();
        assert_eq!(said.join().unwrap()["@committed"]["written"], 300);
        assert_eq!((db.sql(LEFT), db.sql(COUNTS)), ("0".into(), "300|300".into()));
    });
    run.run.end();
}

/// Overtaken between its commit and those of its connections: the newer run does the rest, and both
/// say the same of it.
#[test]
fn what_a_run_has_decided_is_done_by_its_successor() {
    let db = Wide::new();
    db.sql(wide::TABLE[0]);
    let mut first = Still::start(&db, "after_main_commit:1");
    assert_eq!(first.says()["status"], "ready");
    first.send(300);
    first.stands();
    let (second, ready) = db.start(&json!({}));
    assert_eq!(ready["checkpoint"]["in"][""], 300, "{ready}");
    assert_eq!((db.sql(LEFT), db.sql(COUNTS)), ("0".into(), "300|300".into()));
    first.go_on();
    assert_eq!(first.says()["@committed"]["written"], 300);
    first.send(300);
    assert_eq!(first.says()["@error"]["kind"], "fenced");
    first.run.end();
    finish(second);
    assert_eq!((db.sql(LEFT), db.sql(COUNTS)), ("0".into(), "300|300".into()));
}
