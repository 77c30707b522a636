//! What a person sees when something is wrong before anything starts.

use super::support::*;

#[test]
fn without_a_task_file_it_says_how_to_name_one() {
    insta::assert_snapshot!(count().show(&["list", "--config", "nowhere.hcl"]));
}

#[test]
fn a_misspelt_task_is_refused_with_the_one_that_was_meant() {
    let project = count();
    insta::assert_snapshot!("misspelt", project.show(&["run", "cuont"]));
    insta::assert_snapshot!("misspelt_json", pretty(project.json(&["plan", "cuont"])));
}

#[test]
fn run_without_a_name_asks_which_of_several() {
    let project = Project::new(&format!("{COUNT}\n{}", COUNT.replace("\"count\"", "\"other\"")));
    insta::assert_snapshot!("which", project.show(&["run"]));
}

#[test]
fn a_requirement_that_cannot_be_kept_stops_run_and_plan_before_anything_starts() {
    let project = count();
    let file = COUNT.replace("dead_letter {}", "require = \"exactly_once\"");
    project.write("dstream.hcl", &file);
    insta::assert_snapshot!("require_run", project.show(&["run", "count"]));
    insta::assert_snapshot!("require_validate", project.show(&["validate"]));
    assert_eq!(project.read("lines.txt"), "");
}

#[test]
fn a_provider_that_is_required_from_a_registry_is_not_taken_from_this_machine() {
    let file = format!(
        "dstream {{\n  required_providers {{\n    count = {{\n      source  = \"ghcr.io/acme/dstream-in-count\"\n      version = \"~> 2.0\"\n    }}\n  }}\n}}\n\n{}",
        COUNT.replace("provider_path = \"./count\"", "provider = \"count\"")
    );
    let project = count();
    project.write("dstream.hcl", &file);
    project.installed("dstream-in-count", V2_INPUT);
    insta::assert_snapshot!("required_not_locked", project.show(&["validate"]));
}

#[test]
fn destroy_refuses_where_nobody_can_be_asked() {
    insta::assert_snapshot!("destroy_refuses", count().show(&["destroy", "count"]));
}

#[test]
fn mistakes_of_every_kind_are_told_at_once_in_the_order_of_the_file() {
    let b = COUNT
        .replace("\"count\"", "\"b\"")
        .replace("dead_letter {}", "require = \"exactly_onse\"")
        .replace("path = \"lines.txt\"", "path = env(\"NOT_SET\")\n      paht = 1");
    let a = COUNT.replace("./lines", "./nowhere").replacen("config {", "config {\n      mx = 1", 1);
    let project = Project::new(&format!("{a}\n{b}"));
    project.described("count", V2_INPUT, IN_COUNT);
    project.described("lines", V1_OUTPUT, OUT_LINES);
    let shown = project.show(&["validate"]);
    let at = |what: &str| shown.find(what).unwrap_or_else(|| panic!("{what}: {shown}"));
    let places = ["`mx`", "project/nowhere", "NOT_SET", "`paht`", "exactly_onse"].map(at);
    assert!(places.is_sorted(), "{places:?} {shown}");
    assert!(shown.contains("exit 2"), "{shown}");
}

#[test]
fn a_variable_that_only_another_task_uses_stops_nobody() {
    let other = COUNT.replace("\"count\"", "\"other\"").replace("lines.txt", "${var.unset}");
    let project = count();
    project.write("dstream.hcl", &format!("variable \"unset\" {{}}\n\n{COUNT}\n{other}"));
    assert!(project.show(&["plan", "count"]).contains("exit 0"));
    assert!(project.show(&["run", "count"]).contains("exit 0"));
    assert!(project.show(&["status", "count"]).contains("exit 0"));
    let refused = project.show(&["plan", "other"]);
    assert!(refused.contains("exit 2") && refused.contains("unset"), "{refused}");
    assert!(project.show(&["validate"]).contains("exit 2"));
}

#[test]
fn a_value_for_a_variable_that_nobody_declared_is_warned_of_by_every_command() {
    let project = count();
    project.write("vars.json", "{\"regoin\": \"eu\"}");
    for command in ["plan", "run", "status"] {
        let shown = project.show(&[command, "count", "--var-file", "vars.json"]);
        assert!(shown.contains("regoin"), "{shown}");
        assert!(shown.contains("exit 0"), "{shown}");
    }
}

#[test]
fn wrong_usage_is_a_document_for_a_program() {
    let (code, document) = count().json(&["plan", "--no-such-flag"]);
    assert_eq!((code, &document["error"]["kind"]), (2, &"usage".into()), "{document}");
    let (code, document) = count().json(&["destroy", "count"]);
    assert_eq!((code, &document["error"]["kind"]), (2, &"usage".into()), "{document}");
}

#[test]
fn completions_offer_no_hidden_command() {
    for shell in ["bash", "fish", "zsh"] {
        let shown = count().show(&["completions", shell]);
        assert!(shown.contains("validate"), "{shell}");
        assert!(!shown.contains("internal"), "{shell}");
    }
}

#[test]
fn a_provider_of_the_project_s_folder_can_be_described() {
    let project = count();
    let script = "#!/bin/bash\n[[ $1 == describe ]] && echo '{\"name\":\"in-mine\",\"version\":\"1.0.0\",\"protocol\":[2],\"roles\":[\"input\"],\"config\":{\"type\":\"object\",\"properties\":{\"mode\":{\"description\":\"What\\nit does.\\n\\nMore.\",\"anyOf\":[{\"$ref\":\"#/$defs/M\"},{\"type\":\"null\"}]}},\"$defs\":{\"M\":{\"enum\":[\"a\",\"b\"]}}}}'\n";
    project.script(".dstream/providers/dstream-in-mine", script);
    let shown = project.show(&["provider", "describe", "in-mine"]);
    assert!(shown.contains("exit 0") && shown.contains("in-mine 1.0.0"), "{shown}");
    assert!(shown.contains("a | b") && shown.contains("What it does."), "{shown}");
}
