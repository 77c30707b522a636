//! Rows, checkpoint and dead letters are one: killed anywhere, fenced by a later run, resumed.

use std::time::Duration;

use dstream_testkit::FakeHost;
use dstream_testkit::serde_json::{Value, json};

use crate::kill::{Kill, ROWS, one_run};
use crate::{TestDatabase, checkpoint, commit, finish, row};

const COUNTS: &str = "SELECT count(*), count(DISTINCT id) FROM s";

/// At each fail point of a commit, and in each mode.
pub fn a_killed_run_goes_on_from_the_checkpoint_that_stands_beside_the_rows<D: TestDatabase>() {
    for mode in ["append", "upsert"] {
        for point in ["before_commit:1", "before_commit:3", "after_commit:1", "after_commit:4"] {
            let db = D::new();
            for point in [Some(point), Some(point), Some(point), None] {
                one_run(&db, mode, Kill::At(point));
            }
            assert_eq!(db.sql(COUNTS), format!("{ROWS}|{ROWS}"), "{mode} {point}");
        }
    }
}

/// At moments of every length, until it comes through.
pub fn a_run_that_is_killed_at_any_moment_loses_and_doubles_nothing<D: TestDatabase>() {
    let db = D::new();
    let mut kills = 0;
    for millis in [3, 5, 8, 12, 18, 25, 40, 60].into_iter().cycle() {
        if !one_run(&db, "append", Kill::After(Duration::from_millis(millis))) {
            break;
        }
        kills += 1;
        assert!(kills < 200, "no progress");
    }
    assert!(kills > 3, "only {kills} kills");
    assert_eq!(db.sql(COUNTS), format!("{ROWS}|{ROWS}"));
}

/// The epoch is raised by the second one.
pub fn a_run_that_was_overtaken_cannot_commit_any_more<D: TestDatabase>() {
    let db = D::new();
    let (mut first, ready) = db.start(&json!({}));
    assert_eq!(ready["epoch"], 1);
    let (second, ready) = db.start(&json!({}));
    assert_eq!(ready["epoch"], 2);
    row(&mut first, "insert", &json!({"id": 1}), &json!({}));
    let error = commit(&mut first, 1);
    assert_eq!(error["@error"]["kind"], "fenced", "{error}");
    drop(second);
}

/// Alone and among many; they come again until the host has confirmed them.
pub fn rows_that_the_database_refuses_are_found_and_told_in_its_own_words<D: TestDatabase>() {
    for (mode, many) in [("append", 0), ("append", 400), ("upsert", 400)] {
        let db = D::new();
        let (table, bad) = D::refusing();
        db.sql(table);
        let config = json!({"mode": mode, "key": ["id"]});
        let (mut host, _) = db.start(&config);
        let mut all: Vec<Value> =
            (0..many).map(|id| json!({"id": id, "n": 1, "t": "ok"})).collect();
        for (at, (data, _)) in bad.iter().enumerate() {
            all.insert(at + at * many / bad.len(), data.clone());
        }
        for data in &all {
            row(&mut host, "insert", data, &json!({}));
        }
        checkpoint(&mut host, 1, &json!(1));
        for (data, words) in &bad {
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
        let left = format!("SELECT count(*) FROM {}", db.book("_dstream_rejected"));
        assert_eq!(db.sql(&left), "0");
    }
}

/// Two instances, each with its partition under a lease.
pub fn a_partition_is_written_under_its_lease_and_an_older_lease_is_fenced<D: TestDatabase>() {
    let db = D::new();
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
    assert_eq!(claim(&mut a, 7)["@claimed"], json!({"part": "p", "epoch": 7}));
    assert_eq!(write(&mut a, 1)["@committed"]["id"], 1);
    // A second instance opens: the first one goes on, because its partition is its own still.
    let (mut b, _) = db.start(&json!({}));
    assert_eq!(write(&mut a, 2)["@committed"]["id"], 2);
    assert_eq!(claim(&mut b, 8)["@claimed"], json!({"part": "p", "state": 2, "epoch": 8}));
    assert_eq!(write(&mut a, 3)["@error"]["kind"], "fenced");
    assert_eq!(write(&mut b, 3)["@committed"]["id"], 3);
    assert_eq!(db.sql("SELECT count(*) FROM s"), "3");
}

/// `dstream state set`.
pub fn what_a_person_has_set_takes_the_place_of_what_is_stored<D: TestDatabase>() {
    let db = D::new();
    let (mut host, _) = db.start(&json!({}));
    row(&mut host, "insert", &json!({"id": 1}), &json!({}));
    commit(&mut host, 1);
    finish(host);
    let mut command = db.command("run", &json!({}));
    command["adopt"] = json!({"in": {"": 77}});
    let mut host = FakeHost::start(D::PROGRAM).unwrap();
    host.send_json(&command).unwrap();
    let ready = host.json().unwrap();
    assert_eq!((&ready["epoch"], &ready["checkpoint"]["in"][""]), (&json!(2), &json!(77)));
}

/// The tables are still made as they were then, and those that were made then are gone on with.
pub fn a_database_of_an_earlier_version_is_gone_on_with<D: TestDatabase>() {
    let db = D::new();
    let plan = db.ask("plan", &json!({}));
    let first = db.first_version();
    let books =
        ["_dstream_checkpoints", "_dstream_rejected", "_dstream_tables"].map(|t| db.book(t));
    let words = |sql: &str| sql.split_whitespace().collect::<Vec<_>>().join(" ");
    for (name, sql) in books.iter().zip(&first) {
        let all = plan["resources"].as_array().unwrap();
        let planned = all.iter().find(|one| one["name"] == **name).unwrap();
        assert_eq!(words(planned["detail"].as_str().unwrap()), words(sql));
    }
    db.make_schema();
    let [checkpoints, rejected, tables] = &books;
    db.sql(&format!(
        "{}; CREATE TABLE s (id bigint NOT NULL, PRIMARY KEY (id)); \
         INSERT INTO {tables} (name, task_id, output) VALUES ('{}', 'u-1', 'out'); \
         INSERT INTO {checkpoints} (task_id, output, input, part, epoch, state, mark_epoch, mark_id, task) \
         VALUES ('u-1', 'out', '', '', 4, NULL, 4, 17, 't'), \
           ('u-1', 'out', 'in', '', 0, '{{\"at\":5}}', NULL, NULL, 't'); \
         INSERT INTO {rejected} (task_id, output, epoch, checkpoint, n, rejected) \
         VALUES ('u-1', 'out', 4, 17, 0, '{{\"error\":{{\"kind\":\"permanent\",\"message\":\"m\"}}}}')",
        first.join("; "),
        db.table("s")
    ));
    let (mut host, ready) = db.start(&json!({"mode": "upsert", "key": ["id"]}));
    assert_eq!(ready["epoch"], 5);
    assert_eq!(ready["previous"], json!({"epoch": 4, "id": 17}));
    assert_eq!(ready["checkpoint"], json!({"in": {"": {"at": 5}}}));
    assert_eq!(host.json().unwrap()["@rejected"]["error"]["message"], "m");
    row(&mut host, "insert", &json!({"id": 1}), &json!({}));
    checkpoint(&mut host, 1, &json!(6));
    assert_eq!(host.json().unwrap()["@committed"]["written"], 1);
    finish(host);
    assert_eq!(db.sql(&format!("SELECT state FROM {checkpoints} WHERE input = 'in'")), "6");
}
