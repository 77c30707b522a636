//! CSV to JSON lines and to SQLite, against one process that does the same.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{named, project, quoted};
use crate::report::Row;
use crate::{Size, data, launch, pairs};

/// Against `csv2jsonl`: the same bytes, made durable.
pub fn to_jsonl(size: &Size) -> Vec<Row> {
    let work = tempfile::tempdir().expect("a temporary folder can be made");
    let (source, ours, other) = (
        work.path().join("people.csv"),
        work.path().join("ours.jsonl"),
        work.path().join("other.jsonl"),
    );
    data::csv(&source, size.rows).expect("writable");
    let folder = project(
        &named("file", &[("path", quoted(&source)), ("types", "\"text\"".into())]),
        &named("file", &[("path", quoted(&ours))]),
    );
    let result = pairs::measure(
        size.pairs,
        || dstream(folder.path(), &ours),
        || baseline(launch::program("csv2jsonl").arg(&source).arg(&other), &other),
    );
    let same = fs::read(&ours).ok() == fs::read(&other).ok();
    assert!(same, "csv2jsonl and dstream wrote different bytes: no comparison");
    vec![row(
        size,
        "CSV → JSON lines",
        "one process, `csv` and `serde_json`",
        &result,
        "same bytes",
    )]
}

/// Against `csv2sqlite`: prepared statements in large transactions, `synchronous=FULL`.
pub fn to_sqlite(size: &Size) -> Vec<Row> {
    let work = tempfile::tempdir().expect("a temporary folder can be made");
    let (source, ours, other) =
        (work.path().join("people.csv"), work.path().join("ours.db"), work.path().join("other.db"));
    data::csv(&source, size.rows).expect("writable");
    let folder = project(
        &named("file", &[("path", quoted(&source)), ("types", "\"text\"".into())]),
        &named("sqlite", &[("path", quoted(&ours)), ("table", "\"people\"".into())]),
    );
    let result = pairs::measure(
        size.pairs,
        || dstream(folder.path(), &ours),
        || baseline(launch::program("csv2sqlite").arg(&source).arg(&other), &other),
    );
    assert_eq!(count(&ours), count(&other), "rows in the two databases");
    vec![row(size, "CSV → SQLite", "one process, prepared statements", &result, "same rows")]
}

/// One run, and how often it saved a checkpoint.
struct Measured {
    run: launch::Run,
    saves: u64,
}

fn dstream(folder: &Path, destination: &Path) -> Measured {
    forget(destination);
    let run = launch::dstream(folder);
    let text = fs::read_to_string(folder.join(".dstream/tasks/bench/state.json"));
    let state: serde_json::Value =
        serde_json::from_str(&text.unwrap_or_default()).unwrap_or_default();
    Measured { run, saves: state["serial"].as_u64().unwrap_or(0) }
}

fn baseline(command: &mut Command, destination: &Path) -> Measured {
    forget(destination);
    let run = launch::measure(command).unwrap_or_else(|e| panic!("{command:?}: {e}"));
    Measured { run, saves: 1 }
}

/// Removes a destination and what SQLite keeps beside one.
fn forget(destination: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut path = destination.as_os_str().to_owned();
        path.push(suffix);
        let _absent = fs::remove_file(path);
    }
}

fn count(database: &Path) -> i64 {
    let db = rusqlite::Connection::open(database).expect("a database");
    db.query_row("SELECT count(*) FROM people", [], |row| row.get(0)).expect("a table")
}

fn row(size: &Size, what: &str, other: &str, result: &pairs::Pairs<Measured>, same: &str) -> Row {
    let speed = result.speed(|m| m.run.wall.as_secs_f64());
    let rate = |runs: &[Measured]| {
        let each = runs.iter().map(|m| size.rows as f64 / m.run.wall.as_secs_f64() / 1e6);
        format!("{} M rows/s", pairs::Spread::of(each.collect()).show(2))
    };
    let last = &result.ours[result.ours.len() - 1];
    let memory: Vec<String> =
        last.run.children.iter().map(|(name, mib)| format!("{name} {mib:.0}")).collect();
    let often = last.saves as f64 >= last.run.wall.as_secs_f64().floor();
    Row {
        what: format!("{what}, {} rows of ten columns", size.rows),
        ours: rate(&result.ours),
        other: format!("{other}: {}", rate(&result.other)),
        figure: format!("{} ×", speed.show(2)),
        bound: "≥ 0.7 × (aim: 1 ×)".into(),
        holds: speed.median >= 0.7 && often,
        note: format!(
            "{same}; {} saved checkpoints in {:.1} s; MiB: host {:.0}, {}",
            last.saves,
            last.run.wall.as_secs_f64(),
            last.run.memory,
            memory.join(", ")
        ),
    }
}
