//! What must hold for any text: no panic, and formatting that only moves white space.

#![allow(clippy::unwrap_used)] // a test may

use std::path::Path;

use dstream_config::{Inputs, SourceFile, format, parse};
use proptest::prelude::*;

/// Every task file of the tests: what the mutations begin with.
fn corpus() -> Vec<String> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut texts = Vec::new();
    for folder in ["good", "broken"] {
        let mut paths: Vec<_> = std::fs::read_dir(tests.join(folder))
            .unwrap()
            .map(|e| e.unwrap().path())
            .filter(|p| p.extension().is_some_and(|e| e == "hcl"))
            .collect();
        paths.sort();
        texts.extend(paths.iter().map(|p| std::fs::read_to_string(p).unwrap()));
    }
    texts
}

/// Pieces that mean something in HCL, in templates, or in neither.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "\"",
    "'",
    "${",
    "%{",
    "~}",
    "$${",
    "{{",
    "}}",
    "{{ env \"X\" }}",
    "<<EOT\n",
    "<<-EOT\n",
    "\nEOT\n",
    "\n",
    "=",
    "==",
    "=>",
    "...",
    ".",
    "*",
    "-",
    "!",
    "?",
    ":",
    ",",
    "#",
    "//",
    "/*",
    "*/",
    "\\",
    "\\u00e9",
    "é",
    "\u{0}",
    "\r\n",
    "\u{feff}",
    " ",
    "\t",
    "for",
    "in",
    "if",
    "endif",
    "task",
    "config",
    "var.x",
    "local.a",
    "null",
    "true",
    "0",
    "1e999",
    "9999999999999999999999",
    "try(",
    "range(",
    "jsondecode(",
    "$secret",
    "`",
    "|",
];

#[derive(Debug, Clone)]
enum Change {
    Insert(usize, usize),
    Delete(usize, usize),
    Repeat(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let at = 0usize..100_000;
    prop_oneof![
        (at.clone(), 0..PIECES.len()).prop_map(|(a, p)| Change::Insert(a, p)),
        (at.clone(), 1usize..30).prop_map(|(a, n)| Change::Delete(a, n)),
        (at, 1usize..60).prop_map(|(a, n)| Change::Repeat(a, n)),
    ]
}

fn apply(text: &mut String, change: &Change) {
    let chars: Vec<char> = text.chars().collect();
    let place = |at: usize| at % (chars.len() + 1);
    let part = |a: usize, n: usize| chars[place(a)..(place(a) + n).min(chars.len())].to_vec();
    let mut out = chars.clone();
    match change {
        Change::Insert(at, piece) => {
            out.splice(place(*at)..place(*at), PIECES[*piece].chars());
        }
        Change::Delete(at, n) => {
            out.drain(place(*at)..(place(*at) + n).min(chars.len()));
        }
        Change::Repeat(at, n) => {
            out.splice(place(*at)..place(*at), part(*at, *n));
        }
    }
    *text = out.into_iter().collect();
}

fn mutated() -> impl Strategy<Value = String> {
    let corpus = corpus();
    (0..corpus.len(), proptest::collection::vec(change(), 0..6)).prop_map(move |(i, changes)| {
        let mut text = corpus[i].clone();
        changes.iter().for_each(|c| apply(&mut text, c));
        text
    })
}

fn check(text: &str) {
    let file = SourceFile::new("t.hcl", text);
    let inputs = Inputs::new(|name| (name == "TEST_TOKEN").then(|| "t0ken-7".to_owned()));
    let loaded = parse(file.clone(), &inputs);
    if let Err(errors) = &loaded {
        let shown = errors.render(true);
        assert!(!shown.is_empty());
        // Whatever went wrong, a secret is not part of the message.
        assert!(!shown.contains("t0ken-7"), "{shown}");
    }
    let Ok(once) = format(&file) else { return };
    let again = SourceFile::new("t.hcl", once.as_str());
    assert_eq!(format(&again).map_err(|e| e.to_string()), Ok(once.clone()), "from:\n{text}");
    match (loaded, parse(again, &inputs)) {
        (Ok(before), Ok(after)) => assert_eq!(before.tasks, after.tasks, "{once}"),
        (Err(_), Err(_)) => {}
        (before, _) => panic!("formatting changed the meaning ({}):\n{once}", before.is_ok()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(2000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_file_never_panics_and_formats_to_the_same_meaning(text in mutated()) {
        check(&text);
    }

    #[test]
    fn any_pieces_in_any_order_never_panic(pieces in proptest::collection::vec(0..PIECES.len(), 0..40)) {
        let text: String = pieces.iter().map(|p| PIECES[*p]).collect();
        check(&text);
        check(&format!("a = {text}\n"));
        check(&format!("locals {{\n  a = \"{text}\"\n}}\n"));
    }
}
