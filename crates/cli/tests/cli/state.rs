//! The state commands.

use super::support::*;

const ID: &str = "0d5b34f2-3b5c-4ac5-bb7c-3f0b6f6f4d51";

/// A state, as a run leaves it.
fn with_state() -> Project {
    let project = count();
    project.write(
        ".dstream/tasks/count/state.json",
        &format!(
            r#"{{"version":1,"task":"count","task_id":"{ID}","serial":7,"saved_at":"2026-01-02T03:04:05Z",
            "inputs":{{"input":{{"provider":"./count","fingerprint":"numbers","checkpoint":{{"a":{{"n":1}},"b":{{"n":2.50}}}}}}}},
            "outputs":{{"output":{{"provider":"./lines","state":{{"offset":12}}}}}},
            "totals":{{"written":40,"rejected":2}}}}"#
        ),
    );
    project
}

#[test]
fn show_says_where_every_input_stands() {
    let project = with_state();
    insta::assert_snapshot!("state_show", project.show(&["state", "show", "count"]));
    insta::assert_snapshot!("state_show_json", pretty(project.json(&["state", "show", "count"])));
}

#[test]
fn show_masks_what_the_file_marks_sensitive() {
    let project = with_state();
    let file = COUNT.replace("\"lines.txt\"", "var.password");
    let variable =
        "variable \"password\" {\n  sensitive = true\n  default = \"hunter2-offset\"\n}\n";
    project.write("dstream.hcl", &format!("{variable}{file}"));
    let state = project.read(".dstream/tasks/count/state.json");
    project.write(".dstream/tasks/count/state.json", &state.replace("12}", "\"hunter2-offset\"}"));
    for shown in [
        project.show(&["state", "show", "count"]),
        project.show(&["state", "show", "count", "--json"]),
    ] {
        assert!(shown.contains("(sensitive)") && !shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn one_partition_of_one_input_can_be_removed_and_set() {
    let project = with_state();
    let rm = ["state", "rm", "count", "--input", "input", "--partition", "a"];
    insta::assert_snapshot!("state_rm", project.show(&rm));
    insta::assert_snapshot!("state_rm_again", project.show(&rm));
    let set = ["state", "set", "count", "--input", "input", "--partition", "c", "{\"n\":1.10}"];
    insta::assert_snapshot!("state_set", project.show(&set));
    let shown = project.show(&["state", "show", "count"]);
    assert!(shown.contains("checkpoint of c: {\"n\":1.10}"), "{shown}");
    assert!(!shown.contains("checkpoint of a") && shown.contains("save 9"), "{shown}");
}

#[test]
fn a_checkpoint_changed_by_hand_is_marked_for_destinations_that_keep_a_copy() {
    let project = with_state();
    let input = |project: &Project| {
        project.json(&["state", "show", "count"]).1["state"]["inputs"]["input"].clone()
    };
    assert!(input(&project)["by_hand"].is_null());
    project.show(&["state", "set", "count", "--input", "input", "5"]);
    assert_eq!(
        (&input(&project)["by_hand"], &input(&project)["checkpoint"][""]),
        (&true.into(), &5.into())
    );
    let other = with_state();
    other.show(&["state", "rm", "count", "--input", "input"]);
    assert_eq!(input(&other)["by_hand"], true);
    assert_eq!(input(&other)["checkpoint"], serde_json::json!({}));
}

#[test]
fn an_input_that_only_a_destination_knows_can_be_forgotten() {
    let project = with_state();
    let rm = ["state", "rm", "count", "--input", "old"];
    insta::assert_snapshot!("state_rm_unknown", project.show(&rm));
    let mark = r#""state":{"offset":12},"mark":{"epoch":3,"id":9}"#;
    let state = project.read(".dstream/tasks/count/state.json");
    let state = state.replace(r#""state":{"offset":12}"#, mark);
    project.write(".dstream/tasks/count/state.json", &state);
    assert_eq!(project.json(&rm).0, 0);
    // One that looks like another is misspelt.
    let shown = project.show(&["state", "rm", "count", "--input", "inptu"]);
    assert!(shown.contains("exit 2") && shown.contains("did you mean `input`?"), "{shown}");
}

#[test]
fn an_identity_can_be_adopted_and_with_it_what_destinations_keep() {
    let project = with_state();
    let state = project.read(".dstream/tasks/count/state.json");
    let marked = r#""state":{"offset":12},"mark":{"epoch":3,"id":9}"#;
    let state = state.replace(r#""state":{"offset":12}"#, marked);
    project.write(".dstream/tasks/count/state.json", &state);
    let other = "7f1c9a52-52a3-4a53-9f0e-0d6a3c1d7c11";
    let (_, adopted) = project.json(&["state", "set", "count", "--task-id", other]);
    assert_eq!(adopted["task_id"], other);
    assert!(!project.read(".dstream/tasks/count/state.json").contains("mark"));
}

#[test]
fn the_whole_state_is_removed_and_then_there_is_none() {
    let project = with_state();
    insta::assert_snapshot!("state_rm_all", project.show(&["state", "rm", "count"]));
    insta::assert_snapshot!("state_none", project.show(&["state", "show", "count"]));
}

#[test]
fn a_state_that_cannot_be_read_says_what_to_do_and_can_be_removed() {
    let project = with_state();
    let whole = project.read(".dstream/tasks/count/state.json");
    project.write(".dstream/tasks/count/state.json", &whole[..60]);
    for command in ["run", "status"] {
        let shown = project.show(&[command, "count"]);
        assert!(shown.contains("dstream state rm TASK"), "{command}: {shown}");
    }
    assert_eq!(project.json(&["state", "rm", "count", "--input", "input"]).0, 1);
    assert_eq!(project.json(&["state", "rm", "count"]).0, 0);
    assert_eq!(project.json(&["state", "rm", "count"]).0, 2);
}

#[test]
fn a_state_that_is_held_is_left_alone_and_its_holder_is_named() {
    let project = with_state();
    let lock = project.write(
        ".dstream/tasks/count/lock",
        r#"{"pid":4711,"host":"north","since":"2026-01-02T03:04:05Z"}"#,
    );
    let held = std::fs::File::open(lock).unwrap();
    held.lock().unwrap();
    insta::assert_snapshot!("held", project.show(&["state", "rm", "count"]));
    let (code, document) = project.json(&["dlq", "drop", "count", "--all"]);
    assert_eq!((code, &document["error"]["kind"]), (4, &"held".into()));
    // Not only dropped: another test may be between fork and exec, with a copy of the descriptor.
    held.unlock().unwrap();
    assert_eq!(project.json(&["state", "rm", "count"]).0, 0);
}

#[test]
fn an_unknown_input_is_refused_with_those_that_are_there() {
    let project = with_state();
    let set = ["state", "set", "count", "--input", "inptu", "1"];
    insta::assert_snapshot!("state_set_unknown", project.show(&set));
}
