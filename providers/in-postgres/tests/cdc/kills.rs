//! Killed at random while it reads and while the tables change: no gap, no overlap.

use std::sync::atomic::{AtomicBool, Ordering};

use dstream_testkit::serde_json::json;

use crate::support::{Db, Replay, Run, content};

/// A small generator: the same numbers in every run of the test.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Changes rows of both tables until it is told to stop.
fn disturb(db: &Db, stop: &AtomicBool, seed: u64) {
    let mut numbers = Numbers(seed);
    while !stop.load(Ordering::Relaxed) {
        let (a, b) = (numbers.below(40_000), numbers.below(40_000) + 1_000_000 * numbers.below(3));
        // A key that is taken fails the statement, which is fine.
        let statements = [
            format!("UPDATE a SET v = v + 1 WHERE id BETWEEN {a} AND {a} + 20"),
            format!("UPDATE a SET id = {b} WHERE id = {a}"),
            format!("DELETE FROM a WHERE id = {a}"),
            format!("INSERT INTO a VALUES ({b}, 0, 'new') ON CONFLICT DO NOTHING"),
            format!(
                "BEGIN; UPDATE b SET v = v + 1 WHERE id = 'k{a}'; UPDATE b SET id = 'm{b}' WHERE id = 'k{b}'; DELETE FROM b WHERE id = 'k{a}'; COMMIT"
            ),
            format!("UPDATE a SET id = -id WHERE id BETWEEN {a} AND {a} + 3"),
        ];
        let at = usize::try_from(numbers.below(statements.len() as u64)).unwrap();
        db.server.try_psql(db.name, &statements[at]).unwrap_or_default();
    }
}

#[test]
fn killed_in_the_snapshot_and_in_the_stream_it_leaves_neither_gap_nor_overlap() {
    let db = Db::new("killed");
    db.sql("CREATE TABLE a (id int8 PRIMARY KEY, v int, note text)");
    db.sql("CREATE TABLE b (id text PRIMARY KEY, v int)");
    db.sql(
        "INSERT INTO a SELECT n, 0, repeat('x', 100) FROM generate_series(1, 120000) n; ANALYZE a",
    );
    db.sql("INSERT INTO b SELECT 'k' || n, 0 FROM generate_series(1, 40000) n");
    let following = db.config(&["a", "b"], json!({"until": "stopped"}));
    let stop = AtomicBool::new(false);
    let mut replay = Replay::default();
    let mut states = Default::default();
    let (mut in_snapshot, mut in_stream) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| disturb(&db, &stop, 7));
        let mut numbers = Numbers(42);
        for _ in 0..24 {
            let mut run = db.resume(&following, &states);
            let (wanted, read) = (usize::try_from(numbers.below(30_000)).unwrap() + 1, "read");
            let mut lines = 0;
            while lines < wanted && run.error.is_none() && run.take() {
                lines += 1;
                let streaming = run.open.last().is_some_and(|row| row["metadata"]["op"] != read);
                if streaming && lines > wanted / 40 {
                    break;
                }
            }
            run.host.kill();
            match run.rows.last().map(|row| row["metadata"]["op"] == read) {
                Some(true) => in_snapshot += 1,
                Some(false) => in_stream += 1,
                // The server had not yet noticed that the process before is gone.
                None => std::thread::sleep(std::time::Duration::from_millis(200)),
            }
            replay.apply("id", &run.rows);
            states = run.states;
        }
        stop.store(true, Ordering::Relaxed);
    });
    let rest = last(&db, &states);
    replay.apply("id", &rest.rows);
    for table in ["a", "b"] {
        assert_eq!(replay.rows(&format!("public.{table}")), content(&db, table, "id"), "{table}");
    }
    println!("killed {in_snapshot} times in the snapshot, {in_stream} times in the stream");
    assert!(in_snapshot >= 3 && in_stream >= 1, "{in_snapshot} {in_stream}");
    let done = |part: &str| rest.states[part] == json!({"done": true});
    assert!(done("public.a") && done("public.b"), "{:?}", rest.states);
}

/// The rest, once the server has let go of the slot.
fn last(
    db: &Db,
    states: &std::collections::BTreeMap<String, dstream_testkit::serde_json::Value>,
) -> Run {
    let config = db.config(&["a", "b"], json!({}));
    for _ in 0..50 {
        let mut run = db.resume(&config, states);
        while run.take() {}
        if run.error.is_none() {
            assert!(run.ended && run.open.is_empty());
            return run;
        }
        assert_eq!(run.error.as_ref().unwrap()["kind"], "transient", "{:?}", run.error);
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    panic!("the slot stays in use");
}

#[test]
fn a_truncate_between_two_parts_of_a_snapshot_makes_the_table_be_read_again() {
    let db = Db::new("truncated");
    db.sql("CREATE TABLE a (id int8 PRIMARY KEY, v int); CREATE TABLE b (id text PRIMARY KEY)");
    db.sql("INSERT INTO a SELECT n, 0 FROM generate_series(1, 30000) n");
    let following = db.config(&["a", "b"], json!({"until": "stopped"}));
    let mut run = db.run(&following);
    run.wait_until(|run| run.rows.len() > 5_000);
    run.host.kill();
    let mut replay = Replay::default();
    replay.apply("id", &run.rows);
    assert!(run.states["public.a"]["lanes"][0]["read"][0]["upto"].is_array(), "{:?}", run.states);
    db.sql("BEGIN; UPDATE a SET v = 1 WHERE id < 10; TRUNCATE a; INSERT INTO a SELECT n, 2 FROM generate_series(20000, 20100) n; INSERT INTO a SELECT n, 2 FROM generate_series(1, 50) n; COMMIT");
    db.sql("UPDATE a SET v = 3 WHERE id = 20001");
    // The checkpoint behind the truncate says that nothing of the table is read any more.
    let mut run = db.resume(&following, &run.states);
    run.wait_until(|run| run.rows.iter().any(|row| row["metadata"]["op"] == "truncate"));
    run.host.kill();
    replay.apply("id", &run.rows);
    let rest = last(&db, &run.states);
    replay.apply("id", &rest.rows);
    assert_eq!(replay.rows("public.a"), content(&db, "a", "id"));
}

/// A row that was moved from a part that was read later into one that was read before comes as an
/// insert, for which the log lacks what did not change.
#[test]
fn a_row_that_cannot_be_told_whole_stops_the_run_with_the_way_out() {
    let db = Db::new("not_whole");
    db.sql(
        "CREATE TABLE a (id int8 PRIMARY KEY, v text); ALTER TABLE a ALTER v SET STORAGE EXTERNAL",
    );
    db.sql("INSERT INTO a SELECT n, repeat('x', CASE n WHEN 30000 THEN 10000 ELSE 10 END) FROM generate_series(1, 30000) n");
    let mut run = db.run(&db.config(&["a"], json!({"until": "stopped"})));
    run.wait_until(|run| run.rows.len() > 5_000);
    run.host.kill();
    assert!(run.states["public.a"]["lanes"][0]["read"][0]["upto"].is_array(), "{:?}", run.states);
    db.sql("UPDATE a SET id = -1 WHERE id = 30000");
    let text = db.resume(&db.config(&["a"], json!({})), &run.states).fails();
    assert!(text.contains("does not hold its large values"), "{text}");
    assert!(text.contains("dstream state rm"), "{text}");
}
