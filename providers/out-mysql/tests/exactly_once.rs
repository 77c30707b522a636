//! Rows, checkpoint and dead letters are one: killed anywhere, fenced by a later run, resumed.

// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::{BufRead, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Database, PROGRAM, checkpoint, commit, finish, row};
use dstream_testkit::FakeHost;
use dstream_testkit::serde_json::{self, Value, json};

const ROWS: u64 = 3000;
const INTERVAL: u64 = 150;

#[test]
fn a_killed_run_goes_on_from_the_checkpoint_that_stands_beside_the_rows() {
    for mode in ["append", "upsert"] {
        for point in ["before_commit:1", "before_commit:3", "after_commit:1", "after_commit:4"] {
            let db = Database::new();
            for point in [Some(point), Some(point), Some(point), None] {
                one_run(&db, mode, Kill::At(point));
            }
            let counts = db.sql("SELECT count(*), count(DISTINCT id) FROM s");
            assert_eq!(counts, format!("{ROWS}|{ROWS}"), "{mode} {point}");
        }
    }
}

#[test]
fn a_run_that_is_killed_at_any_moment_loses_and_doubles_nothing() {
    let db = Database::new();
    let mut kills = 0;
    for millis in [3, 5, 8, 12, 18, 25, 40, 60].into_iter().cycle() {
        if !one_run(&db, "append", Kill::After(Duration::from_millis(millis))) {
            break;
        }
        kills += 1;
        assert!(kills < 200, "no progress");
    }
    assert!(kills > 3, "only {kills} kills");
    let counts = db.sql("SELECT count(*), count(DISTINCT id) FROM s");
    assert_eq!(counts, format!("{ROWS}|{ROWS}"));
}

#[derive(Clone, Copy)]
enum Kill {
    At(Option<&'static str>),
    After(Duration),
}

/// Sends what the database says is missing of the rows; whether it was killed before the end.
fn one_run(db: &Database, mode: &str, kill: Kill) -> bool {
    let point = if let Kill::At(Some(point)) = kill { point } else { "none" };
    let mut child = Command::new(PROGRAM)
        .env("DSTREAM_FAIL_POINT", point)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    let config = json!({"mode": mode, "key": ["id"]});
    writeln!(stdin, "{}", db.command("run", &config)).unwrap();
    stdout.read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let mut next = ready["checkpoint"]["in"][""].as_u64().unwrap_or(0);
    let ready = Instant::now();
    let mut id = 0;
    while next < ROWS {
        let mut text = String::new();
        for _ in 0..INTERVAL {
            text += &format!("{{\"data\":{{\"id\":{next}}},\"metadata\":{{\"stream\":\"s\"}}}}\n");
            next += 1;
        }
        id += 1;
        text += &format!("{{\"@checkpoint\":{{\"id\":{id},\"state\":{{\"\":{next}}}}}}}\n");
        line.clear();
        if let Kill::After(time) = kill
            && ready.elapsed() > time
        {
            // In the middle of whatever it does with the first half.
            stdin.write_all(&text.as_bytes()[..text.len() / 2]).unwrap();
            child.kill().unwrap();
            break;
        }
        if stdin.write_all(text.as_bytes()).is_err() || stdout.read_line(&mut line).unwrap() == 0 {
            break;
        }
    }
    drop(stdin);
    !child.wait().unwrap().success()
}

#[test]
fn a_run_that_was_overtaken_cannot_commit_any_more() {
    let db = Database::new();
    let (mut first, ready) = db.start(&json!({}));
    assert_eq!(ready["epoch"], 1);
    let (second, ready) = db.start(&json!({}));
    assert_eq!(ready["epoch"], 2);
    row(&mut first, "insert", &json!({"id": 1}), &json!({}));
    let error = commit(&mut first, 1);
    assert_eq!(error["@error"]["kind"], "fenced", "{error}");
    drop(second);
}

#[test]
fn a_run_that_was_stopped_with_an_open_transaction_is_overtaken_and_fenced() {
    use rustix::process::{Pid, Signal, kill_process};
    let db = Database::new();
    let config = json!({"takeover_timeout": "1s"});
    let mut child = Command::new(PROGRAM)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let mut command = db.command("run", &config);
    command["commit_within_ms"] = json!(60_000);
    writeln!(stdin, "{command}").unwrap();
    assert!(stdout.next().unwrap().unwrap().contains("ready"));
    writeln!(stdin, "{}", json!({"data": {"id": 1}, "metadata": {"stream": "s"}})).unwrap();
    writeln!(stdin, "{}", json!({"@checkpoint": {"id": 1, "state": {"": 1}}})).unwrap();
    stdout.next().unwrap().unwrap();
    // More than is held back in memory, without a checkpoint: the transaction is open.
    let line = json!({"data": {"id": 2, "t": "x".repeat(1000)}, "metadata": {"stream": "s"}});
    for _ in 0..8000 {
        writeln!(stdin, "{line}").unwrap();
    }
    let open =
        "SELECT count(*) > 0 FROM information_schema.INNODB_TRX WHERE trx_rows_modified > 100";
    let began = Instant::now();
    while db.sql(open) != "1" {
        assert!(began.elapsed() < Duration::from_secs(20), "no open transaction");
    }
    // Idle for longer than the limit: it lives, so nobody ends its transaction.
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(db.sql(open), "1");
    let pid = Pid::from_raw(child.id() as i32).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let (mut second, ready) = db.start(&config);
    assert_eq!(ready["checkpoint"]["in"][""], 1);
    row(&mut second, "insert", &json!({"id": 3}), &json!({}));
    assert_eq!(commit(&mut second, 1)["@committed"]["id"], 1);
    kill_process(pid, Signal::CONT).unwrap();
    writeln!(stdin, "{}", json!({"@checkpoint": {"id": 2, "state": {"": 2}}})).unwrap();
    let said: Vec<String> = stdout.map_while(Result::ok).collect();
    let last: Value = serde_json::from_str(said.last().unwrap()).unwrap();
    assert_eq!(last["@error"]["kind"], "fenced", "{said:?}");
    child.wait().unwrap();
    finish(second);
    assert_eq!(db.sql("SELECT group_concat(id ORDER BY id) FROM s"), "1,3");
}

#[test]
fn rows_that_the_server_refuses_are_found_and_told_in_its_own_words() {
    for (mode, many) in [("append", 0), ("append", 400), ("upsert", 400)] {
        let db = Database::new();
        db.sql("CREATE TABLE s (id int PRIMARY KEY, n int CHECK (n < 5), t varchar(3), d date)");
        let config = json!({"mode": mode, "key": ["id"]});
        let (mut host, _) = db.start(&config);
        let bad = [
            (json!({"id": 10001, "n": 7, "t": "a"}), "CONSTRAINT `s.n` failed"),
            (json!({"id": "x", "n": 1, "t": "a"}), "column `id`: `x` is no integer"),
            (json!({"id": 10003, "n": 1, "t": "four"}), "Data too long for column 't'"),
            (json!({"id": 10004, "n": 1.5, "t": "a"}), "column `n`: `1.5` is no integer"),
            (json!({"id": 10005, "n": 1, "t": "a", "d": "2026-02-30"}), "Incorrect date value"),
            (json!({"id": 99999999999u64, "n": 1, "t": "a"}), "Out of range value for column 'id'"),
        ];
        let mut all: Vec<Value> =
            (0..many).map(|id| json!({"id": id, "n": 1, "t": "ok"})).collect();
        for (at, (data, _)) in bad.iter().enumerate() {
            all.insert(at + at * many / bad.len(), data.clone());
        }
        for data in &all {
            row(&mut host, "insert", data, &json!({}));
        }
        checkpoint(&mut host, 1, &json!(1));
        for (data, words) in bad.iter() {
            let line = host.json().unwrap();
            let rejected = &line["@rejected"];
            let message = rejected["error"]["message"].as_str().unwrap_or_default();
            assert!(message.contains(words), "{mode}: {words}: {line}");
            assert_eq!(&rejected["envelope"]["data"], data);
        }
        let committed = host.json().unwrap()["@committed"].clone();
        let written = committed["written"].as_u64().unwrap_or(0);
        assert_eq!((written as usize, &committed["rejected"]), (many, &json!(bad.len())));
        assert_eq!(db.sql("SELECT count(*) FROM s"), many.to_string());
        // Killed before the host has confirmed: the next run sends them again, until it does.
        drop(host);
        let (mut host, ready) = db.start(&config);
        assert_eq!(ready["previous"], json!({"epoch": 1, "id": 1}));
        for _ in &bad {
            assert!(host.json().unwrap().get("@rejected").is_some());
        }
        commit(&mut host, 1);
        host.send_json(&json!({"@committed": {"id": 1}})).unwrap();
        finish(host);
        assert_eq!(db.sql(&format!("SELECT count(*) FROM {}._dstream_rejected", db.books())), "0");
    }
}

#[test]
fn a_partition_is_written_under_its_lease_and_an_older_lease_is_fenced() {
    let db = Database::new();
    let write = |host: &mut FakeHost, id: u64| {
        row(host, "insert", &json!({"id": id}), &json!({}));
        host.send_json(&json!({"@checkpoint": {"id": id, "state": {"p": id}}})).unwrap();
        host.json().unwrap()
    };
    let claim = |host: &mut FakeHost, epoch: u64| {
        host.send_json(&json!({"@claim": {"part": "p", "epoch": epoch}})).unwrap();
        host.json().unwrap()
    };
    let (mut a, _) = db.start(&json!({}));
    assert_eq!(claim(&mut a, 7)["@claimed"], json!({"part": "p"}));
    assert_eq!(write(&mut a, 1)["@committed"]["id"], 1);
    // A second instance opens: the first one goes on, because its partition is its own still.
    let (mut b, _) = db.start(&json!({}));
    assert_eq!(write(&mut a, 2)["@committed"]["id"], 2);
    assert_eq!(claim(&mut b, 8)["@claimed"], json!({"part": "p", "state": 2}));
    assert_eq!(write(&mut a, 3)["@error"]["kind"], "fenced");
    assert_eq!(write(&mut b, 3)["@committed"]["id"], 3);
    assert_eq!(db.sql("SELECT count(*) FROM s"), "3");
}

#[test]
fn what_a_person_has_set_takes_the_place_of_what_is_stored() {
    let db = Database::new();
    let (mut host, _) = db.start(&json!({}));
    row(&mut host, "insert", &json!({"id": 1}), &json!({}));
    commit(&mut host, 1);
    finish(host);
    let mut command = db.command("run", &json!({}));
    command["adopt"] = json!({"in": {"": 77}});
    let mut host = FakeHost::start(PROGRAM).unwrap();
    host.send_json(&command).unwrap();
    let ready = host.json().unwrap();
    assert_eq!((&ready["epoch"], &ready["checkpoint"]["in"][""]), (&json!(2), &json!(77)));
}
