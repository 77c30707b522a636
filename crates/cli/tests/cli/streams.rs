//! What `plan` and `init` find out about the streams that are to come, and what they do when they cannot.

use super::support::*;
use serde_json::Value;

/// An output that keeps the commands that it gets, and plans a table for each stream.
const KEEPS_COMMANDS: &str = r#"#!/bin/bash
read -r command
echo "$command" >> commands.txt
echo '{"status":"ok","resources":[{"type":"table","name":"t","action":"create"}]}'
"#;

fn project() -> Project {
    let project = count();
    project.described("lines", KEEPS_COMMANDS, OUT_LINES);
    project
}

fn commands(project: &Project) -> Vec<Value> {
    let text = project.read("commands.txt");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// With an input that answers `discover` in this way.
fn with_discover(answer: &str) -> Project {
    let project = project();
    let script = format!(
        "#!/bin/bash\nread -r command\ncase \"$command\" in *'\"discover\"'*) {answer} ;; esac\n"
    );
    project.described("count", &script, IN_COUNT);
    project
}

#[test]
fn the_streams_that_an_input_has_are_handed_to_the_output_for_plan_and_init_only() {
    let project = project();
    for command in ["plan", "init", "status"] {
        let (code, document) = project.json(&[command, "count"]);
        assert_eq!(code, 0, "{document}");
        if command != "status" {
            assert_eq!(document["unknown_streams"], serde_json::json!([]));
        }
    }
    let commands = commands(&project);
    for command in &commands[..2] {
        let stream = &command["streams"][0];
        assert_eq!((&stream["stream"], &stream["key"][0]), (&"numbers".into(), &"n".into()));
        assert_eq!(stream["fields"][1]["source_type"], "text");
        assert!(stream.get("from").is_none(), "{stream}");
    }
    assert!(commands[2].get("streams").is_none());
}

#[test]
fn plan_says_why_it_does_not_know_the_streams_and_plans_the_rest() {
    let broken = with_discover("echo 'no route to host' >&2; exit 1");
    let refused =
        with_discover(r#"echo '{"status":"error","error":"the source is down"}'; exit 1"#);
    let empty = with_discover(r#"echo '{"status":"ok"}'; exit 0"#);
    let cannot = project();
    cannot.described("count", V2_INPUT, &IN_COUNT.replace("\"check\", \"discover\"", "\"check\""));
    let between = project();
    let file = between.read("dstream.hcl").replace(
        "  output {",
        "  transform \"shape\" {\n    provider_path = \"./shape\"\n    config {}\n  }\n  output {",
    );
    between.write("dstream.hcl", &file);
    let shape =
        IN_COUNT.replace("[\"input\"]", "[\"transform\"]").replace("\"required\": [\"max\"],", "");
    between.described("shape", "#!/bin/bash\n", &shape);
    for (project, reason) in [
        (broken, "`discover` failed"),
        (refused, "the source is down"),
        (empty, "there are none yet"),
        (cannot, "its provider cannot say which streams there are"),
        (between, "transform \"shape\" may give them other columns"),
    ] {
        let shown = project.show(&["plan", "count"]);
        assert!(shown.contains("exit 0") && shown.contains("+ table t  create"), "{shown}");
        assert!(shown.contains(reason) && shown.contains("of input need are not shown"), "{shown}");
        let (code, document) = project.json(&["init", "count"]);
        assert_eq!(code, 0, "{document}");
        let said = &document["unknown_streams"][0];
        assert_eq!(said["input"], "input", "{document}");
        assert!(said["reason"].as_str().unwrap().contains(reason), "{document}");
        assert!(commands(&project).iter().all(|one| one.get("streams").is_none()));
    }
}

#[test]
fn one_provider_that_cannot_plan_keeps_nobody_from_the_others_plans() {
    let project = project();
    let both = IN_COUNT.replace("\"discover\"", "\"discover\", \"infrastructure\"");
    project.described("count", "#!/bin/bash\nread -r _\necho 'disk on fire' >&2\nexit 3\n", &both);
    let shown = project.show(&["plan", "count"]);
    assert!(shown.contains("exit 1") && shown.contains("+ table t  create"), "{shown}");
    assert!(shown.contains("disk on fire") && shown.contains("input\n  not known: "), "{shown}");
    let (code, document) = project.json(&["plan", "count"]);
    assert_eq!((code, document["reports"].as_array().unwrap().len()), (1, 1));
    assert!(document["failures"].to_string().contains("disk on fire"), "{document}");
}

#[test]
fn what_cannot_be_made_as_the_task_has_it_is_shown_and_fails_the_plan() {
    let project = project();
    let refuses = KEEPS_COMMANDS.replace("\"create\"", "\"refused\",\"detail\":\"it lacks b\"");
    project.described("lines", &refuses, OUT_LINES);
    let shown = project.show(&["plan", "count"]);
    assert!(shown.contains("exit 1"), "{shown}");
    assert!(shown.contains("! table t  refused\n        it lacks b"), "{shown}");
}
