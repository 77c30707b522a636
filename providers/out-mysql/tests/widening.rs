//! Making and widening a table commits whatever is open, so it is done beside the transaction, and
//! never while that holds rows: nothing is lost or doubled, wherever a run is killed.

// Servers are started by programs of Unix.
#![cfg(unix)]
// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::Db;
use dstream_sql_testkit::kill::Run;
use dstream_sql_testkit::{
    FakeHost, TestDatabase as _, Value, checkpoint, commit, finish, json, row,
};

/// More than one run of envelopes that the output gets at once.
fn many(host: &mut FakeHost, ids: std::ops::Range<u32>, columns: &[&str]) {
    let pad = "x".repeat(2000);
    for id in ids {
        let mut data = json!({"id": id, "pad": pad});
        for column in columns {
            data[column] = json!(id);
        }
        row(host, "insert", &data, &json!({}));
    }
}

#[test]
fn rows_that_were_written_before_their_table_is_widened_are_there_once() {
    for mode in ["append", "upsert", "history"] {
        let db = Db::new();
        let (mut host, _) = db.start(&json!({"mode": mode, "key": ["id"]}));
        many(&mut host, 0..10, &[]);
        commit(&mut host, 1);
        // Several megabytes, in one interval, with three columns in the middle of it.
        many(&mut host, 10..1500, &[]);
        many(&mut host, 1500..2000, &["b"]);
        many(&mut host, 2000..3000, &["b", "c"]);
        row(&mut host, "insert", &json!({"id": 3000, "d": "late"}), &json!({}));
        assert_eq!(commit(&mut host, 2)["@committed"]["written"], 2991, "{mode}");
        finish(host);
        let sql = "SELECT count(*), count(DISTINCT id), count(b), count(c), count(d), sum(b), sum(c) FROM s";
        let sum = |ids: std::ops::Range<u64>| ids.sum::<u64>();
        let expected = format!("3001|3001|1500|1000|1|{}|{}", sum(1500..3000), sum(2000..3000));
        assert_eq!(db.sql(sql), expected, "{mode}");
    }
}

#[test]
fn what_was_refused_before_a_table_is_widened_is_refused_once() {
    let db = Db::new();
    db.sql("CREATE TABLE s (id int PRIMARY KEY, pad longtext, n tinyint)");
    let (mut host, _) = db.start(&json!({}));
    many(&mut host, 0..800, &[]);
    row(&mut host, "insert", &json!({"id": 5000, "n": 999}), &json!({}));
    many(&mut host, 800..1600, &[]);
    row(&mut host, "insert", &json!({"id": 5001, "new": 1}), &json!({}));
    checkpoint(&mut host, 1, &json!(1));
    let rejected = host.json().unwrap();
    assert!(rejected.to_string().contains("Out of range"), "{rejected}");
    assert_eq!(
        host.json().unwrap()["@committed"],
        json!({"id": 1, "written": 1601, "rejected": 1})
    );
    finish(host);
    assert_eq!(db.sql("SELECT count(*), count(DISTINCT id), count(new) FROM s"), "1601|1601|1");
}

/// A schema that comes in the middle of an interval, for a table that has rows in it already: what
/// came before is written again under the schema of its time, whether that one's first row stood
/// before the last commit or behind it.
#[test]
fn a_schema_in_the_middle_holds_for_what_comes_behind_it() {
    let wider = (["id"].as_slice(), ["id", "kept", "new"].as_slice(), "1|7|\n2|8|9");
    // What the second one has not stays as it is.
    let other = (["id", "kept"].as_slice(), ["id", "new"].as_slice(), "1|8|\n2|7|9");
    for ((first, second, expected), early) in
        [(wider, true), (wider, false), (other, true), (other, false)]
    {
        let db = Db::new();
        db.sql("CREATE TABLE s (id int PRIMARY KEY, pad longtext, kept int); INSERT INTO s VALUES (1, '', 7), (2, '', 7)");
        let (mut host, _) = db.start(&json!({"mode": "upsert"}));
        let schema = |names: &[&str]| {
            let fields: Vec<Value> =
                names.iter().map(|name| json!({"name": name, "type": "int32"})).collect();
            json!({"@schema": {"stream": "s", "key": ["id"], "fields": fields}})
        };
        let data = |id: u32, names: &[&str]| {
            let mut data = json!({"id": id});
            for name in &names[1..] {
                data[name] = json!(if *name == "kept" { 8 } else { 9 });
            }
            data
        };
        host.send_json(&schema(first)).unwrap();
        if early {
            row(&mut host, "update", &data(1, first), &json!({}));
        }
        commit(&mut host, 1);
        row(&mut host, "update", &data(1, first), &json!({}));
        host.send_json(&schema(second)).unwrap();
        row(&mut host, "update", &data(2, second), &json!({}));
        assert_eq!(commit(&mut host, 2)["@committed"]["written"], 2);
        finish(host);
        let rows = db.sql("SELECT id, kept, new FROM s ORDER BY id");
        assert_eq!(rows, expected, "{first:?} {early}");
    }
}

#[test]
fn a_partition_that_was_claimed_inside_stays_claimed() {
    let db = Db::new();
    let (mut host, _) = db.start(&json!({}));
    // More than is held back, so that the transaction is open.
    many(&mut host, 0..6000, &[]);
    host.send_json(&json!({"@claim": {"part": "p", "epoch": 7}})).unwrap();
    assert_eq!(host.json().unwrap()["@claimed"], json!({"part": "p", "epoch": 7}));
    many(&mut host, 6000..6400, &["b"]);
    host.send_json(&json!({"@checkpoint": {"id": 1, "state": {"p": 1}}})).unwrap();
    assert_eq!(host.json().unwrap()["@committed"], json!({"id": 1, "written": 6400}));
    finish(host);
    assert_eq!(db.sql("SELECT count(*), count(b) FROM s"), "6400|400");
    let sql =
        format!("SELECT epoch, state FROM {}._dstream_checkpoints WHERE part = 'p'", db.books());
    assert_eq!(db.sql(&sql), "7|1");
}

const ROWS: u64 = 1200;
const INTERVAL: u64 = 400;

/// Each table and each column is made in the middle of an interval; the process is killed before
/// or after it is, and begins again, until it comes through.
#[test]
fn a_run_that_is_killed_beside_a_new_table_or_column_goes_on() {
    for mode in ["append", "upsert"] {
        for point in ["before_ddl", "after_ddl"] {
            for nth in 1..=5 {
                let db = Db::new();
                let killed = !one_run(&db, mode, &format!("{point}:{nth}"));
                assert!(killed, "{mode} {point}:{nth} was not passed");
                // What the killed run made or noted is found again, and its rows are not there.
                assert!(one_run(&db, mode, "none"));
                let counts = "SELECT count(*), count(DISTINCT id), count(c400), count(c800) FROM";
                for table in ["s", "t"] {
                    let expected = format!("{0}|{0}|{1}|{2}", ROWS / 2, ROWS / 3, ROWS / 6);
                    let found = db.sql(&format!("{counts} {table}"));
                    assert_eq!(found, expected, "{mode} {point}:{nth} {table}");
                }
                let destroyed = db.ask("destroy", &json!({"mode": mode, "key": ["id"]}));
                assert_eq!(destroyed["status"], "ok", "{destroyed}");
                assert_eq!(db.sql("SHOW TABLES"), "", "{mode} {point}:{nth}");
            }
        }
    }
}

/// Killed behind the note of a table, there is nothing to destroy, and nothing fails.
#[test]
fn a_note_without_its_table_is_no_obstacle() {
    let db = Db::new();
    assert!(!one_run(&db, "append", "before_ddl:1"));
    let note = format!("SELECT count(*) FROM {}._dstream_tables", db.books());
    assert_eq!((db.sql(&note), db.sql("SHOW TABLES")), ("1".into(), String::new()));
    let status = db.ask("status", &json!({}));
    assert!(status.to_string().contains("absent"), "{status}");
    assert_eq!(db.ask("destroy", &json!({}))["status"], "ok");
    assert_eq!(db.sql(&format!("SHOW DATABASES LIKE '{}'", db.books())), db.books());
}

/// Sends what is missing, to two tables in turn; from rows 400 and 800 on with a column more.
/// Whether it came to its end.
fn one_run(db: &Db, mode: &str, point: &str) -> bool {
    let mut command = db.command("run", &json!({"mode": mode, "key": ["id"]}));
    command["commit_within_ms"] = json!(1);
    let (mut run, ready) = Run::start::<Db>(&command, point);
    let mut next = ready["checkpoint"]["in"][""].as_u64().unwrap_or(0);
    let (mut id, pad) = (0, "x".repeat(4000));
    while next < ROWS {
        let mut text = String::new();
        // From the middle of one step to the middle of the next.
        let end = if next == 0 { INTERVAL / 2 } else { (next + INTERVAL).min(ROWS) };
        while next < end {
            let mut data = json!({"id": next, "pad": pad});
            for column in [400, 800] {
                if next >= column {
                    data[format!("c{column}")] = json!(next);
                }
            }
            let stream = ["s", "t"][next as usize % 2];
            text += &format!("{}\n", json!({"data": data, "metadata": {"stream": stream}}));
            next += 1;
        }
        id += 1;
        text += &format!("{{\"@checkpoint\":{{\"id\":{id},\"state\":{{\"\":{next}}}}}}}\n");
        if !run.step(&text) {
            break;
        }
    }
    run.end()
}
