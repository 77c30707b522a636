//! Changes that were removed before they were read, and rows that are read more than once.

use std::time::Duration;

use dstream_testkit::InputRun;
use dstream_testkit::serde_json::{Value, json};

use crate::server::{Db, States};

const TABLE: &str = "CREATE TABLE dbo.t (id int PRIMARY KEY)";

/// Inserts rows of which the clean-up leaves the last one.
fn insert_and_clean_up(db: &Db, ids: std::ops::RangeInclusive<i64>) {
    for id in ids {
        db.let_time_pass();
        db.sql(&format!("INSERT dbo.t (id) VALUES ({id})"));
    }
    db.scan();
    db.clean_up();
}

fn ids(run: &InputRun) -> Vec<i64> {
    run.rows.iter().map(|row| row["data"]["id"].as_i64().unwrap()).collect()
}

fn inserts(ids: &[i64]) -> Vec<Value> {
    ids.iter().map(|id| json!(["insert", {"id": id}])).collect()
}

fn reads_again(ids: &[i64]) -> Vec<Value> {
    let read = ids.iter().map(|id| json!(["read", {"id": id}]));
    std::iter::once(json!(["truncate", null])).chain(read).collect()
}

#[test]
fn changes_that_were_removed_are_an_error_and_never_a_gap() {
    let (db, start) = Db::with_table(TABLE, "t");
    insert_and_clean_up(&db, 1..=3);
    let never = db.config(json!({"snapshot": "never"}));
    let lost = db.start(&never, &start).fails();
    let lsn = start["dbo.t"]["lsn"].as_str().unwrap();
    assert!(
        lost.starts_with("permanent") && lost.contains(lsn) && lost.contains("dbo.t"),
        "{lost}"
    );
    for way in ["resnapshot", "skip", "sp_cdc_change_job"] {
        assert!(lost.contains(way), "{lost}");
    }
    let again = db.config(json!({"snapshot": "never", "on_lost_position": "resnapshot"}));
    assert_eq!(db.read(&again, &start).changes(), reads_again(&[1, 2, 3]));
    let skip = db.config(json!({"snapshot": "never", "on_lost_position": "skip"}));
    assert_eq!(db.read(&skip, &start).changes(), inserts(&[3]));
}

#[test]
fn changes_that_are_removed_between_two_looks_are_noticed_by_the_run() {
    let (db, start) = Db::with_table(TABLE, "t");
    let config = |more: Value| {
        let mut config = db.config(json!({"snapshot": "never", "until": "stopped",
            "poll_interval": "3s", "max_poll_interval": "3s"}));
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        config
    };
    // It looks once when it begins, and some seconds later again.
    let look = |config: &Value| {
        let mut run = db.start(config, &start);
        run.wait_until(|run| !run.progress.is_empty());
        run
    };
    let (mut failing, mut resolving) =
        (look(&config(json!({}))), look(&config(json!({"on_lost_position": "resnapshot"}))));
    insert_and_clean_up(&db, 1..=3);
    let lost = failing.fails();
    assert!(lost.starts_with("permanent") && lost.contains("were removed"), "{lost}");
    assert!(failing.rows.is_empty() && failing.open.is_empty(), "{:?}", failing.rows);
    // The host starts it again, and then it knows what to do.
    let lost = resolving.fails();
    assert!(lost.starts_with("transient") && lost.contains("were removed"), "{lost}");
    let again = db.config(json!({"snapshot": "never", "on_lost_position": "resnapshot"}));
    let run = db.read(&again, &resolving.states);
    assert_eq!(run.changes(), reads_again(&[1, 2, 3]));
}

#[test]
fn changes_that_are_removed_between_two_pages_are_noticed_before_the_second_is_sent() {
    let (db, start) = Db::with_table(TABLE, "t");
    let Some(sim) = db.simulator("rows that come slowly") else { return };
    for id in 1..=3_000 {
        db.sql(&format!("INSERT dbo.t VALUES ({id})"));
    }
    db.scan();
    // The first page has 200 rows.
    sim.row_delay(Duration::from_millis(1));
    let config = db.config(json!({"snapshot": "never", "max_batch_bytes": "4KiB"}));
    let mut run = db.start(&config, &start);
    run.wait_for(1);
    sim.row_delay(Duration::ZERO);
    db.clean_up();
    let lost = run.fails();
    assert!(lost.starts_with("permanent") && lost.contains("were removed"), "{lost}");
    let came = ids(&run);
    assert!(came.len() < 2_900, "{}", came.len());
    assert_eq!(
        came,
        (1..=came.len() as i64).collect::<Vec<_>>(),
        "up to there nothing is left out"
    );
}

#[test]
fn rows_are_read_again_only_when_needed_or_always() {
    let (db, start) = Db::with_table(TABLE, "t");
    let needed = db.config(json!({"snapshot": "when_needed"}));
    let always = db.config(json!({"snapshot": "always"}));
    db.let_time_pass();
    db.write("INSERT dbo.t VALUES (1)");
    for config in [&needed, &always] {
        let run = db.read(config, &States::new());
        assert_eq!(run.changes(), [json!(["read", {"id": 1}])], "as initial");
    }
    assert_eq!(db.read(&needed, &start).changes(), inserts(&[1]), "nothing is lost");
    let run = db.read(&always, &start);
    assert_eq!(run.changes(), reads_again(&[1]));
    insert_and_clean_up(&db, 2..=4);
    let all = reads_again(&[1, 2, 3, 4]);
    assert_eq!(db.read(&needed, &start).changes(), all);
    let run = db.read(&always, &run.states);
    assert_eq!(run.changes(), all);
    db.write("DELETE dbo.t WHERE id = 1");
    let run = db.read(&always, &run.states);
    assert_eq!(run.changes(), reads_again(&[2, 3, 4]));
}

#[test]
fn rows_that_are_read_again_have_the_columns_of_the_newest_instance() {
    let (db, start) = Db::with_table(TABLE, "t");
    db.let_time_pass();
    db.sql("INSERT dbo.t VALUES (1)");
    db.sql("ALTER TABLE dbo.t ADD v nvarchar(9) NULL");
    db.capture_as("dbo", "t", "dbo_t_2", "");
    db.let_time_pass();
    db.write("INSERT dbo.t VALUES (2, N'b')");
    db.clean_up();
    let config = db.config(json!({"on_lost_position": "resnapshot"}));
    let run = db.read(&config, &start);
    assert_eq!(
        run.changes(),
        [
            json!(["truncate", null]),
            json!(["read", {"id": 1, "v": null}]),
            json!(["read", {"id": 2, "v": "b"}]),
        ]
    );
}
