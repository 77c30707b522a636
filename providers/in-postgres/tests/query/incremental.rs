//! Only what is new behind a cursor.

use std::collections::BTreeMap;

use dstream_testkit::serde_json::json;

use crate::support::Db;
use crate::{config, sorted, values};

#[test]
fn each_run_reads_what_is_behind_the_last_row_and_equal_cursors_are_neither_lost_nor_doubled() {
    let db = Db::new("query_ties");
    db.sql("CREATE TABLE t (id int PRIMARY KEY, at timestamptz, v int DEFAULT 0)");
    db.sql("INSERT INTO t SELECT g, '2024-01-01'::timestamptz + (g / 3000) * interval '1 s' FROM generate_series(1, 30000) g");
    db.sql("INSERT INTO t VALUES (99999, NULL)");
    let config = config(&db, json!({"tables": ["t"], "cursor": "at"}));
    // Killed in the middle of rows with equal cursors, several times.
    let (mut ids, mut states, mut kills) = (Vec::new(), BTreeMap::new(), 0);
    loop {
        let mut run = db.resume(&config, &states);
        while run.rows.len() < 7_000 && run.take() {}
        let ended = run.ended;
        run.host.kill();
        assert!(run.error.is_none(), "{:?}", run.error);
        ids.extend(values(&run.rows, "id"));
        states = run.states;
        if ended {
            break;
        }
        kills += 1;
    }
    assert!(kills >= 2, "{kills}");
    assert_eq!(ids, (1..=30_000).collect::<Vec<i64>>(), "in the order of cursor and key");
    let state = &states["public.t"];
    assert_eq!((&state["query"], &state["order"]), (&json!("incremental"), &json!(["at", "id"])));
    assert_eq!(state["after"], json!(["2024-01-01 00:00:10+00", 30000]));
    let nothing = db.read(&config, &states);
    assert_eq!((nothing.rows.len(), &nothing.states), (0, &states));
    // The same cursor with a larger key, a row that changed, a new one.
    db.sql("INSERT INTO t VALUES (30001, '2024-01-01 00:00:10+00'), (30002, '2024-02-01')");
    db.sql("UPDATE t SET at = '2024-03-01', v = 1 WHERE id = 5");
    let news = db.read(&config, &nothing.states);
    assert_eq!(values(&news.rows, "id"), [30001, 30002, 5]);
    assert_eq!(news.rows[2]["data"]["v"], 1);
    assert_eq!(db.read(&config, &news.states).rows.len(), 0);
}

#[test]
fn rows_younger_than_the_lag_wait_for_a_later_run() {
    let db = Db::new("query_lag");
    db.sql("CREATE TABLE t (id int PRIMARY KEY, at timestamptz, local timestamp, day date)");
    db.sql(
        "INSERT INTO t SELECT g, now() - g * interval '1 h', now() AT TIME ZONE 'UTC' - g * interval '1 h', \
           (now() AT TIME ZONE 'UTC' - g * interval '1 d')::date FROM generate_series(0, 9) g",
    );
    for (cursor, lag, wanted) in
        [("at", "90m", (2..=9).collect::<Vec<i64>>()), ("local", "90m", (2..=9).collect())]
    {
        let more = json!({"tables": ["t"], "cursor": cursor, "cursor_lag": lag});
        let run = db.read(&config(&db, more), &BTreeMap::new());
        assert_eq!(sorted(values(&run.rows, "id")), wanted, "{cursor}");
    }
    // Only days that are over.
    let more = json!({"tables": ["t"], "cursor": "day", "cursor_lag": "0s"});
    let run = db.read(&config(&db, more), &BTreeMap::new());
    assert_eq!(sorted(values(&run.rows, "id")), (1..=9).collect::<Vec<i64>>());
}

#[test]
fn a_transaction_that_is_committed_late_is_seen_with_a_lag_and_not_without() {
    let db = Db::new("query_late");
    db.sql("CREATE TABLE t (id int PRIMARY KEY, at timestamptz DEFAULT now())");
    let plain = config(&db, json!({"tables": ["t"], "cursor": "at"}));
    let lagging = config(&db, json!({"tables": ["t"], "cursor": "at", "cursor_lag": "4s"}));
    std::thread::scope(|scope| {
        let late = scope.spawn(|| {
            db.sql("BEGIN; INSERT INTO t VALUES (1); SELECT pg_sleep(2); COMMIT");
        });
        std::thread::sleep(std::time::Duration::from_millis(700));
        db.sql("INSERT INTO t VALUES (2)");
        let first = db.read(&plain, &BTreeMap::new());
        let first_lagging = db.read(&lagging, &BTreeMap::new());
        assert_eq!((values(&first.rows, "id"), first_lagging.rows.len()), (vec![2], 0));
        late.join().unwrap();
        std::thread::sleep(std::time::Duration::from_secs(4));
        assert_eq!(db.read(&plain, &first.states).rows.len(), 0, "this is what the lag is for");
        assert_eq!(values(&db.read(&lagging, &first_lagging.states).rows, "id"), [1, 2]);
    });
}

#[test]
fn a_select_can_have_a_cursor_and_a_cursor_can_be_the_key() {
    let db = Db::new("query_cursor");
    db.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, 'v' FROM generate_series(1, 5) g");
    let select = json!({"query": "SELECT id * 10 AS n, v FROM t", "stream": "s", "cursor": "n", "key": ["n"]});
    let table = json!({"tables": ["t"], "cursor": "id"});
    for (more, column, wanted) in [(select, "n", 60), (table, "id", 6)] {
        let config = config(&db, more);
        db.sql("DELETE FROM t WHERE id = 6");
        let first = db.read(&config, &BTreeMap::new());
        assert_eq!(first.rows.len(), 5);
        db.sql("INSERT INTO t VALUES (6, 'v')");
        let news = db.read(&config, &first.states);
        assert_eq!(values(&news.rows, column), [wanted]);
    }
}
