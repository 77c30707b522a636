//! What init, plan, status, destroy, check, discover and describe show.

use super::support::*;

/// A version-1 input to a version-1 output.
fn original() -> Project {
    let task = r#"task "original" {
  input {
    provider_path = "./read.sh"
    config {}
  }
  output {
    provider_path = "./write.sh"
    config {}
  }
}
"#;
    let project = Project::new(task);
    project.script("read.sh", V1_INPUT);
    project.script("write.sh", V1_OUTPUT);
    project
}

#[test]
fn plan_shows_the_promise_of_every_route_and_what_init_would_make() {
    insta::assert_snapshot!("plan", count().show(&["plan", "count"]));
    insta::assert_snapshot!("plan_json", pretty(count().json(&["plan", "count"])));
    insta::assert_snapshot!("plan_v1", original().show(&["plan", "original"]));
}

#[test]
fn what_init_makes_status_shows_and_destroy_removes() {
    let project = original();
    insta::assert_snapshot!("init_task", project.show(&["init", "original"]));
    assert!(project.folder().join("out.txt").exists());
    let status = project.show(&["status", "original"]);
    assert!(status.contains("file out.txt  exists  3 lines"), "{status}");
    assert!(status.contains("held by nobody"), "{status}");
    insta::assert_snapshot!("destroy", project.show(&["destroy", "original", "--auto-approve"]));
    assert!(!project.folder().join("out.txt").exists());
    assert!(project.show(&["state", "show", "original"]).contains("has no state"));
}

#[test]
fn a_provider_of_version_2_that_declares_no_infrastructure_is_not_asked() {
    let project = count();
    let (code, document) = project.json(&["init", "count"]);
    let reports = document["reports"].as_array().unwrap();
    assert_eq!((code, reports.len()), (0, 1));
    assert_eq!(reports[0]["provider"], "output");
}

#[test]
fn the_identity_that_init_gave_is_the_one_that_later_commands_use() {
    let project = count();
    project.json(&["init", "count"]);
    let (_, first) = project.json(&["state", "show", "count"]);
    project.json(&["init", "count"]);
    let (_, second) = project.json(&["state", "show", "count"]);
    assert_eq!(first["state"]["task_id"], second["state"]["task_id"]);
}

#[test]
fn status_asks_every_provider_even_if_one_fails_and_names_the_holder() {
    let project = count();
    let broken = "#!/bin/bash\nread -r _\necho 'disk on fire' >&2\nexit 3\n";
    project.described("lines", broken, OUT_LINES);
    let lock = project.write(
        ".dstream/tasks/count/lock",
        r#"{"pid":4711,"host":"north","since":"2026-01-02T03:04:05Z"}"#,
    );
    let held = std::fs::File::open(lock).unwrap();
    held.lock().unwrap();
    let (code, document) = project.json(&["status", "count"]);
    assert_eq!(code, 1);
    assert_eq!(document["held_by"]["pid"], 4711);
    assert!(document["failures"].to_string().contains("disk on fire"), "{document}");
}

#[test]
fn check_and_discover_ask_those_that_can_answer() {
    let project = count();
    insta::assert_snapshot!("check", project.show(&["provider", "check", "count"]));
    insta::assert_snapshot!("discover", project.show(&["provider", "discover", "count", "input"]));
    insta::assert_snapshot!(
        "discover_json",
        pretty(project.json(&["provider", "discover", "count", "input"]))
    );
    insta::assert_snapshot!("check_unknown", project.show(&["provider", "check", "count", "db"]));
}

#[test]
fn describe_takes_a_path_or_a_name_and_shows_the_settings() {
    let project = count();
    project.installed("dstream-in-count", V2_INPUT);
    std::fs::write(project.folder().join("../bin/dstream-in-count.json"), IN_COUNT).unwrap();
    insta::assert_snapshot!("describe", project.show(&["provider", "describe", "./count"]));
    for name in ["count", "in-count", "dstream-in-count"] {
        let (code, document) = project.json(&["provider", "describe", name]);
        assert_eq!((code, &document["description"]["name"]), (0, &"in-count".into()), "{name}");
    }
    insta::assert_snapshot!("describe_unknown", project.show(&["provider", "describe", "cuont"]));
}

#[test]
fn a_provider_that_is_found_by_name_is_asked_what_it_is_and_may_be_of_version_1() {
    let project = Project::new(
        r#"task "t" {
  input {
    provider = "count"
    config {
      max = "three"
    }
  }
  output {
    provider = "old"
    config {}
  }
}
"#,
    );
    let inline = format!("cat <<'END'\n{IN_COUNT}\nEND\n");
    project.installed("dstream-in-count", &V2_INPUT.replace("cat \"$0.json\";", &inline));
    project.installed("dstream-out-old", "#!/bin/bash\n[ $# -gt 0 ] && exit 1\nread -r _\ncat\n");
    insta::assert_snapshot!("asked_wrong", project.show(&["init"]));
    let file = project.read("dstream.hcl").replace("\"three\"", "3");
    project.write("dstream.hcl", &file);
    insta::assert_snapshot!("asked", project.show(&["init"]));
}

#[test]
fn a_provider_that_answers_with_its_own_config_betrays_no_secret() {
    let project = original();
    let variable = "variable \"password\" {\n  sensitive = true\n  default = \"hunter2-abc\"\n}\n";
    let file = project.read("dstream.hcl").replacen(
        "config {}",
        "config {\n      password = var.password\n    }",
        2,
    );
    project.write("dstream.hcl", &format!("{variable}{file}"));
    let careless = r#"#!/bin/bash
read -r command
echo "$command" >&2
echo "{\"status\":\"ok\",\"resources\":[{\"type\":\"queue\",\"name\":\"q\",\"detail\":$(echo "$command" | sed 's/"/\\"/g; s/^/"/; s/$/"/')}],\"metadata\":{\"config\":$command}}"
"#;
    project.script("write.sh", careless);
    for args in
        [&["plan", "original"][..], &["init", "original"], &["status", "original", "--json"]]
    {
        let shown = project.show(args);
        assert!(shown.contains("(sensitive)") && !shown.contains("hunter2"), "{shown}");
    }
}
