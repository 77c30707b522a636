//! Random transactions, restarts, page sizes, clean-ups, lost connections: applied to an empty copy, what comes out is
//! the source, and transactions come whole and in the order of their commits.
//!
//! `CASES=1000` runs more; `SEED=7` runs one again.

use std::collections::BTreeMap;

use dstream_testkit::InputRun;
use dstream_testkit::serde_json::{Value, json};

use crate::server::{Db, States};

const TABLES: [&str; 3] = ["a", "b", "c"];

/// Rows by table and key.
type Copy = BTreeMap<String, BTreeMap<i64, Value>>;

#[test]
fn what_comes_out_is_the_source_whatever_happens() {
    let cases: u64 = std::env::var("CASES").map_or(25, |text| text.parse().unwrap());
    let one: Option<u64> = std::env::var("SEED").ok().map(|text| text.parse().unwrap());
    for seed in one.map_or(0..cases, |seed| seed..seed + 1) {
        println!("seed {seed}");
        case(&mut fastrand::Rng::with_seed(seed), seed);
    }
}

fn case(rng: &mut fastrand::Rng, seed: u64) {
    let db = Db::new();
    for table in TABLES {
        let ddl = format!(
            "CREATE TABLE dbo.{table} (id int NOT NULL PRIMARY KEY, v nvarchar(200), m nvarchar(max))"
        );
        db.tables(&ddl, &[table]);
    }
    let snapshot = rng.bool();
    if snapshot {
        (0..rng.usize(1..8)).for_each(|_| transaction(rng, &db));
        db.scan();
    }
    let config = |rng: &mut fastrand::Rng| {
        db.config(json!({
            "snapshot": if snapshot { "initial" } else { "never" },
            "max_batch_bytes": (4 << 10) << rng.u32(0..5),
            "max_transactions": rng.usize(1..20),
            "max_connections": rng.usize(1..4),
        }))
    };
    let mut states = db.read(&config(rng), &States::new());
    let mut copy = Copy::new();
    apply(&mut copy, &states.rows, true);
    let mut last = String::new();
    for _ in 0..rng.usize(2..6) {
        (0..rng.usize(0..25)).for_each(|_| transaction(rng, &db));
        db.scan();
        if rng.u8(..4) == 0 {
            idle(&db);
        }
        db.simulator("faults of the run before").inspect(|sim| sim.clear_faults());
        let is_cut = rng.u8(..3) == 0 && cut(rng, &db);
        let mut run = db.start(&config(rng), &states.states);
        let killed_at = rng.usize(0..60);
        if rng.bool() {
            while run.rows.len() + run.open.len() < killed_at && run.take() {}
            run.host.kill();
        } else if is_cut {
            while run.take() {}
        } else {
            run.finish();
        }
        if let Some(error) = &run.error {
            assert!(is_cut && error["kind"] == "transient", "seed {seed}: {error}");
        }
        ordered(&run, &mut last, seed);
        apply(&mut copy, &run.rows, snapshot);
        states = run;
        if rng.u8(..5) == 0 && states.ended {
            // Of what was read, nothing is needed any more.
            db.clean_up();
        }
    }
    db.simulator("faults of the run before").inspect(|sim| sim.clear_faults());
    let end = db.read(&config(rng), &states.states);
    ordered(&end, &mut last, seed);
    apply(&mut copy, &end.rows, snapshot);
    for table in TABLES {
        let rows = copy.remove(&format!("dbo.{table}")).unwrap_or_default();
        assert_eq!(rows, source(&db, table), "seed {seed}, table {table}");
    }
}

fn transaction(rng: &mut fastrand::Rng, db: &Db) {
    let mut sql = String::from("BEGIN TRAN;");
    for _ in 0..rng.usize(1..5) {
        let table = TABLES[rng.usize(..TABLES.len())];
        let (a, b) = (rng.i32(0..40), rng.i32(0..40));
        let text = "x".repeat(rng.usize(0..60));
        sql += &match rng.u8(..8) {
            0..3 => format!(
                "IF NOT EXISTS (SELECT 1 FROM dbo.{table} WHERE id = {a}) INSERT dbo.{table} (id, v, m) VALUES ({a}, N'{text}', REPLICATE(CAST(N'ä' AS nvarchar(max)), {b}));"
            ),
            3 => format!(
                "UPDATE dbo.{table} SET v = N'{text}' WHERE id BETWEEN {} AND {};",
                a.min(b),
                a.max(b)
            ),
            // The key changes, of one row or of many: a delete and an insert each.
            4 => format!(
                "IF NOT EXISTS (SELECT 1 FROM dbo.{table} WHERE id = {b}) UPDATE dbo.{table} SET id = {b} WHERE id = {a};"
            ),
            5 => format!("UPDATE dbo.{table} SET id = 39 - id;"),
            6 => format!("DELETE dbo.{table} WHERE id % 7 = {};", a % 7),
            _ => format!("UPDATE dbo.{table} SET m = NULL WHERE id = {a};"),
        };
    }
    sql += if rng.u8(..8) == 0 { "ROLLBACK" } else { "COMMIT" };
    db.sql(&sql);
}

/// A connection goes, or a deadlock comes, at some statement of the next run. `false`: not on this
/// server.
fn cut(rng: &mut fastrand::Rng, db: &Db) -> bool {
    let Some(sim) = db.simulator("connections that go at will") else { return false };
    let at = ["[cdc].[dbo_", "cdc.lsn_time_mapping", "FROM [dbo].["][rng.usize(..3)];
    match rng.bool() {
        true => sim.disconnect_at(at, rng.u64(1..6)),
        false => sim.fail(1205, at, rng.u64(1..6)),
    }
    true
}

/// The row that the capture job writes after five minutes without a change.
fn idle(db: &Db) {
    if db.simulator("idle rows at will").is_some() {
        db.sql("EXEC sim.idle");
    }
}

fn source(db: &Db, table: &str) -> BTreeMap<i64, Value> {
    let rows = db.rows(&format!("SELECT id, v, m FROM dbo.{table}")).unwrap();
    let row = |row: Vec<Option<String>>| {
        let id: i64 = row[0].as_ref().unwrap().parse().unwrap();
        (id, json!({"id": id, "v": row[1], "m": row[2]}))
    };
    rows.into_iter().map(row).collect()
}

/// Applies changes; unless rows were read meanwhile, each one has to fit exactly.
fn apply(copy: &mut Copy, rows: &[Value], lenient: bool) {
    for row in rows {
        let metadata = &row["metadata"];
        let table = copy.entry(metadata["stream"].as_str().unwrap().to_owned()).or_default();
        let id = row["data"]["id"].as_i64().unwrap();
        match metadata["op"].as_str().unwrap() {
            "insert" | "read" => {
                let before = table.insert(id, row["data"].clone());
                assert!(lenient || before.is_none(), "twice: {row}");
            }
            "delete" => {
                let before = table.remove(&id);
                assert!(lenient || before.is_some(), "a gap before {row}");
            }
            "update" => {
                let Some(whole) = table.get_mut(&id) else {
                    assert!(lenient, "a gap before {row}");
                    continue;
                };
                for (name, value) in row["data"].as_object().unwrap() {
                    whole[name] = value.clone();
                }
            }
            other => panic!("{other}"),
        }
    }
}

/// Places grow, over all runs.
fn ordered(run: &InputRun, last: &mut String, seed: u64) {
    let changes = run.rows.iter().filter(|row| row["metadata"]["op"] != "read");
    for row in changes {
        let tx = row["metadata"]["tx"].as_str().unwrap();
        assert!(tx >= last.as_str(), "seed {seed}: {tx} after {last}");
        last.clear();
        last.push_str(tx);
    }
}
