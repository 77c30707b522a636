//! Where a run goes on when the world has changed meanwhile: another server, another log, tables
//! that were truncated, dropped or given another key in the middle of their snapshot.

// Servers are started by programs of Unix.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use common::{Replay, Sent, config, database, on, read, server, start};
use dstream_servers::Mariadb;
use serde_json::{Value, json};

type States = BTreeMap<String, Value>;

/// What a run has committed when it is killed, with more than `rows` rows of its snapshot out.
fn killed_in_the_snapshot(config: &Value, rows: usize) -> Sent {
    let mut host = start(config, &BTreeMap::new());
    let mut sent = Sent::default();
    sent.until(&mut host, |sent| sent.committed > rows);
    host.kill();
    sent.rows.truncate(sent.committed);
    assert!(sent.states.values().any(|state| state.get("lanes").is_some()), "{:?}", sent.states);
    sent
}

fn message(sent: &Sent) -> String {
    let error = sent.error.as_ref().unwrap_or_else(|| panic!("it should fail: {:?}", sent.ops()));
    format!("{}: {}", error["kind"].as_str().unwrap(), error["message"].as_str().unwrap())
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "it never came to this: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn another_server_takes_over_by_gtid_once_the_snapshot_is_read_and_not_by_a_place_in_a_file() {
    let first = Mariadb::start(&[]);
    first.create_database("d");
    first.sql("d", "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
    // Its places are greater than any in the log of the other.
    first.sql("", "FLUSH BINARY LOGS; FLUSH BINARY LOGS");
    let second = Mariadb::start(&["--server-id=2", "--log-slave-updates=1"]);
    let mut states = read(&on(&first, "d", json!({})), &States::new()).states;
    // The server writes to its log by itself, perhaps between the run's end and its snapshot.
    wait_for("the first's snapshot is behind", || {
        let done = states["d.t"] == json!({"done": true});
        if !done {
            states.extend(read(&on(&first, "d", json!({})), &states).states);
        }
        done
    });
    second.sql(
        "",
        &format!(
            "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={}, MASTER_USER='root', \
             MASTER_USE_GTID=slave_pos; START SLAVE",
            first.port()
        ),
    );
    // Its log is another: what stands at the same place of it is something else.
    first.sql("d", "INSERT INTO t VALUES (2)");
    wait_for("the second has the rows of the first", || {
        second.try_sql("d", "SELECT COUNT(*) FROM t").is_ok_and(|count| count == "2")
    });
    second.sql("d", "STOP SLAVE; INSERT INTO t VALUES (3)");

    let by_file = read(&on(&second, "d", json!({"position": "file"})), &states);
    let text = message(&by_file);
    assert!(text.starts_with("permanent: the checkpoint is of the server"), "{text}");
    let mut unread = states.clone();
    unread.insert("d.t".into(), json!({"key": ["id"], "lanes": [{}]}));
    let half_read = read(&on(&second, "d", json!({})), &unread);
    assert!(message(&half_read).contains("once the snapshot is read"), "{half_read:?}");
    let taken_over = read(&on(&second, "d", json!({})), &states);
    assert_eq!(taken_over.data(), [&json!({"id": 2}), &json!({"id": 3})], "{taken_over:?}");
    assert_ne!(taken_over.states[""]["server"], states[""]["server"]);
    states.extend(taken_over.states);
    assert_eq!(read(&on(&second, "d", json!({})), &states).rows.len(), 0);
}

/// A server without writers moves on too: it begins files, and notes in them what it has to know.
#[test]
fn a_table_is_done_when_the_log_is_past_its_snapshot_even_where_no_transaction_follows() {
    let first = Mariadb::start(&[]);
    first.create_database("d");
    first.sql("d", "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
    let mut states = read(&on(&first, "d", json!({})), &States::new()).states;
    first.sql("", "FLUSH BINARY LOGS");
    let status = first.sql("", "SHOW MASTER STATUS");
    let mut place = status.split('\t');
    let place = format!("{}:{}", place.next().unwrap(), place.next().unwrap());
    // As of a run that ended where the log ended when it began, with a snapshot made after that.
    let lanes = json!({"key": ["id"], "lanes": [{"read": [{"at": place}]}]});
    states.insert("d.t".into(), lanes);
    let rest = read(&on(&first, "d", json!({})), &states);
    assert_eq!((rest.rows.len(), &rest.states["d.t"]), (0, &json!({"done": true})), "{rest:?}");
}

#[test]
fn a_checkpoint_ahead_of_the_log_or_without_what_the_config_asks_for_is_refused() {
    let db = database("ahead");
    server().sql(&db, "CREATE TABLE t (id int PRIMARY KEY)");
    let by_file = config(&db, json!({"position": "file"}));
    let states = read(&by_file, &States::new()).states;
    let mut ahead = states.clone();
    let (file, _) = states[""]["position"].as_str().unwrap().split_once(':').unwrap();
    ahead.get_mut("").unwrap()["position"] = json!(format!("{file}:4000000000"));
    let text = message(&read(&by_file, &ahead));
    assert!(text.contains("is not there any more"), "{text}");

    let mut bare = states;
    bare.get_mut("").unwrap().as_object_mut().unwrap().remove("gtid");
    let text = message(&read(&config(&db, json!({"position": "gtid"})), &bare));
    assert!(text.starts_with("config: `position` is \"gtid\""), "{text}");
    assert!(read(&config(&db, json!({})), &bare).ended, "by the file, where nothing is said");
}

#[test]
fn a_truncate_between_two_parts_of_a_snapshot_makes_the_table_be_read_again() {
    let db = database("truncated");
    let server = server();
    server.sql(&db, "CREATE TABLE t (id int PRIMARY KEY, n int)");
    server.sql(&db, "INSERT INTO t SELECT seq, 0 FROM seq_1_to_30000");
    let config = config(&db, json!({"snapshot_parallelism": 1}));
    let first = killed_in_the_snapshot(&config, 5000);
    server.sql(
        &db,
        "UPDATE t SET n = 1 WHERE id < 10; TRUNCATE t; INSERT INTO t SELECT seq, 2 FROM \
         seq_20000_to_20100; UPDATE t SET n = 3 WHERE id = 20001",
    );
    let rest = read(&config, &first.states);
    assert!(rest.ended, "{:?}", rest.error);
    let mut replay = Replay::default();
    replay.apply("id", &first.rows);
    replay.apply("id", &rest.rows);
    let rows = replay.rows(&format!("{db}.t"));
    let numbers: Vec<_> = rows.iter().map(|row| row["n"].as_u64().unwrap()).collect();
    assert_eq!((rows.len(), numbers.iter().sum::<u64>()), (101, 203));
}

#[test]
fn a_table_that_changes_its_key_or_goes_before_it_is_read_is_noticed() {
    let db = database("changes_meanwhile");
    let server = server();
    for table in ["a", "b"] {
        server.sql(&db, &format!("CREATE TABLE {table} (id int PRIMARY KEY, n int NOT NULL)"));
        server.sql(&db, &format!("INSERT INTO {table} SELECT seq, seq FROM seq_1_to_20000"));
    }
    let config = config(&db, json!({"snapshot_parallelism": 1}));
    let first = killed_in_the_snapshot(&config, 3000);
    server.sql(&db, "DROP TABLE b");
    let rest = read(&config, &first.states);
    assert!(rest.ended, "one that is gone holds nothing up: {:?}", rest.error);
    let of_a = |row: &&Value| row["metadata"]["stream"] == format!("{db}.a");
    let all = first.rows.iter().chain(&rest.rows).filter(of_a);
    assert_eq!(all.count(), 20_000);
    assert_eq!(rest.states[&format!("{db}.b")], json!({"done": true}));

    server.sql(&db, "ALTER TABLE a DROP PRIMARY KEY, ADD PRIMARY KEY (n)");
    let text = message(&read(&config, &first.states));
    assert!(
        text.contains("was changed while the table was read: it was (id) and is (n)"),
        "{text}"
    );
}

/// Keys whose order in the database is not that of the numbers or bytes that stand in the log.
#[test]
fn a_snapshot_is_gone_on_with_behind_keys_of_every_kind() {
    let db = database("keys");
    let server = server();
    for (table, kind, key) in [
        ("unsigned", "bigint unsigned", "9223372036854765808 + seq"),
        ("zeros", "binary(4)", "UNHEX(LPAD(HEX(seq * 256), 8, '0'))"),
        ("negative", "int", "CAST(seq AS SIGNED) - 10000"),
    ] {
        server.sql(&db, &format!("CREATE TABLE `{table}` (k {kind} PRIMARY KEY, n int)"));
        server.sql(&db, &format!("INSERT INTO `{table}` SELECT {key}, seq FROM seq_1_to_20000"));
        let tables = [format!("{db}.{table}")];
        let config = config(&db, json!({"tables": tables, "snapshot_parallelism": 1}));
        let first = killed_in_the_snapshot(&config, 4000);
        // On both sides of the place where the two parts meet.
        server.sql(
            &db,
            &format!(
                "UPDATE `{table}` SET n = n + 1; DELETE FROM `{table}` WHERE n % 5 = 0; \
                 UPDATE `{table}` SET n = -n WHERE n % 7 = 0"
            ),
        );
        let rest = read(&config, &first.states);
        assert!(rest.ended, "{table}: {:?}", rest.error);
        let mut replay = Replay::default();
        replay.apply("k", &first.rows);
        replay.apply("k", &rest.rows);
        let rows = replay.rows(&tables[0]);
        let sum: i64 = rows.iter().map(|row| row["n"].as_i64().unwrap()).sum();
        let wanted = server.sql(&db, &format!("SELECT COUNT(*), SUM(n) FROM `{table}`"));
        assert_eq!(format!("{}\t{sum}", rows.len()), wanted, "{table}");
    }
}

#[test]
fn a_table_that_is_made_while_the_log_is_followed_is_not_read_again_by_the_next_run() {
    let db = database("made");
    let server = server();
    server.sql(&db, "CREATE TABLE t (id int PRIMARY KEY)");
    let config = config(&db, json!({}));
    let mut host = start(&config, &States::new());
    let mut sent = Sent::default();
    sent.until(&mut host, |sent| sent.states.contains_key(""));
    server.sql(&db, "CREATE TABLE u (id int PRIMARY KEY); INSERT INTO u VALUES (1)");
    sent.until(&mut host, |sent| sent.committed == 1);
    host.kill();
    server.sql(&db, "INSERT INTO u VALUES (2)");
    let rest = read(&config, &sent.states);
    assert_eq!((rest.ops(), rest.data()), (vec!["insert"], vec![&json!({"id": 2})]));
}
