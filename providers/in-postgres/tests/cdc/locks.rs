//! Sessions that want to change a table while it is read.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use dstream_testkit::serde_json::json;

use crate::support::Db;

/// A session that runs one script and ends.
fn session(db: &Db, sql: &str) -> Child {
    let mut psql = db.server.tool("psql", db.name);
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql]).stdin(Stdio::null());
    psql.stdout(Stdio::null()).spawn().unwrap()
}

fn wait_until(db: &Db, condition: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while db.sql(&format!("SELECT {condition}")) != "t" {
        assert!(Instant::now() < deadline, "it never came to this: {condition}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

const SOMEBODY_WAITS: &str = "EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
     AND query ~ '^(ALTER|TRUNCATE)' AND datname = current_database())";

/// They wait for the connection that holds all tables; another connection of ours that came to one
/// of their tables now would wait for them.
#[test]
fn a_session_that_waits_for_the_end_of_the_snapshot_does_not_hold_the_snapshot_up() {
    let db = Db::new("waiting_alter");
    db.sql(
        "CREATE TABLE a (id int PRIMARY KEY, t text); \
         INSERT INTO a SELECT n, repeat('x', 100) FROM generate_series(1, 80000) n; \
         CREATE TABLE b (id int PRIMARY KEY, t text); INSERT INTO b SELECT * FROM a; \
         CREATE TABLE c (id int PRIMARY KEY); INSERT INTO c VALUES (1); \
         CREATE TABLE d (id int PRIMARY KEY); INSERT INTO d VALUES (1); \
         CREATE TABLE e (id int PRIMARY KEY); INSERT INTO e VALUES (1)",
    );
    let tables = ["public.a", "public.b", "public.c", "public.d", "public.e"];
    let mut run = db.run(&db.config(&tables, json!({"snapshot_parallelism": 2})));
    // Both connections are in the middle of a large table: nobody takes their rows.
    while run.rows.is_empty() {
        assert!(run.take());
    }
    let mut sessions: Vec<Child> =
        ["c", "d", "e"].map(|t| session(&db, &format!("ALTER TABLE {t} ADD COLUMN n int"))).into();
    wait_until(&db, SOMEBODY_WAITS);
    run.finish();
    assert_eq!(run.rows.len(), 160_003);
    assert!(sessions.iter_mut().all(|session| session.wait().unwrap().success()));
}

/// A table that is emptied is empty for a snapshot that is older, too.
#[test]
fn a_table_that_is_not_read_yet_cannot_be_emptied_meanwhile() {
    let db = Db::new("waiting_truncate");
    db.sql(
        "CREATE TABLE a (id int PRIMARY KEY, t text); \
         INSERT INTO a SELECT n, repeat('x', 100) FROM generate_series(1, 80000) n; \
         CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b SELECT generate_series(1, 100)",
    );
    for more in [json!({}), json!({"mode": "query", "parallelism": 1, "until": null})] {
        let mut config = db.config(&["public.a", "public.b"], json!({"snapshot_parallelism": 1}));
        for (name, value) in more.as_object().unwrap() {
            config[name] = value.clone();
        }
        config.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let mut run = db.run(&config);
        while run.rows.is_empty() {
            assert!(run.take());
        }
        let mut session = session(&db, "TRUNCATE b");
        wait_until(&db, SOMEBODY_WAITS);
        run.finish();
        let reads = run.rows.iter().filter(|row| row["metadata"]["op"] == "read").count();
        assert_eq!(reads, 80_100, "{config}");
        assert!(session.wait().unwrap().success());
        db.sql("INSERT INTO b SELECT generate_series(1, 100)");
    }
}
