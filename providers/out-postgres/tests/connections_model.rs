//! Several connections leave what one leaves, row for row: whatever changes come, however they are cut
//! into transactions, and wherever in a commit the run is killed.

// Servers are started by programs of Unix.
#![cfg(unix)]
// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
mod workload;

use std::sync::atomic::{AtomicU32, Ordering};

use dstream_sql_testkit::kill::Run;
use dstream_sql_testkit::{TestDatabase as _, Value, json, serde_json};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use workload::{Work, work};

const LEFT: &str = "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()";

/// Where the tables of a workload are, written in one way.
struct Side<'d> {
    db: &'d common::Db,
    name: String,
    config: Value,
}

impl<'d> Side<'d> {
    fn new(db: &'d common::Db, work: &Work, connections: usize) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("x{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut config = work.config.clone();
        config["table"] = json!(format!("{name}_{{stream}}"));
        config["connections"] = json!(connections);
        config["connections_min_changes"] = json!(1);
        Self { db, name, config }
    }

    /// Sends what the database says is missing; whether it was killed before the end.
    fn run(&self, work: &Work, point: &str) -> bool {
        let mut command = self.db.command("run", &self.config);
        command["task_id"] = json!(self.name);
        let (mut run, ready) = Run::start::<common::Db>(&command, point);
        let done = ready["checkpoint"]["in"][""].as_u64().unwrap_or(0) as usize;
        let mut text = work.schemas_at(done);
        for (id, at) in (done..work.intervals.len()).enumerate() {
            text += &work.intervals[at];
            let checkpoint = json!({"id": id + 1, "state": {"": at + 1}});
            text += &format!("{}\n", json!({"@checkpoint": checkpoint}));
            // Several intervals come at once, and perhaps become one transaction.
            if at % 3 == 1 || at + 1 == work.intervals.len() {
                if !step(&mut run, &text, id as u64 + 1) {
                    break;
                }
                text.clear();
            }
        }
        !run.end()
    }

    /// The rows of each stream's table, in an order of their own.
    fn rows(&self, stream: &str) -> Vec<Value> {
        let table = format!("{}_{stream}", self.name);
        let sql = format!("SELECT to_jsonb(x)::text FROM {table} x ORDER BY 1");
        let rows = common::server().try_psql(&self.db.name, &sql).unwrap_or_default();
        rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect()
    }
}

/// Sends text with the checkpoint `id` at its end, and waits until that is committed; whether it was.
fn step(run: &mut Run, text: &str, id: u64) -> bool {
    use std::io::Write as _;
    if run.stdin.write_all(text.as_bytes()).is_err() {
        return false;
    }
    while let Some(Ok(line)) = run.stdout.next() {
        let line: Value = serde_json::from_str(&line).unwrap();
        assert!(line.get("@error").is_none(), "{line}");
        if line["@committed"]["id"] == id {
            return true;
        }
    }
    false
}

/// One connection, and what four are compared with.
fn expected<'d>(db: &'d common::Db, work: &Work) -> Side<'d> {
    let one = Side::new(db, work, 1);
    assert!(!one.run(work, "none"));
    one
}

fn same(one: &Side<'_>, four: &Side<'_>) -> Result<(), TestCaseError> {
    for stream in workload::STREAMS {
        prop_assert_eq!(one.rows(stream), four.rows(stream), "{}", stream);
    }
    Ok(())
}

#[test]
fn any_changes_leave_with_four_connections_what_they_leave_with_one() {
    let db = common::Db::new();
    let config = ProptestConfig {
        failure_persistence: None,
        max_shrink_time: 20_000,
        ..ProptestConfig::with_cases(40)
    };
    let checked = TestRunner::new(config).run(&work(0..120), |work| {
        let (one, four) = (expected(&db, &work), Side::new(&db, &work, 4));
        assert!(!four.run(&work, "none"));
        same(&one, &four)
    });
    if let Err(error) = checked {
        panic!("{error}");
    }
    assert_eq!(db.sql(LEFT), "0");
}

/// Each point is passed once a commit, or once a connection.
#[test]
fn a_run_that_is_killed_at_any_step_of_a_commit_leaves_the_same() {
    let db = common::Db::new();
    let mut runner = TestRunner::deterministic();
    for (point, counts) in [
        ("before_commit", [1, 2, 1, 3]),
        ("before_prepare", [1, 2, 3, 5]),
        ("after_prepare", [1, 2, 3, 5]),
        ("before_main_commit", [1, 2, 1, 3]),
        ("after_main_commit", [1, 1, 1, 2]),
        ("after_commit_prepared", [1, 2, 1, 3]),
        ("after_commit", [1, 1, 1, 2]),
    ] {
        let (mut kills, mut cases) = (0, 0);
        while kills < 10 {
            cases += 1;
            assert!(cases < 20, "{point}: only {kills} kills");
            let work = work(150..200).new_tree(&mut runner).unwrap().current();
            let (one, four) = (expected(&db, &work), Side::new(&db, &work, 4));
            let mut counts = counts.iter().cycle().take(60);
            while four.run(&work, &format!("{point}:{}", counts.next().expect("no progress"))) {
                kills += 1;
            }
            same(&one, &four).unwrap_or_else(|error| panic!("{point}: {error}"));
            assert_eq!(db.sql(LEFT), "0", "{point}");
        }
        println!("{point}: {kills} kills in {cases} workloads");
    }
}
