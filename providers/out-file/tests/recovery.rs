//! Killed in every window between a row, its commit, the host's save and the rename: nothing is
//! lost, nothing stands twice.

// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use dstream_testkit::serde_json::{Value, json};

const ROWS: usize = 60;

/// How a run is ended.
#[derive(Debug, Clone, Copy)]
struct Kill {
    /// The fail point, if any.
    point: Option<&'static str>,
    /// The host does not save this many of the last commits that it has read.
    unsaved: usize,
}

/// What the host has saved: the row to go on from, and the output's state.
#[derive(Debug, Clone, Default)]
struct Saved {
    row: usize,
    state: Option<Value>,
}

fn command(config: &Value, saved: &Saved) -> String {
    let mut command = json!({
        "protocol": 2, "command": "run", "role": "output", "task": "t", "task_id": "u-1",
        "name": "output", "inputs": ["input"], "config": config,
    });
    if let Some(state) = &saved.state {
        command["state"] = state.clone();
    }
    format!("{command}\n")
}

/// One run from the saved row on, a checkpoint every five rows, each committed before the next.
fn run(config: &Value, saved: &Saved, kill: Option<Kill>) -> (Saved, bool) {
    let point = kill.and_then(|kill| kill.point).unwrap_or("none:1");
    let mut child = Command::new(env!("CARGO_BIN_EXE_dstream-out-file"))
        .env("DSTREAM_FAIL_POINT", point)
        .env("DSTREAM_LOG_LEVEL", "off")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut history = vec![saved.clone()];
    let mut row = saved.row;
    let mut line = String::new();
    let mut send = |text: &str| stdin.write_all(text.as_bytes()).is_ok();
    let mut alive = send(&command(config, saved)) && stdout.read_line(&mut line).unwrap() > 0;
    let mut id = 0;
    while alive && row < ROWS {
        let mut text = String::new();
        for _ in 0..5 {
            let padding = "x".repeat(row % 7);
            writeln!(
                text,
                r#"{{"data":{{"id":{row},"p":"{padding}"}},"metadata":{{"stream":"s"}}}}"#
            )
            .unwrap();
            row += 1;
        }
        id += 1;
        writeln!(text, r#"{{"@checkpoint":{{"id":{id},"state":{{}}}}}}"#).unwrap();
        line.clear();
        alive = send(&text) && stdout.read_line(&mut line).unwrap() > 0;
        if alive {
            let answer: Value = dstream_testkit::serde_json::from_str(&line).unwrap();
            alive = answer.get("@error").is_none();
            let state = answer["@committed"]["state"].clone();
            assert!(state.is_object() || !alive, "{line}");
            history.extend(alive.then_some(Saved { row, state: Some(state) }));
        }
    }
    if alive && send("{\"@end\":{}}\n") {
        drop(stdin);
        stdout.read_to_string(&mut line).unwrap();
    }
    let clean = child.wait().unwrap().success();
    let unsaved = kill.map_or(0, |kill| kill.unsaved);
    let last = history.len().saturating_sub(1 + unsaved);
    (history.swap_remove(last), clean)
}

/// Every row of every complete file, with how often it is there.
fn rows(folder: &Path) -> BTreeMap<u64, usize> {
    let mut rows = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!name.ends_with(".part"), "{name} is left over");
        let bytes = std::fs::read(&path).unwrap();
        let text = if name.ends_with(".jsonl.gz") {
            let mut text = String::new();
            flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
            text
        } else if name.ends_with(".jsonl") {
            String::from_utf8(bytes).unwrap()
        } else {
            continue;
        };
        for line in text.lines() {
            let row: Value = dstream_testkit::serde_json::from_str(line).unwrap();
            *rows.entry(row["id"].as_u64().unwrap()).or_insert(0) += 1;
        }
    }
    rows
}

fn survives(config: impl Fn(&Path) -> Value, kill: Kill) {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let mut saved = Saved::default();
    for _ in 0..200 {
        let (next, clean) = run(&config, &saved, Some(kill));
        let stuck = next.row <= saved.row;
        saved = next;
        if clean && saved.row == ROWS {
            break;
        }
        if stuck {
            // The fail point comes before anything can be saved: one run without it.
            saved = run(&config, &saved, None).0;
            break;
        }
    }
    // What was not saved at the very end is written again by one more run.
    let (saved, clean) = run(&config, &saved, None);
    assert!(clean && saved.row == ROWS, "{kill:?}");
    let expected: BTreeMap<u64, usize> = (0..ROWS as u64).map(|id| (id, 1)).collect();
    assert_eq!(rows(folder.path()), expected, "{kill:?}");
}

fn every_window(config: impl Fn(&Path) -> Value) {
    let points = [
        None,
        Some("before_commit:1"),
        Some("before_commit:3"),
        Some("after_sync:1"),
        Some("after_sync:2"),
        Some("after_sync:4"),
        Some("before_rename:1"),
        Some("before_rename:2"),
        Some("after_rename:1"),
        Some("after_rename:3"),
    ];
    for point in points {
        for unsaved in 0..4 {
            survives(&config, Kill { point, unsaved });
        }
    }
}

#[test]
fn one_file_survives_every_kill() {
    every_window(|folder| json!({"path": folder.join("{stream}.jsonl")}));
}

#[test]
fn rotated_files_survive_every_kill() {
    every_window(|folder| json!({"path": folder.join("{stream}.jsonl"), "rotate_bytes": 200}));
}

#[test]
fn compressed_files_survive_every_kill() {
    every_window(|folder| json!({"path": folder.join("{stream}.jsonl.gz"), "rotate_bytes": 150}));
}

#[test]
fn checksums_go_on_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({"path": folder.path().join("a.jsonl"), "sha256": true});
    let kill = Kill { point: Some("after_sync:3"), unsaved: 1 };
    let (saved, _) = run(&config, &Saved::default(), Some(kill));
    assert!(saved.row > 0 && saved.row < ROWS);
    run(&config, &saved, None);
    let line = std::fs::read_to_string(folder.path().join("a.jsonl.sha256")).unwrap();
    let bytes = std::fs::read(folder.path().join("a.jsonl")).unwrap();
    let digest = <sha2::Sha256 as sha2::Digest>::digest(bytes);
    let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(line, format!("{hex}  a.jsonl\n"));
}

#[test]
fn a_finished_file_is_left_alone_by_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({"path": folder.path().join("a.jsonl")});
    let (saved, clean) = run(&config, &Saved::default(), None);
    assert!(clean);
    let before = std::fs::read(folder.path().join("a.jsonl")).unwrap();
    run(&config, &saved, None);
    assert_eq!(std::fs::read(folder.path().join("a.jsonl")).unwrap(), before);
    // It may also have been taken away: that is what complete files are for.
    std::fs::remove_file(folder.path().join("a.jsonl")).unwrap();
    assert!(run(&config, &saved, None).1);
}

#[test]
fn a_part_file_that_was_deleted_stops_the_task_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({"path": folder.path().join("a.jsonl")});
    let kill = Kill { point: Some("after_sync:2"), unsaved: 0 };
    let (saved, _) = run(&config, &Saved::default(), Some(kill));
    std::fs::remove_file(folder.path().join("a.jsonl.part")).unwrap();
    let mut host =
        dstream_testkit::FakeHost::start(env!("CARGO_BIN_EXE_dstream-out-file")).unwrap();
    host.send_raw(command(&config, &saved).as_bytes()).unwrap();
    let answer = host.json().unwrap();
    assert_eq!(answer["status"], "error");
    assert!(answer["message"].as_str().unwrap().contains("a.jsonl.part"), "{answer}");
}

#[test]
fn a_file_of_the_same_name_is_never_overwritten_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    std::fs::write(&path, "mine\n").unwrap();
    assert!(run(&json!({"path": path}), &Saved::default(), None).1);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine\n");
    assert!(folder.path().join("a-1.jsonl").exists());
    assert!(!run(&json!({"path": path, "existing": "fail"}), &Saved::default(), None).1);
    let other = json!({"path": path, "existing": "overwrite"});
    assert!(run(&other, &Saved { row: 5, state: None }, None).1);
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("{\"id\":5"));
}
