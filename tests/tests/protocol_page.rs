//! docs/protocol.md is true: its conversations are those that are replayed and what the types say,
//! its programs are the examples.

use std::collections::BTreeSet;
use std::fs;

use dstream_protocol::{
    Command, CommandV1, Control, Description, Envelope, LifecycleReport, LineKind, Operation,
    Startup, classify, control,
};
use dstream_tests::top;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Where the conversations are; `crates/testkit/tests/transcripts.rs` replays every one of them.
const TRANSCRIPTS: &str = "crates/protocol/transcripts";

/// One fenced block: the line above it, what stands behind its fence, and its lines.
struct Block {
    above: String,
    info: String,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Side {
    Host,
    Provider,
}

fn blocks() -> Vec<Block> {
    let page = fs::read_to_string(top().join("docs/protocol.md")).unwrap();
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut above = "";
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                open = Some(Block { above: above.into(), info: info.into(), text: String::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.text.extend([line, "\n"]),
            (None, None) => {}
        }
        above = line;
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// The conversations: the file that the line above names, and the text.
fn conversations() -> Vec<(String, String)> {
    let found: Vec<_> = blocks()
        .into_iter()
        .filter(|block| block.info.starts_with("transcript"))
        .map(|block| {
            let name = block.above.strip_prefix('[').and_then(|rest| rest.split_once("](../"));
            let Some((name, path)) = name else {
                panic!("no file is named above this block:\n{}", block.text)
            };
            assert_eq!(path, format!("{TRANSCRIPTS}/{name})"), "the link is another one");
            (name.to_owned(), block.text)
        })
        .collect();
    assert!(found.len() > 25, "the conversations are not found");
    found
}

/// The JSON lines of all conversations: who writes it, the line.
fn json_lines() -> Vec<(Side, String)> {
    let mut lines = Vec::new();
    for (name, text) in conversations() {
        for line in text.lines().filter(|l| !l.is_empty()) {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "host>" => lines.push((Side::Host, rest.to_owned())),
                "provider>" | "provider~" => lines.push((Side::Provider, rest.to_owned())),
                "provider|" | "host:" | "args:" | "exit:" => {}
                _ => panic!("{name}: what does this line mean? {line}"),
            }
        }
    }
    lines
}

/// What the types make of a line: read, and written again.
fn through_the_types(side: Side, line: &str) -> Value {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    if value.get("roles").is_some() {
        return again::<Description>(line);
    }
    match classify(line.as_bytes()) {
        LineKind::Control(_) => {
            let control = Control::read(line.as_bytes()).unwrap_or_else(|e| panic!("{e}: {line}"));
            serde_json::from_str(&control.to_line()).unwrap()
        }
        LineKind::Data if side == Side::Host && value.get("protocol").is_some() => {
            again::<Command>(line)
        }
        LineKind::Data if side == Side::Host && value.get("command").is_some() => {
            again::<CommandV1>(line)
        }
        LineKind::Data if value.get("data").is_some() => {
            let envelope: Envelope<'_> = serde_json::from_str(line).unwrap();
            let metadata = serde_json::to_value(envelope.metadata().unwrap()).unwrap();
            assert_eq!(metadata, value["metadata"], "{line}");
            serde_json::to_value(envelope).unwrap()
        }
        LineKind::Data => match Startup::read(line.as_bytes()) {
            Startup::Data => again::<LifecycleReport>(line),
            _ if value.get("message").is_none() && value["status"] == "error" => {
                again::<LifecycleReport>(line)
            }
            startup => serde_json::from_str(&startup.to_line()).unwrap(),
        },
        other => panic!("{other:?}: {line}"),
    }
}

fn again<T: DeserializeOwned + Serialize>(line: &str) -> Value {
    let read: T = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    serde_json::to_value(read).unwrap()
}

/// Equal, where a default may be left out on the page.
fn same(page: &Value, types: &Value) -> bool {
    let default = |key: &str, v: &Value| match v {
        Value::Null | Value::Bool(false) => true,
        Value::Number(n) => n.as_u64() == Some(0),
        Value::String(s) => s.is_empty() || (key == "kind" && s == "permanent"),
        Value::Array(a) => a.is_empty(),
        Value::Object(o) => o.is_empty(),
        Value::Bool(true) => key == "nullable",
    };
    match (page, types) {
        (Value::Object(a), Value::Object(b)) => {
            a.iter().all(|(k, v)| b.get(k).is_some_and(|w| same(v, w)))
                && b.iter().all(|(k, w)| a.contains_key(k) || default(k, w))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(v, w)| same(v, w))
        }
        (a, b) => a == b,
    }
}

#[test]
fn every_conversation_is_a_part_of_a_transcript_that_is_replayed() {
    for (name, text) in conversations() {
        assert!(name.ends_with(".txt"), "{name}: only these are replayed");
        let path = top().join(TRANSCRIPTS).join(&name);
        let file = fs::read_to_string(path).unwrap_or_else(|e| panic!("{name}: {e}"));
        // Whole lines, next to each other: what the page leaves out stands before or behind.
        let whole = file.contains(&format!("\n{text}"));
        assert!(whole && !text.is_empty(), "the page and {name} differ; the page has\n{text}");
    }
}

#[test]
fn every_line_of_a_conversation_survives_the_protocols_types() {
    for (side, line) in json_lines() {
        let page: Value = serde_json::from_str(&line).unwrap();
        let types = through_the_types(side, &line);
        assert!(same(&page, &types), "on the page: {page}\nby the types: {types}");
    }
}

/// What a line is, for the list of what the page has to show: `run v1`, `ready v2`, `@committed`.
fn name_of(line: &str) -> String {
    let value: Value = serde_json::from_str(line).unwrap();
    let version = value["protocol"].as_u64().unwrap_or(1);
    if let Some(name) = value.as_object().unwrap().keys().find(|key| key.starts_with('@')) {
        return name.clone();
    }
    match (value["command"].as_str(), value["status"].as_str()) {
        (Some(command), _) => format!("{command} v{version}"),
        (_, Some("ready")) => format!("ready v{version}"),
        (_, Some("error")) if value.get("message").is_some() => "error".into(),
        (_, Some(_)) => "report".into(),
        _ if value.get("roles").is_some() => "describe".into(),
        _ => "envelope".into(),
    }
}

#[test]
fn every_message_of_the_protocol_has_a_conversation() {
    use Operation::{Check, Destroy, Discover, Init, Plan, Run, Status};
    let shown: BTreeSet<String> = json_lines().iter().map(|(_, line)| name_of(line)).collect();
    let control = control::NAMES.iter().map(|name| format!("@{name}"));
    let v1 = [Run, Init, Plan, Status, Destroy].map(|operation| format!("{operation} v1"));
    let v2 = [Run, Init, Plan, Status, Destroy, Check, Discover].map(|o| format!("{o} v2"));
    let others = ["ready v1", "ready v2", "error", "report", "describe", "envelope"];
    let wanted = control.chain(v1).chain(v2).chain(others.map(str::to_owned));
    let missing: Vec<String> = wanted.filter(|name| !shown.contains(name)).collect();
    assert!(missing.is_empty(), "the page has no conversation with {missing:?}");
    for (side, name) in [(Side::Host, "@committed"), (Side::Provider, "@committed")] {
        let both = json_lines().iter().any(|(by, line)| *by == side && name_of(line) == name);
        assert!(both, "no {name} of the {side:?}");
    }
}

#[test]
fn every_program_on_the_page_is_an_example_byte_for_byte() {
    let mut programs = 0;
    for block in blocks() {
        let Some((_, path)) = block.info.split_once(" file=") else { continue };
        let file = fs::read_to_string(top().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        assert_eq!(block.text, file, "{path} and docs/protocol.md differ");
        programs += 1;
    }
    assert!(programs >= 6, "the programs are not found");
}

#[test]
fn every_section_that_the_page_refers_to_is_there() {
    let page = fs::read_to_string(top().join("docs/protocol.md")).unwrap();
    let anchors: BTreeSet<String> = page
        .lines()
        .filter(|l| l.starts_with("##"))
        .map(|l| {
            let title = l.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect();
    for link in page.split("](#").skip(1) {
        let link = link.split(')').next().unwrap();
        assert!(anchors.contains(link), "no section `{link}`: {anchors:?}");
    }
}
