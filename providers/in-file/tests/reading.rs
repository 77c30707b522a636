//! Files of all kinds through the real program: encodings, compression, malformed rows, files that
//! grow, move and are replaced.

// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use dstream_testkit::FakeHost;
use dstream_testkit::serde_json::{self, Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dstream-in-file");

fn start(config: &Value, checkpoint: &Value, dead_letter: bool) -> FakeHost {
    let mut host = FakeHost::start(PROGRAM).unwrap();
    host.send_json(&json!({
        "protocol": 2, "command": "run", "role": "input", "task": "t", "task_id": "u",
        "name": "in", "config": config, "checkpoint": checkpoint, "dead_letter": dead_letter,
    }))
    .unwrap();
    host
}

/// What a run sent: rows, the states at its end, everything else.
#[derive(Debug, Default)]
struct Sent {
    rows: Vec<Value>,
    state: serde_json::Map<String, Value>,
    other: Vec<Value>,
}

impl Sent {
    fn take(&mut self, line: &str) -> bool {
        let value: Value = serde_json::from_str(line).unwrap();
        if let Some(checkpoint) = value.get("@checkpoint") {
            self.state.extend(checkpoint["state"].as_object().unwrap().clone());
        } else if value.get("@end").is_some() {
            return false;
        } else if value.get("data").is_some() {
            self.rows.push(value["data"].clone());
        } else {
            self.other.push(value);
        }
        true
    }

    /// The values of the first column, or the rows themselves where they are no objects.
    fn ids(&self) -> Vec<i64> {
        self.rows.iter().map(|row| row["id"].as_i64().unwrap()).collect()
    }

    fn says(&self, text: &str) -> bool {
        self.other.iter().any(|line| line.to_string().contains(text))
    }
}

/// A run to its end.
fn read_from(config: &Value, checkpoint: &Value, dead_letter: bool) -> Sent {
    let mut host = start(config, checkpoint, dead_letter);
    let mut sent = Sent::default();
    while let Some(line) = host.line().unwrap() {
        if !sent.take(&line) {
            break;
        }
    }
    sent
}

fn read(config: &Value) -> Sent {
    read_from(config, &json!({}), true)
}

fn write(path: &Path, text: impl AsRef<[u8]>) {
    fs::write(path, text).unwrap();
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn encodings_and_marks_are_read_as_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let text = "id,name\n1,Zoë €\n";
    let utf16: Vec<u8> =
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let marked = format!("\u{feff}{text}");
    let windows = b"id,name\n1,Zo\xeb \x80\n".to_vec();
    for (bytes, encoding) in [
        (text.into(), "utf-8"),
        (marked.into_bytes(), "utf-8"),
        (utf16, "utf-8"),
        (windows, "windows-1252"),
    ] {
        let bytes: Vec<u8> = bytes;
        write(&path, &bytes);
        let sent = read(&json!({"path": path, "encoding": encoding}));
        assert_eq!(sent.rows, [json!({"id": 1, "name": "Zoë €"})], "{encoding} {bytes:x?}");
    }
}

#[test]
fn resuming_in_an_encoded_or_compressed_file_goes_on_behind_the_last_row() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..20_000).map(|id| format!("{id},é\n")).collect();
    let text = format!("id,name\n{rows}");
    let gzip = folder.path().join("a.csv.gz");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    write(&gzip, encoder.finish().unwrap());
    let zstd = folder.path().join("a.csv.zst");
    write(&zstd, zstd::encode_all(text.as_bytes(), 1).unwrap());
    let wide = folder.path().join("b.csv");
    write(&wide, text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>());
    for (path, encoding) in [(gzip, "utf-8"), (zstd, "utf-8"), (wide, "utf-16be")] {
        let config = json!({"path": path, "encoding": encoding});
        let mut host = start(&config, &json!({}), false);
        let mut first = Sent::default();
        while first.state.is_empty() {
            let line = host.line().unwrap().unwrap();
            first.take(&line);
        }
        drop(host);
        let rest = read_from(&config, &Value::Object(first.state.clone()), false);
        let ids: Vec<i64> = first.ids().into_iter().chain(rest.ids()).collect();
        assert!(
            ids.iter().copied().eq(0..20_000),
            "{config}: {} rows, {:?}",
            ids.len(),
            rest.other
        );
        assert!(!rest.rows.is_empty() && rest.says("@schema"));
        let again = read_from(&config, &Value::Object(rest.state), false);
        assert!(again.rows.is_empty(), "a finished file is not read again");
    }
}

#[test]
fn a_malformed_row_is_a_dead_letter_with_file_line_and_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    write(&path, b"id,name\n1,a\n2,b,c\nx,d\n3,\"never\n4,\xff\n5,e\n");
    let config = json!({"path": path, "types": {"id": "int64"}});
    let sent = read(&config);
    assert_eq!(sent.ids(), [1, 5]);
    for reason in [
        "a.csv, line 3: the row has 3 fields, and the file has 2 columns",
        "a.csv, line 4: column `id` is int64, and `x` is none",
        "a.csv, line 5: a quote is opened and never closed",
        "a.csv, line 6: the row is not valid UTF-8",
    ] {
        assert!(sent.says(reason), "{reason}: {:?}", sent.other);
    }
    let failed = read_from(&config, &json!({}), false);
    assert!(failed.says("@error") && failed.says("line 3"), "{:?}", failed.other);
    let mut strict = config.clone();
    strict["on_error"] = "fail".into();
    let sent = read(&strict);
    assert!(sent.says("@error") && sent.says("a.csv, line 3: the row has 3 fields"), "{sent:?}");
    assert!(!sent.says("@rejected") && sent.ids().len() <= 1, "{sent:?}");
}

#[test]
fn json_lines_are_handed_on_byte_for_byte_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    write(&path, "{\"id\":1, \"x\":1.50}\n\n  {\"id\":2}\r\n{\"id\":}\n{\"id\":3}");
    let mut host = start(&json!({"path": path}), &json!({}), true);
    let mut lines = Vec::new();
    while let Some(line) = host.line().unwrap() {
        if line.contains("@end") {
            break;
        }
        lines.push(line);
    }
    assert!(lines[1].starts_with(r#"{"data":{"id":1, "x":1.50},"metadata":"#), "{lines:?}");
    assert!(lines.iter().any(|l| l.contains("@rejected") && l.contains("line 4")), "{lines:?}");
    assert_eq!(lines.iter().filter(|l| l.starts_with("{\"data\"")).count(), 3);
}

#[test]
fn lines_that_are_envelopes_keep_their_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let good = r#"{"data":{"id":1},"metadata":{"stream":"s","op":"delete"}}"#;
    write(&path, format!("{good}\n{{\"@end\":{{}}}}\n{{\"id\":2}}\n"));
    let mut host = start(&json!({"path": path, "envelopes": true}), &json!({}), true);
    host.json().unwrap();
    assert_eq!(host.line().unwrap().unwrap(), good);
    assert!(host.line().unwrap().unwrap().contains("control line"));
    assert!(host.line().unwrap().unwrap().contains("not an envelope"));
}

#[test]
fn a_replaced_file_is_read_from_its_beginning_and_a_longer_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    write(&path, "id\n1\n2\n");
    let config = json!({"path": path});
    let first = read(&config);
    append(&path, "3\n");
    let second = read_from(&config, &Value::Object(first.state.clone()), true);
    assert_eq!(second.ids(), [3]);
    write(&path, "id\n7\n8\n9\n");
    let third = read_from(&config, &Value::Object(first.state), true);
    assert_eq!(third.ids(), [7, 8, 9]);
}

#[test]
fn the_types_of_a_resumed_file_are_those_that_were_inferred() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    write(&path, "id,code\n1,x\n");
    let first = read(&json!({"path": path}));
    append(&path, "2,7\n");
    let second = read_from(&json!({"path": path}), &Value::Object(first.state), true);
    assert_eq!(second.rows, [json!({"id": 2, "code": "7"})]);
}

#[test]
fn a_file_that_had_only_a_header_gets_its_types_from_its_first_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    write(&path, "id\n");
    let first = read(&json!({"path": path}));
    assert!(first.says("@schema") && first.rows.is_empty());
    append(&path, "1\n");
    let second = read_from(&json!({"path": path}), &Value::Object(first.state), true);
    assert_eq!(second.rows, [json!({"id": 1})]);
}

/// Takes lines until this many rows have come.
fn rows(host: &mut FakeHost, sent: &mut Sent, count: usize) {
    let begun = std::time::Instant::now();
    while sent.rows.len() < count {
        assert!(begun.elapsed().as_secs() < 30, "{} of {count} rows have come", sent.rows.len());
        let line = host.line().unwrap().expect("the input has ended");
        sent.take(&line);
    }
}

fn stop(mut host: FakeHost, sent: &mut Sent) {
    host.send("{\"@stop\":{}}").unwrap();
    while let Some(line) = host.line().unwrap() {
        if !sent.take(&line) {
            break;
        }
    }
}

#[cfg(unix)]
#[test]
fn a_followed_file_may_grow_rotate_and_be_truncated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.jsonl");
    let config =
        json!({"path": path, "follow": true, "poll_interval": "20ms", "rotate_wait": "150ms"});
    write(&path, "{\"id\":1}\n{\"id\":");
    let mut host = start(&config, &json!({}), true);
    let mut sent = Sent::default();
    host.json().unwrap();
    rows(&mut host, &mut sent, 1);
    append(&path, "2}\n");
    rows(&mut host, &mut sent, 2);
    // Renamed; its writer has it open still and goes on for a moment.
    let old = folder.path().join("app.jsonl.1");
    fs::rename(&path, &old).unwrap();
    write(&path, "{\"id\":4}\n");
    append(&old, "{\"id\":3}\n");
    rows(&mut host, &mut sent, 4);
    // Truncated and written anew.
    write(&path, "{\"id\":5}\n");
    rows(&mut host, &mut sent, 5);
    stop(host, &mut sent);
    assert_eq!(sent.ids(), [1, 2, 3, 4, 5]);
}

#[cfg(unix)]
#[test]
fn a_rotation_while_nobody_looked_loses_nothing_and_repeats_nothing() {
    for pattern in ["app.jsonl", "app.jsonl*"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.jsonl");
        let config = json!({"path": folder.path().join(pattern), "format": "jsonl", "follow": true,
            "stream": "app", "poll_interval": "20ms", "rotate_wait": "100ms"});
        write(&path, "{\"id\":1}\n");
        let mut host = start(&config, &json!({}), true);
        let mut sent = Sent::default();
        host.json().unwrap();
        rows(&mut host, &mut sent, 1);
        stop(host, &mut sent);
        append(&path, "{\"id\":2}\n");
        fs::rename(&path, folder.path().join("app.jsonl.1")).unwrap();
        write(&path, "{\"id\":3}\n");
        let mut host = start(&config, &Value::Object(sent.state.clone()), true);
        host.json().unwrap();
        rows(&mut host, &mut sent, 3);
        fs::rename(folder.path().join("app.jsonl.1"), folder.path().join("app.jsonl.2")).unwrap();
        append(&path, "{\"id\":4}\n");
        rows(&mut host, &mut sent, 4);
        stop(host, &mut sent);
        let mut ids = sent.ids();
        ids.sort_unstable();
        assert_eq!(ids, [1, 2, 3, 4], "{pattern}");
    }
}

#[test]
fn a_followed_folder_takes_up_new_files() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("a.csv"), "id\n1\n");
    write(&folder.path().join("b.csv.part"), "id\n99\n");
    let config = json!({"path": folder.path(), "follow": true, "poll_interval": "20ms"});
    let mut host = start(&config, &json!({}), true);
    let mut sent = Sent::default();
    host.json().unwrap();
    rows(&mut host, &mut sent, 1);
    write(&folder.path().join("c.csv"), "id\n2\n");
    rows(&mut host, &mut sent, 2);
    stop(host, &mut sent);
    assert_eq!(sent.ids(), [1, 2]);
    assert_eq!(sent.state.len(), 2);
}

#[test]
fn wrong_settings_are_refused_with_their_path() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("a.csv"), "id,id\n1,2\n");
    write(&folder.path().join("a.dat"), "x");
    let path = folder.path().join("a.csv");
    for (config, setting, text) in [
        (json!({"path": "/no/such.csv"}), "path", "no file matches"),
        (json!({"path": path, "encoding": "utf-9"}), "encoding", "windows-1252"),
        (json!({"path": path, "delimiter": "ab"}), "delimiter", "one ASCII character"),
        (json!({"path": path, "types": {"id": "int"}}), "types.id", "int64"),
    ] {
        let mut host = start(&config, &json!({}), true);
        let answer = host.json().unwrap();
        assert_eq!(answer["path"], setting, "{answer}");
        assert!(answer["message"].as_str().unwrap().contains(text), "{answer}");
    }
    assert!(read(&json!({"path": path})).says("two columns are called `id`"));
    assert!(read(&json!({"path": folder.path().join("a.dat")})).says("set `format`"));
}
