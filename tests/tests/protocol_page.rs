//! docs/protocol.md is true: its transcripts are what the types say, its programs are the examples.

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

/// One fenced block: what stands behind its fence, and its lines.
struct Block {
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
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => open = Some(Block { info: info.into(), text: String::new() }),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// The lines of all transcripts: how the block is marked, who writes it, the line.
fn transcripts() -> Vec<(String, Side, String)> {
    let mut lines = Vec::new();
    for block in blocks().iter().filter(|b| b.info.starts_with("transcript")) {
        for line in block.text.lines().filter(|l| !l.starts_with('#')) {
            let host = line.strip_prefix("host> ").map(|l| (Side::Host, l));
            let said =
                host.or_else(|| line.strip_prefix("provider> ").map(|l| (Side::Provider, l)));
            let (side, said) = said.unwrap_or_else(|| panic!("whose line is this? {line}"));
            lines.push((block.info.clone(), side, said.to_owned()));
        }
    }
    assert!(lines.len() > 50, "the transcripts are not found");
    lines
}

/// What the types make of a line: read, and written again.
fn through_the_types(info: &str, side: Side, line: &str) -> Value {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    if info == "transcript describe" {
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
fn every_line_of_a_transcript_survives_the_protocols_types() {
    for (info, side, line) in transcripts() {
        let page: Value = serde_json::from_str(&line).unwrap();
        let types = through_the_types(&info, side, &line);
        assert!(same(&page, &types), "on the page: {page}\nby the types: {types}");
    }
}

#[test]
fn every_message_of_the_protocol_has_a_transcript() {
    let lines = transcripts();
    let shown = |part: &str| lines.iter().any(|(_, _, l)| l.contains(part));
    let missing: Vec<String> = control::NAMES
        .iter()
        .map(|name| format!(r#"{{"@{name}":"#))
        .chain([r#""status":"ready""#.into(), r#""status":"error","#.into()])
        .filter(|part| !shown(part))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    let commands: BTreeSet<String> = lines
        .iter()
        .filter_map(|(_, _, l)| {
            Some(serde_json::from_str::<Value>(l).ok()?["command"].as_str()?.into())
        })
        .collect();
    use Operation::{Check, Destroy, Discover, Init, Plan, Run, Status};
    for operation in [Run, Init, Plan, Status, Destroy, Check, Discover] {
        assert!(commands.contains(operation.as_str()), "`{operation}` has no transcript");
    }
    let descriptions = lines.iter().filter(|(info, ..)| info == "transcript describe").count();
    assert_eq!(descriptions, 1, "`describe` has no transcript");
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
