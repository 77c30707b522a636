//! Commands that only look: list, graph, fmt, validate, plan without providers that make anything.

use super::support::*;

const SEVERAL: &str = r#"task "one" {
  input {
    provider = "count"
    config {}
  }
  output {
    provider_path = "./lines"
    config {}
  }
}

task "many" {
  input "north" {
    provider_path = "./count"
    config {}
  }
  input "south" {
    provider_ref = "ghcr.io/acme/dstream-in-count:v1"
    config {}
  }
  transform "only_even" {
    provider = "filter"
    config {}
  }
  output "db" {
    provider = "postgres"
    config {}
  }
  output "log" {
    provider = "console"
    config {}
  }
}

task "later" {
  input {
    provider = "count"
    config {
      max = env("DSTREAM_TEST_NOT_SET")
    }
  }
  output {
    provider = "console"
    config {}
  }
}
"#;

#[test]
fn list_names_the_tasks_their_providers_and_what_cannot_run_yet() {
    let project = Project::new(SEVERAL);
    insta::assert_snapshot!("list", project.show(&["list"]));
    insta::assert_snapshot!("list_json", pretty(project.json(&["list"])));
}

#[test]
fn graph_draws_one_task_or_all_in_three_languages() {
    let project = Project::new(SEVERAL);
    insta::assert_snapshot!("graph_text", project.show(&["graph"]));
    insta::assert_snapshot!("graph_dot", project.show(&["graph", "many", "--format", "dot"]));
    insta::assert_snapshot!(
        "graph_mermaid",
        project.show(&["graph", "many", "--format", "mermaid"])
    );
    insta::assert_snapshot!("graph_json", pretty(project.json(&["graph", "many"])));
}

#[test]
fn fmt_checks_without_writing_and_then_writes() {
    let project = Project::new("task   \"t\" {\n input {\n provider=\"a\"\n }\n}\n");
    let before = project.read("dstream.hcl");
    assert_eq!(project.show(&["fmt", "--check"]).lines().nth(1), Some("exit 1"));
    assert_eq!(project.read("dstream.hcl"), before);
    insta::assert_snapshot!("fmt", project.show(&["fmt"]));
    assert_eq!(project.show(&["fmt", "--check"]).lines().nth(1), Some("exit 0"));
    insta::assert_snapshot!("fmt_result", project.read("dstream.hcl"));
}

#[test]
fn validate_says_that_all_is_well() {
    let project = count();
    insta::assert_snapshot!("validate", project.show(&["validate"]));
    insta::assert_snapshot!("validate_json", pretty(project.json(&["validate"])));
}

#[test]
fn validate_shows_everything_that_is_wrong_at_its_place() {
    let project = Project::new(
        r#"task "count" {
  input {
    provider_path = "./count"
    config {
      maxx = 3
      step = "two"
    }
  }
  output "a" {
    provider = "lynes"
    config {}
  }
  output "b" {
    provider_path = "./nowhere"
    config {}
  }
  output "c" {
    provider_ref = "ghcr.io/acme/dstream-out-x:v1"
    config {}
  }
}
"#,
    );
    project.described("count", V2_INPUT, IN_COUNT);
    project.installed("dstream-out-lines", V1_OUTPUT);
    insta::assert_snapshot!("validate_wrong", project.show(&["validate"]));
    insta::assert_snapshot!("validate_wrong_json", pretty(project.json(&["validate"])));
}

#[test]
fn a_provider_in_the_wrong_kind_of_block_is_named() {
    let file = COUNT.replace("./lines", "./count").replace("path = \"lines.txt\"", "max = 1");
    let project = Project::new(&file);
    project.described("count", V2_INPUT, IN_COUNT);
    insta::assert_snapshot!("wrong_role", project.show(&["validate"]));
}

#[test]
fn init_finds_every_provider_and_keeps_its_folder_out_of_version_control() {
    let project = count();
    insta::assert_snapshot!("init", project.show(&["init"]));
    insta::assert_snapshot!("init_json", pretty(project.json(&["init"])));
    assert!(project.read(".dstream/.gitignore").ends_with("*\n"));
}
