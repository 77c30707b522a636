//! What a run shows.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use super::support::*;

/// Times and rates differ from run to run.
fn steady() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"in [0-9.]+ m?s", "in [TIME]");
    settings.add_filter(r"[0-9.,]+/s", "[RATE]");
    settings.add_filter(r"id=[0-9a-f]{16}", "id=[ID]");
    settings
}

#[test]
fn a_run_says_what_was_moved_and_where_a_later_one_resumes() {
    let project = count();
    let first = project.show(&["run"]);
    steady().bind(|| insta::assert_snapshot!("run", first));
    assert_eq!(project.read("lines.txt").lines().count(), 3);
    let again = project.show(&["run", "count"]);
    assert_eq!(project.read("lines.txt").lines().count(), 3);
    assert!(again.contains("from the last checkpoint"), "{again}");
}

#[test]
fn with_json_a_run_prints_its_events_as_lines_and_nothing_else() {
    let output = count().command(&["run", "count", "--json"]).output().unwrap();
    let events: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(events[0]["event"], "starting");
    let last = events.last().unwrap();
    assert_eq!((&last["event"], &last["outcome"]), (&"finished".into(), &"completed".into()));
    assert_eq!(last["totals"]["written"], 3);
    assert!(events.iter().all(|e| e["task"] == "count" && e["v"] == 1));
}

#[test]
fn several_tasks_run_at_once_and_what_outputs_print_goes_to_stdout() {
    let task = |name: &str| {
        format!(
            "task \"{name}\" {{\n  input {{\n    provider_path = \"./read.sh\"\n    config {{}}\n  }}\n  output {{\n    provider_path = \"./say.sh\"\n    config {{}}\n  }}\n}}\n"
        )
    };
    let project = Project::new(&[task("a"), task("b")].concat());
    project.script("read.sh", V1_INPUT);
    let say = "#!/bin/bash\nread -r _\necho '{\"status\":\"ready\"}'\necho 'WARN hello' >&2\nwhile read -r line; do echo \"got $line\"; done\n";
    project.script("say.sh", say);
    let output = project.command(&["run", "--all"]).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout), String::from_utf8(output.stderr));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout.unwrap().lines().filter(|l| l.starts_with("got {\"data\"")).count(), 6);
    let stderr = stderr.unwrap();
    assert!(stderr.contains("WARN  a/output: hello"), "{stderr}");
    assert!(stderr.contains("WARN  b/output: hello"), "{stderr}");
}

#[test]
fn a_failure_names_the_provider_the_place_and_its_last_words() {
    let project = count();
    let broken = "#!/bin/bash\nread -r _\necho 'opening' >&2\nsleep 0.3\necho '{\"status\":\"error\",\"kind\":\"config\",\"message\":\"cannot write lines.txt: no such folder\",\"path\":\"path\"}'\nexit 1\n";
    project.described("lines", broken, OUT_LINES);
    steady().bind(|| insta::assert_snapshot!("run_fails", project.show(&["run", "count"])));
}

#[test]
fn a_failure_that_may_pass_is_tried_again_and_the_log_says_when() {
    let project = count();
    let file = COUNT.replace(
        "dead_letter {}",
        "retry {\n    max_attempts = 2\n    initial_backoff = \"10ms\"\n  }",
    );
    project.write("dstream.hcl", &file);
    let broken = "#!/bin/bash\nread -r _\necho '{\"status\":\"error\",\"kind\":\"transient\",\"message\":\"connection refused\"}'\nexit 1\n";
    project.described("lines", broken, OUT_LINES);
    let shown = project.show(&["run", "count"]);
    assert!(shown.contains("connection refused; starting again in"), "{shown}");
    assert!(shown.contains("exit 1"), "{shown}");
}

#[test]
fn rejected_envelopes_end_in_an_exit_code_of_their_own() {
    let project = count();
    project.write("refuse.txt", ":2}");
    steady().bind(|| insta::assert_snapshot!("run_rejects", project.show(&["run", "count"])));
    let file = COUNT.replace("dead_letter {}", "");
    let strict = count();
    strict.write("dstream.hcl", &file);
    strict.write("refuse.txt", ":2}");
    let shown = strict.show(&["run", "count"]);
    assert!(shown.contains("exit 1") && shown.contains("dead_letter"), "{shown}");
}

/// An input that never ends by itself.
const ENDLESS: &str = r#"#!/bin/bash
read -r _
echo '{"status":"ready","protocol":2}'
n=0
while :; do
  n=$((n + 1))
  echo "{\"data\":{\"n\":$n},\"metadata\":{}}"
  echo "{\"@checkpoint\":{\"id\":$n,\"state\":{\"\":{\"n\":$n}}}}"
  if read -r -t 0.05 line && [[ "$line" == *'"@stop"'* ]]; then break; fi
done
echo '{"@end":{}}'
while read -r line; do [[ "$line" == *"\"id\":$n"* ]] && exit 0; done
"#;

fn interrupted(signal: &str) -> (Option<i32>, Project) {
    let project = count();
    project.described("count", ENDLESS, IN_COUNT);
    let mut command = project.command(&["run", "count", "--json"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines();
    let saved = |l: &Result<String, _>| l.as_ref().is_ok_and(|l| l.contains("\"event\":\"saved\""));
    assert!(events.any(|l| saved(&l)));
    let pid = child.id().to_string();
    std::process::Command::new("kill").args([signal, &pid]).status().unwrap();
    let last = events.map_while(Result::ok).last().unwrap();
    assert!(last.contains("\"outcome\":\"stopped\""), "{last}");
    (child.wait().unwrap().code(), project)
}

#[test]
fn ctrl_c_and_sigterm_finish_what_is_begun_and_differ_in_their_exit_code() {
    for (signal, code) in [("-INT", 130), ("-TERM", 0)] {
        let (ended, project) = interrupted(signal);
        assert_eq!(ended, Some(code), "{signal}");
        let lines = project.read("lines.txt").lines().count();
        let (_, document) = project.json(&["state", "show", "count"]);
        assert_eq!(document["state"]["inputs"]["input"]["checkpoint"][""]["n"], lines);
    }
}

#[test]
fn a_reader_that_goes_away_ends_the_run_cleanly() {
    let project = count();
    project.described("count", ENDLESS, IN_COUNT);
    let mut command = project.command(&["run", "count", "--json"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(events.next().is_some());
    drop(events);
    let begun = std::time::Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_task_that_another_run_holds_is_not_started() {
    let project = count();
    let lock = project.write(
        ".dstream/tasks/count/lock",
        r#"{"pid":4711,"host":"north","since":"2026-01-02T03:04:05Z"}"#,
    );
    let held = std::fs::File::open(lock).unwrap();
    held.lock().unwrap();
    let shown = project.show(&["run", "count"]);
    assert!(shown.contains("exit 4") && shown.contains("process 4711 on north"), "{shown}");
    assert_eq!(project.read("lines.txt"), "");
}

#[test]
fn a_second_ctrl_c_stops_at_once_a_provider_that_does_not_listen() {
    let project = count();
    let deaf = "#!/bin/bash\nread -r _\necho '{\"status\":\"ready\",\"protocol\":2}'\ntrap '' TERM INT\nwhile :; do sleep 0.1; done\n";
    project.described("count", deaf, IN_COUNT);
    let mut command = project.command(&["run", "count", "--json"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let interrupt = || {
        std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap()
    };
    assert!(events.any(|l| l.contains("\"event\":\"running\"")));
    interrupt();
    assert!(events.any(|l| l.contains("\"event\":\"stopping\"")));
    let begun = std::time::Instant::now();
    interrupt();
    let last = events.last().unwrap();
    assert!(last.contains("\"outcome\":\"killed\""), "{last}");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(5));
}
