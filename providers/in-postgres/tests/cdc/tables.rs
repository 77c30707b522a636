//! When tables are read: again, as needed, and those that come while the stream runs.

use dstream_testkit::serde_json::{Value, json};

use crate::support::{Db, Replay, Run, content};

fn truncates(rows: &[Value]) -> Vec<&str> {
    let truncate = rows.iter().filter(|row| row["metadata"]["op"] == "truncate");
    truncate.map(|row| row["metadata"]["stream"].as_str().unwrap()).collect()
}

#[test]
fn always_reads_every_table_again_in_every_run_and_then_follows() {
    let db = Db::new("always");
    db.sql("CREATE TABLE a (id int PRIMARY KEY, v int); INSERT INTO a VALUES (1, 1), (2, 1)");
    let config = db.config(&["a"], json!({"snapshot": "always"}));
    let first = db.read(&config, &Default::default());
    assert!(truncates(&first.rows).is_empty(), "nothing was read before");
    db.sql(
        "UPDATE a SET v = 2 WHERE id = 1; DELETE FROM a WHERE id = 2; INSERT INTO a VALUES (3, 1)",
    );
    let second = db.read(&config, &first.states);
    let read = |id: i64, v: i64| json!(["read", {"id": id, "v": v}]);
    assert_eq!(second.changes(), [json!(["truncate", null]), read(1, 2), read(3, 1)]);
    let mut following = config;
    following["until"] = json!("stopped");
    let mut third = db.resume(&following, &second.states);
    third.wait_for(3);
    db.sql("UPDATE a SET v = 3 WHERE id = 3");
    third.wait_until(|run| run.rows.len() == 4);
    assert_eq!(third.changes()[3], json!(["update", {"id": 3, "v": 3}]));
    third.host.kill();
}

#[test]
fn killed_before_every_table_is_begun_again_it_still_empties_each() {
    let db = Db::new("anew");
    for table in ["a", "b"] {
        db.sql(&format!("CREATE TABLE {table} (id int PRIMARY KEY, v text)"));
        db.sql(&format!(
            "INSERT INTO {table} SELECT n, repeat('x', 200) FROM generate_series(1, 20000) n"
        ));
    }
    let config =
        db.config(&["a", "b"], json!({"snapshot": "when_needed", "snapshot_parallelism": 1}));
    let mut replay = Replay::default();
    let first = db.read(&config, &Default::default());
    replay.apply("id", &first.rows);
    db.sql("SELECT pg_drop_replication_slot('dstream_anew_input'); DELETE FROM a WHERE id < 9; DELETE FROM b WHERE id < 9");
    // Once before a row of any, once in the middle of the first.
    let mut run = db.resume(&config, &first.states);
    run.wait_until(|run| run.states["public.b"].get("done").is_none());
    run.host.kill();
    replay.apply("id", &run.rows);
    let mut run = db.resume(&config, &run.states);
    run.wait_until(|run| run.rows.len() > 100);
    run.host.kill();
    assert_eq!(truncates(&run.rows), ["public.a"]);
    replay.apply("id", &run.rows);
    let run = db.read(&config, &run.states);
    assert_eq!(truncates(&run.rows), ["public.b"]);
    replay.apply("id", &run.rows);
    for table in ["a", "b"] {
        assert_eq!(replay.rows(&format!("public.{table}")), content(&db, table, "id"));
    }
}

/// A run of `config` that goes on, and has read table `a`.
fn following(db: &Db, config: &Value) -> Run {
    db.sql("CREATE TABLE a (id int PRIMARY KEY, v int); INSERT INTO a VALUES (1, 1)");
    let mut run = db.run(config);
    run.wait_for(1);
    run
}

#[test]
fn a_table_that_a_pattern_means_and_that_is_made_while_it_runs_is_read_and_followed() {
    let db = Db::new("new_tables");
    let more = json!({"until": "stopped", "new_tables_interval": "100ms"});
    let mut run = following(&db, &db.config(&["public.*"], more));
    // One that would make the application's own updates fail is not published.
    db.sql("CREATE TABLE keyless (n int); INSERT INTO keyless VALUES (1)");
    std::thread::sleep(std::time::Duration::from_millis(500));
    db.sql("UPDATE keyless SET n = 2; DROP TABLE keyless");
    db.sql("CREATE TABLE b (id int PRIMARY KEY, v int); INSERT INTO b VALUES (1, 1), (2, 1)");
    run.wait_until(|run| run.rows.len() >= 3);
    db.sql("UPDATE b SET v = 2 WHERE id = 2; INSERT INTO b VALUES (3, 3); UPDATE a SET v = 2");
    run.wait_until(|run| run.rows.len() == 6);
    let mut replay = Replay::default();
    replay.apply("id", &run.rows);
    for table in ["a", "b"] {
        assert_eq!(replay.rows(&format!("public.{table}")), content(&db, table, "id"));
    }
    run.host.kill();
}

#[test]
fn a_table_that_comes_to_a_publication_of_somebody_else_is_read_with_the_rows_it_had() {
    let db = Db::new("foreign_tables");
    db.sql("CREATE PUBLICATION everything FOR ALL TABLES");
    let more = json!({"until": "stopped", "publication": "everything"});
    let mut run = following(&db, &db.config(&[], more));
    db.sql("BEGIN; CREATE TABLE b (id int PRIMARY KEY, v int); INSERT INTO b VALUES (1, 1), (2, 1); UPDATE b SET v = 2; UPDATE a SET v = 7; COMMIT");
    run.wait_until(|run| run.rows.len() >= 4);
    db.sql("UPDATE b SET v = 3 WHERE id = 2; CREATE TABLE c (id int PRIMARY KEY); INSERT INTO c VALUES (1); DROP TABLE c");
    run.wait_until(|run| run.rows.len() >= 5);
    db.sql("DELETE FROM b WHERE id = 1");
    run.wait_until(|run| run.rows.len() >= 6);
    let mut replay = Replay::default();
    replay.apply("id", &run.rows);
    for table in ["a", "b"] {
        assert_eq!(replay.rows(&format!("public.{table}")), content(&db, table, "id"));
    }
    assert_eq!(run.rows.len(), 6, "{:?}", run.rows);
    run.host.kill();
}

#[test]
fn never_follows_a_new_table_and_does_not_read_it() {
    let db = Db::new("never_new");
    db.sql("CREATE TABLE a (id int PRIMARY KEY)");
    let more = json!({"until": "stopped", "snapshot": "never", "new_tables_interval": "100ms"});
    let mut run = db.run(&db.config(&["public.*"], more));
    run.wait_until(|run| run.states.contains_key(""));
    db.sql("CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (1)");
    let begun = std::time::Instant::now();
    while db.sql("SELECT count(*) FROM pg_publication_tables") != "2" {
        assert!(begun.elapsed() < std::time::Duration::from_secs(60), "the table is not published");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    db.sql("INSERT INTO b VALUES (2)");
    run.wait_until(|run| !run.rows.is_empty());
    assert_eq!(run.changes(), [json!(["insert", {"id": 2}])]);
    // A later run with another `snapshot` must not read what has been followed.
    assert_eq!(run.states["public.b"], json!({"done": true}));
    run.host.kill();
}
