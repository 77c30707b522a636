//! The rows as they stand.

use dstream_testkit::serde_json::{Value, json};

use crate::server::{Db, States, numbers};

#[test]
fn rows_come_first_and_changes_behind_them_wherever_it_is_killed() {
    let db = Db::new();
    db.tables("CREATE TABLE dbo.t (a varchar(10) NOT NULL, b int NOT NULL, v nvarchar(50), PRIMARY KEY (a, b))", &["t"]);
    db.write(&format!(
        "INSERT dbo.t SELECT 'k' + CAST(value % 7 AS varchar(9)), value, REPLICATE(N'x', 40) FROM {}",
        numbers(60_000)
    ));
    let config = db.config(json!({"max_batch_bytes": "64KiB"}));
    let (mut states, mut seen, mut kills) = (States::new(), Vec::<Value>::new(), 0);
    loop {
        let mut run = db.start(&config, &states);
        while run.rows.len() < 8_000 && run.take() {}
        run.host.kill();
        assert!(run.error.is_none(), "{:?}", run.error);
        seen.extend(run.rows.iter().map(|row| row["data"]["b"].clone()));
        let over = run.states["dbo.t"].get("snapshot").is_none();
        states = run.states;
        if over {
            break;
        }
        kills += 1;
        assert!(kills < 60, "it does not come to an end");
    }
    assert!(kills >= 3, "{kills}");
    let mut ids: Vec<_> = seen.iter().map(|id| id.as_i64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=60_000).collect::<Vec<_>>());
    db.write("UPDATE dbo.t SET v = N'x' WHERE b = 5");
    let run = db.read(&config, &states);
    // What was inserted since the snapshot began is in its rows; nothing was.
    assert_eq!(run.changes(), [json!(["update", {"a": "k5", "b": 5, "v": "x"}])]);
}

#[test]
fn columns_are_chosen_and_the_key_stays() {
    let db = Db::new();
    db.tables("CREATE TABLE dbo.t (id int PRIMARY KEY, a int, b money, c int)", &["t"]);
    db.write("INSERT dbo.t VALUES (1, 2, 3.5, 4)");
    let only = db.config(json!({"table": {"t": {"columns": ["b"]}}}));
    assert_eq!(
        db.read(&only, &States::new()).changes(),
        [json!(["read", {"id": 1, "b": "3.5000"}])]
    );
    let but = db.config(json!({"table": {"dbo.*": {"exclude_columns": ["a", "b"]}}}));
    assert_eq!(db.read(&but, &States::new()).changes(), [json!(["read", {"id": 1, "c": 4}])]);
}

#[test]
fn a_large_table_without_a_key_does_not_fill_the_memory() {
    const ROWS: usize = 400_000;
    let db = Db::new();
    db.tables("CREATE TABLE dbo.t (v nvarchar(200), n int)", &["t"]);
    db.write(&format!(
        "INSERT dbo.t SELECT REPLICATE(N'x', 150), value FROM {}",
        numbers(ROWS as u32)
    ));
    let mut run = db.start(&db.config(json!({})), &States::new());
    let (mut sum, mut count) = (0, 0);
    while count < ROWS && run.take() {
        // A checkpoint moves them; which of the two it is does not matter here.
        for row in run.open.drain(..).chain(run.rows.drain(..)) {
            sum += row["data"]["n"].as_u64().unwrap();
            count += 1;
        }
    }
    assert_eq!((count, sum), (ROWS, (1..=ROWS as u64).sum()));
    // Its rows are about 80 MiB as envelopes.
    let peak = peak_mib(run.host.pid());
    assert!(peak < 48, "{peak} MiB");
    run.host.kill();
}

#[cfg(target_os = "linux")]
fn peak_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

#[cfg(not(target_os = "linux"))]
fn peak_mib(_: u32) -> u64 {
    0
}

#[test]
fn a_table_without_a_key_is_read_in_one_piece() {
    let db = Db::new();
    db.tables("CREATE TABLE dbo.t (v int)", &["t"]);
    db.write("INSERT dbo.t VALUES (1), (1), (2)");
    let run = db.read(&db.config(json!({})), &States::new());
    assert_eq!(run.rows.len(), 3);
    db.write("DELETE dbo.t WHERE v = 2");
    let run = db.read(&db.config(json!({})), &run.states);
    assert_eq!(run.changes(), [json!(["delete", {"v": 2}])]);
}
