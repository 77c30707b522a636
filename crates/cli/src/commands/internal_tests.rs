//! Transcripts: what goes in, and exactly what comes out.

use super::*;
use serde_json::value::RawValue;

fn talk(letters: &str, stdin: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dead_letters.jsonl");
    std::fs::write(&file, letters).unwrap();
    let mut stdout = Vec::new();
    let ended = serve(&file, stdin.as_bytes(), &mut stdout);
    (ended.is_ok(), String::from_utf8(stdout).unwrap())
}

fn command(config: &str, checkpoint: &str) -> String {
    format!(
        r#"{{"protocol":2,"command":"run","role":"input","task":"t","name":"dead_letters","config":{config},"checkpoint":{checkpoint}}}"#
    ) + "\n"
}

const LETTERS: &str = concat!(
    r#"{"id":"a","at":"","provider":"o","role":"output","error":{"kind":"permanent","message":""},"envelope":{"data":{"n":1.10},"metadata":{}}}"#,
    "\n",
    r#"{"id":"b","at":"","provider":"o","role":"output","error":{"kind":"permanent","message":""},"raw":"AA=="}"#,
    "\n",
    r#"{"id":"c","at":"","provider":"o","role":"output","error":{"kind":"permanent","message":""},"envelope":{"data":3,"metadata":{}}}"#,
    "\n",
    r#"{"id":"d","at":"","#,
);

#[test]
fn the_named_letters_go_out_byte_for_byte_and_end_with_a_checkpoint() {
    let stdin =
        command(r#"{"ids":["c","a"],"replay":"r1"}"#, "{}") + "{\"@committed\":{\"id\":1}}\n";
    let (ended, stdout) = talk(LETTERS, &stdin);
    assert!(ended);
    let (ready, rest) = stdout.split_once('\n').unwrap();
    assert!(matches!(Startup::read(ready.as_bytes()), Startup::Ready(r) if r.protocol == Some(2)));
    let expected = "{\"data\":3,\"metadata\":{}}\n\
        {\"data\":{\"n\":1.10},\"metadata\":{}}\n\
        {\"@checkpoint\":{\"id\":1,\"state\":{\"\":{\"replay\":\"r1\",\"done\":2}}}}\n\
        {\"@end\":{}}\n";
    assert_eq!(rest, expected);
}

#[test]
fn a_replay_resumes_at_its_own_checkpoint_and_ignores_that_of_another() {
    let config = r#"{"ids":["a","c"],"replay":"r1"}"#;
    let resumed = command(config, r#"{"":{"replay":"r1","done":1}}"#);
    assert!(!talk(LETTERS, &resumed).1.contains("1.10"));
    let other = command(config, r#"{"":{"replay":"r0","done":1}}"#);
    assert!(talk(LETTERS, &other).1.contains("1.10"));
}

#[test]
fn a_letter_that_is_gone_or_no_envelope_is_an_error_and_nothing_is_sent() {
    for id in ["b", "d", "z"] {
        let config = format!(r#"{{"ids":["a","{id}"],"replay":"r1"}}"#);
        let (ended, stdout) = talk(LETTERS, &command(&config, "{}"));
        assert!(!ended);
        assert!(stdout.starts_with("{\"status\":\"error\""), "{stdout}");
        assert_eq!(stdout.lines().count(), 1);
    }
}

#[test]
fn what_a_destination_remembers_of_another_replay_is_not_done() {
    let mut state = TaskState::new("t");
    let position = RawValue::from_string(r#"{"replay":"r0","done":7}"#.into()).unwrap();
    let input = state.inputs.entry(INPUT.to_owned()).or_default();
    input.checkpoint.insert(String::new(), position);
    assert_eq!(done(Some(&state), "r1"), 0);
    assert_eq!(done(Some(&state), "r0"), 7);
    assert_eq!(done(None, "r0"), 0);
}
