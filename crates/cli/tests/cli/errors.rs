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
fn a_provider_of_another_version_than_required_is_refused_with_both_places() {
    let file = format!(
        "dstream {{\n  required_providers {{\n    count = {{\n      source  = \"ghcr.io/acme/dstream-in-count\"\n      version = \"~> 2.0\"\n    }}\n  }}\n}}\n\n{}",
        COUNT.replace("provider_path = \"./count\"", "provider = \"count\"")
    );
    let project = count();
    project.write("dstream.hcl", &file);
    project.installed("dstream-in-count", V2_INPUT);
    std::fs::write(project.folder().join("../bin/dstream-in-count.json"), IN_COUNT).unwrap();
    insta::assert_snapshot!("required_version", project.show(&["init"]));
}

#[test]
fn destroy_refuses_where_nobody_can_be_asked() {
    insta::assert_snapshot!("destroy_refuses", count().show(&["destroy", "count"]));
}
