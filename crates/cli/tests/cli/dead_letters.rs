//! The dead letters: list, show, drop, replay.

use super::support::*;

const LETTERS: &str = concat!(
    r#"{"id":"aa01","at":"2026-01-02T03:04:05Z","provider":"output","role":"output","error":{"kind":"permanent","message":"no row for 2"},"envelope":{"data":{"n":2},"metadata":{}}}"#,
    "\n",
    r#"{"id":"ab02","at":"2026-01-02T03:04:06Z","provider":"output","role":"output","error":{"kind":"permanent","message":"no row for 7"},"envelope":{"data":{"n":7},"metadata":{}}}"#,
    "\n",
    r#"{"id":"cc03","at":"2026-01-02T03:04:07Z","provider":"input","role":"input","error":{"kind":"permanent","message":"line 7 is no JSON"},"raw":"eyJu"}"#,
    "\n",
);

fn with_letters() -> Project {
    let project = count();
    project.write(".dstream/tasks/count/dead_letters.jsonl", LETTERS);
    project
}

fn ids(project: &Project) -> Vec<String> {
    let (_, document) = project.json(&["dlq", "list", "count"]);
    let letters = document["letters"].as_array().unwrap();
    letters.iter().map(|l| l["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn list_and_show_tell_what_was_rejected_by_whom_and_why() {
    let project = with_letters();
    insta::assert_snapshot!("dlq_list", project.show(&["dlq", "list", "count"]));
    insta::assert_snapshot!("dlq_list_json", pretty(project.json(&["dlq", "list", "count"])));
    insta::assert_snapshot!("dlq_show", project.show(&["dlq", "show", "count", "ab"]));
    insta::assert_snapshot!("dlq_show_ambiguous", project.show(&["dlq", "show", "count", "a"]));
    insta::assert_snapshot!("dlq_show_none", project.show(&["dlq", "show", "count", "zz"]));
    insta::assert_snapshot!("dlq_list_empty", count().show(&["dlq", "list", "count"]));
}

#[test]
fn drop_drops_those_that_are_named_or_all() {
    let project = with_letters();
    assert!(project.show(&["dlq", "drop", "count"]).contains("exit 2"));
    assert_eq!(project.json(&["dlq", "drop", "count", "aa"]).1["dropped"], 1);
    assert_eq!(ids(&project), ["ab02", "cc03"]);
    assert_eq!(project.json(&["dlq", "drop", "count", "--all"]).1["dropped"], 2);
    assert!(ids(&project).is_empty());
}

#[test]
fn replay_sends_letters_to_whoever_rejected_them_and_keeps_those_that_come_back() {
    let project = count();
    project.write("refuse.txt", ":2}");
    project.show(&["run", "count"]);
    let rejected = ids(&project);
    assert_eq!(rejected.len(), 1);
    let state = project.read(".dstream/tasks/count/state.json");

    let script = project.read("lines");
    project.script("lines", &script.replace("no row for", "still no row for"));
    let (code, document) = project.json(&["dlq", "replay", "count"]);
    assert_eq!((code, &document["rejected"]), (3, &1.into()), "{document}");
    assert_eq!(ids(&project), rejected);
    let (_, shown) = project.json(&["dlq", "show", "count", &rejected[0]]);
    assert_eq!(shown["letter"]["error"]["message"], "still no row for :2}");

    project.write("refuse.txt", "");
    insta::assert_snapshot!("dlq_replay", project.show(&["dlq", "replay", "count"]));
    assert!(ids(&project).is_empty());
    assert!(project.read("lines.txt").ends_with("{\"data\":{\"n\":2},\"metadata\":{}}\n"));
    assert_eq!(project.read("lines.txt").lines().count(), 3);
    assert_eq!(project.read(".dstream/tasks/count/state.json"), state);
}

#[test]
fn a_replay_sends_only_what_is_named_and_says_what_cannot_be_sent() {
    let project = with_letters();
    let (code, document) = project.json(&["dlq", "replay", "count", "ab02"]);
    assert_eq!((code, &document["taken"]), (0, &1.into()), "{document}");
    assert_eq!(project.read("lines.txt"), "{\"data\":{\"n\":7},\"metadata\":{}}\n");
    assert_eq!(ids(&project), ["aa01", "cc03"]);
    insta::assert_snapshot!("dlq_replay_input", project.show(&["dlq", "replay", "count", "cc"]));
    assert_eq!(ids(&project), ["aa01", "cc03"]);
}

#[test]
fn a_replay_that_fails_removes_nothing() {
    let project = with_letters();
    project.described("lines", "#!/bin/bash\nread -r _\necho '{\"status\":\"error\",\"kind\":\"config\",\"message\":\"no\"}'\n", OUT_LINES);
    let (code, document) = project.json(&["dlq", "replay", "count"]);
    assert_eq!((code, &document["taken"]), (2, &0.into()), "{document}");
    assert_eq!(ids(&project).len(), 3);
}

#[test]
fn destroy_keeps_dead_letters_and_says_so() {
    let project = with_letters();
    let shown = project.show(&["destroy", "count", "--auto-approve"]);
    assert!(shown.contains("3 dead letters were kept"), "{shown}");
    assert!(project.read(".dstream/tasks/count/dead_letters.jsonl").contains("aa01"));
}
