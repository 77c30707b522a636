//! The slot's place moves when, and only when, it may.

use std::time::{Duration, Instant};

use dstream_testkit::serde_json::json;

use crate::session::Session;
use crate::support::{Db, Run};

fn confirmed(db: &Db, slot: &str) -> u64 {
    let sql = format!(
        "SELECT (confirmed_flush_lsn - '0/0')::int8 FROM pg_replication_slots WHERE slot_name = '{slot}'"
    );
    db.sql(&sql).parse().unwrap()
}

/// Reads on until it holds, or ten seconds have passed.
fn soon(run: &mut Run, holds: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    run.host.patience_mut(Duration::from_millis(100));
    while Instant::now() < deadline {
        if holds() {
            return true;
        }
        // No line in time is no failure here.
        if let Ok(Some(line)) = run.host.line() {
            let value: dstream_testkit::serde_json::Value =
                dstream_testkit::serde_json::from_str(&line).unwrap();
            if let (true, Some(id)) = (run.commit, value["@checkpoint"]["id"].as_u64()) {
                run.host.send_json(&json!({"@committed": {"id": id}})).unwrap();
            }
        }
    }
    false
}

#[test]
fn the_slot_moves_only_after_the_host_has_saved() {
    let db = Db::new("saved");
    // The server asks every quarter of a second how far we are.
    db.sql("CREATE TABLE t (id int PRIMARY KEY); ALTER DATABASE saved SET wal_sender_timeout = '500ms'");
    let slot = "dstream_saved_input";
    let config = db.config(&["t"], json!({"until": "stopped", "heartbeat_interval": "100ms"}));
    let mut run = db.run(&config);
    run.commit = false;
    run.wait_until(|run| run.states.contains_key("public.t"));
    let before = confirmed(&db, slot);
    db.sql("INSERT INTO t SELECT generate_series(1, 1000)");
    run.wait_for(1000);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(confirmed(&db, slot), before, "nothing was saved");
    run.wait_until(|run| run.open.is_empty());
    run.save();
    assert!(soon(&mut run, || confirmed(&db, slot) > before), "everything was saved");
}

#[test]
fn an_idle_slot_moves_with_what_others_write() {
    let db = Db::new("idle");
    db.sql("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE elsewhere (v text)");
    let config = db.config(&["t"], json!({"until": "stopped", "heartbeat_interval": "200ms"}));
    let mut run = db.run(&config);
    run.wait_until(|run| run.states.contains_key("public.t"));
    // Small ones: of those the server sends nothing at all.
    (0..20).for_each(|_| drop(db.sql("INSERT INTO elsewhere VALUES (repeat('x', 100))")));
    let end: u64 = db.sql("SELECT (pg_current_wal_lsn() - '0/0')::int8").parse().unwrap();
    assert!(soon(&mut run, || confirmed(&db, "dstream_idle_input") >= end));
}

/// Its commit may stand in the log exactly where the checkpoint says that the rest begins.
#[test]
fn a_transaction_that_commits_right_behind_a_checkpoint_belongs_to_the_rest() {
    let db = Db::new("right_behind");
    db.sql("CREATE TABLE t (id int PRIMARY KEY)");
    let config = db.config(&["t"], json!({}));
    let mut states = db.read(&config, &Default::default()).states;
    let mut session = Session::new(&db);
    for id in 0..5 {
        session.run(&format!("BEGIN; INSERT INTO t VALUES ({id})"));
        let open = db.read(&config, &states);
        assert!(open.rows.is_empty(), "{:?}", open.rows);
        session.run("COMMIT");
        let run = db.read(&config, &open.states);
        assert_eq!(run.changes(), [json!(["insert", {"id": id}])]);
        states = run.states;
    }
}

/// Asks the server to stop, as its own tools do ("fast").
fn stop(server: &dstream_servers::Postgres) {
    let file = std::fs::read_to_string(server.data().join("postmaster.pid")).unwrap();
    let pid = file.lines().next().unwrap();
    let done = std::process::Command::new("kill").args(["-INT", pid]).status().unwrap();
    assert!(done.success());
}

#[test]
fn a_server_that_stops_does_not_wait_for_us_and_the_run_ends_as_transient() {
    let mut server = dstream_servers::Postgres::start(&crate::support::SETTINGS);
    server.psql("postgres", "CREATE TABLE t (id int PRIMARY KEY)");
    // A server that is stopped waits until everybody has confirmed what was sent.
    let config =
        json!({"url": server.url("postgres"), "tables": ["t"], "heartbeat_interval": "10m"});
    let mut run = Run::start("stops", &config, &Default::default());
    run.wait_until(|run| run.states.contains_key("public.t"));
    server.psql("postgres", "INSERT INTO t VALUES (1); CREATE TABLE other (n int)");
    run.wait_until(|run| run.rows.len() == 1);
    let since = Instant::now();
    stop(&server);
    assert!(run.fails().starts_with("transient"), "{}", run.host.stderr());
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    server.restart(&[]);
    server.psql("postgres", "INSERT INTO t VALUES (2)");
    let mut again = Run::start("stops", &config, &run.states);
    again.wait_for(1);
    assert_eq!(again.open.iter().chain(&again.rows).next().unwrap()["data"], json!({"id": 2}));
}

#[test]
fn a_large_transaction_is_read_in_bounded_memory() {
    let db = Db::new("large");
    db.sql("CREATE TABLE t (id int PRIMARY KEY, v text)");
    let config = db.config(&["t"], json!({}));
    let first = db.read(&config, &Default::default());
    db.sql("INSERT INTO t SELECT n, repeat('x', 500) FROM generate_series(1, 300000) n");
    let mut run = db.resume(&config, &first.states);
    let mut rows = 0;
    loop {
        // Not kept: the memory of the test is not what is measured.
        let more = run.take();
        rows += run.open.len();
        run.open.clear();
        run.rows.clear();
        if !more {
            break;
        }
        if rows == 250_000 {
            let kib = crate::support::peak_kib(run.host.pid());
            assert!(kib < 64 << 10, "{kib} KiB");
        }
    }
    assert_eq!(rows, 300_000);
}

/// A session that holds a transaction open, as long as the value lives.
struct Open(std::process::Child);

impl Open {
    fn transaction(db: &Db) -> Self {
        use std::io::Write;
        let mut psql = db.server.tool("psql", db.name);
        psql.args(["-X", "-q"]).stdin(std::process::Stdio::piped());
        let mut child = psql.spawn().unwrap();
        let stdin = child.stdin.as_mut().unwrap();
        stdin.write_all(b"BEGIN; CREATE TABLE of_another (n int);\n").unwrap();
        let begun = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'";
        while db.sql(begun) == "0" {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        Self(child)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // The end of its stdin ends the session, and so the transaction.
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

#[test]
fn a_column_that_comes_while_the_slot_is_made_is_read_with_the_rows_that_have_it() {
    let db = Db::new("column_meanwhile");
    db.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
    // The slot waits for the transactions that are open when it is begun.
    let open = Open::transaction(&db);
    let mut run = db.run(&db.config(&["public.t"], json!({})));
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE_REPLICATION_SLOT%' AND wait_event IS NOT NULL AND datname = current_database()";
    while db.sql(waits) == "0" {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    db.sql("ALTER TABLE t ADD COLUMN note text; INSERT INTO t VALUES (2, 'new')");
    drop(open);
    run.finish();
    let row =
        |id: i64| run.rows.iter().find(|row| row["data"]["id"] == id).unwrap()["data"].clone();
    assert_eq!(row(1), json!({"id": 1, "note": null}));
    assert_eq!(row(2), json!({"id": 2, "note": "new"}));
    assert_eq!(run.rows.len(), 2, "{:?}", run.rows);
}
