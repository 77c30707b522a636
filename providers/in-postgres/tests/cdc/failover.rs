//! Copies of a server: standbys that are promoted, and backups that are restored.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dstream_servers::Postgres;
use dstream_testkit::serde_json::{Value, json};

use crate::support::{Run, SETTINGS};

type States = BTreeMap<String, Value>;

/// A server with a table.
fn source() -> Postgres {
    let server = Postgres::start(&SETTINGS);
    server.create_database("d");
    server.psql("d", "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a')");
    server
}

fn start(server: &Postgres, states: &States, more: Value) -> Run {
    let mut config = json!({"url": server.url("d"), "tables": ["t"], "until": "caught_up"});
    for (name, value) in more.as_object().unwrap() {
        config[name] = value.clone();
    }
    Run::start("copies", &config, states)
}

fn read(server: &Postgres, states: &States, more: Value) -> Run {
    let mut run = start(server, states, more);
    run.finish();
    run
}

/// More log than what a server writes by itself.
fn write(server: &Postgres, from: u32, rows: u32) {
    let to = from + rows - 1;
    let sql =
        format!("INSERT INTO t SELECT n, repeat('x', 1000) FROM generate_series({from}, {to}) n");
    server.psql("d", &sql);
}

#[test]
fn a_checkpoint_that_an_older_copy_of_the_server_does_not_have_is_refused() {
    let mut server = source();
    let states = read(&server, &States::new(), json!({})).states;
    let copy = server.copy();
    assert!(read(&copy, &states, json!({})).rows.is_empty(), "it has this one");
    write(&server, 2, 1000);
    let ahead = read(&server, &states, json!({})).states;
    let refused = start(&copy, &ahead, json!({})).fails();
    let lsn = ahead[""]["lsn"].as_str().unwrap();
    assert!(refused.starts_with("permanent") && refused.contains(lsn), "{refused}");
    assert!(refused.contains("an older copy of it runs"), "{refused}");
    let again = read(&copy, &ahead, json!({"snapshot": "when_needed"}));
    let last = again.rows.last().unwrap();
    assert_eq!((&last["metadata"]["op"], &last["data"]["id"]), (&json!("read"), &json!(1)));
}

#[test]
fn a_run_goes_on_in_a_new_timeline_unless_that_has_left_the_old_one_before_the_checkpoint() {
    let mut server = source();
    let states = read(&server, &States::new(), json!({})).states;
    assert_eq!(states[""]["timeline"], 1);
    let copy = server.recovered_copy();
    copy.psql("d", "INSERT INTO t VALUES (2, 'b')");
    let run = read(&copy, &states, json!({}));
    assert_eq!(run.changes(), [json!(["insert", {"id": 2, "v": "b"}])]);
    assert_eq!(run.states[""]["timeline"], 2);

    write(&server, 2, 1000);
    let ahead = read(&server, &states, json!({})).states;
    // Its log is the longer one, so that the place alone says nothing.
    write(&copy, 3, 3000);
    let refused = start(&copy, &ahead, json!({})).fails();
    assert!(refused.contains("its timeline 2 has left the checkpoint's, 1, at 0/"), "{refused}");
    let back = start(&server, &run.states, json!({})).fails();
    assert!(back.contains("its timeline is 1, which does not come from"), "{back}");
}

#[test]
fn a_server_that_keeps_its_timeline_to_itself_is_read_all_the_same() {
    let server = source();
    let sql = "CREATE ROLE managed LOGIN REPLICATION; GRANT SELECT ON t TO managed; \
         CREATE PUBLICATION p FOR TABLE t; REVOKE EXECUTE ON FUNCTION pg_walfile_name(pg_lsn) FROM PUBLIC";
    server.psql("d", sql);
    let more = json!({"user": "managed", "publication": "p"});
    let first = read(&server, &States::new(), more.clone());
    assert_eq!((first.rows.len(), &first.states[""]["timeline"]), (1, &Value::Null));
    write(&server, 2, 3);
    assert_eq!(read(&server, &first.states, more).changes().len(), 3);
}

/// Before PostgreSQL 17 it is refused.
#[test]
fn standbys_keep_the_slot_and_a_run_goes_on_behind_a_failover() {
    let mut primary = source();
    let wanted = json!({"failover": true});
    if primary.psql("d", "SHOW server_version_num").parse::<u32>().unwrap() < 170_000 {
        let refused = start(&primary, &States::new(), wanted).fails();
        assert!(refused.contains("standbys keep slots since PostgreSQL 17"), "{refused}");
        return;
    }
    // The slot is there already, and becomes one that they keep.
    let first = read(&primary, &States::new(), json!({})).states;
    let standby = primary
        .standby("standby", &[("sync_replication_slots", "on"), ("hot_standby_feedback", "on")]);
    let second = read(&primary, &first, wanted.clone()).states;
    let synced = "SELECT count(*) FROM pg_replication_slots WHERE synced AND NOT temporary";
    let begun = Instant::now();
    while standby.psql("d", synced) != "1" {
        assert!(begun.elapsed() < Duration::from_secs(120), "the standby does not keep the slot");
        // It is kept once the primary has something newer.
        primary.psql("d", "CHECKPOINT; SELECT pg_log_standby_snapshot()");
        std::thread::sleep(Duration::from_millis(200));
    }
    primary.psql("d", "INSERT INTO t VALUES (2, 'b')");
    primary.psql("d", "ALTER SYSTEM SET synchronized_standby_slots = 'standby'");
    primary.psql("d", "SELECT pg_reload_conf()");
    let third = read(&primary, &second, wanted.clone());
    assert_eq!(third.rows.len(), 1);
    primary.kill();
    standby.psql("d", "SELECT pg_promote()");
    // It has no standbys of its own.
    standby.psql("d", "ALTER SYSTEM RESET synchronized_standby_slots");
    standby.psql("d", "SELECT pg_reload_conf()");
    standby.psql("d", "INSERT INTO t VALUES (3, 'c')");
    let run = read(&standby, &third.states, wanted);
    assert_eq!(run.changes(), [json!(["insert", {"id": 3, "v": "c"}])]);
    assert_eq!(run.states[""]["timeline"], 2);
}
