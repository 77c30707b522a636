//! The narrow moments that random kills miss, each hit at least ten times: before and after an
//! output's commit, before and after the host's save.

use std::collections::BTreeMap;
use std::process::Command;

use dstream_tests::{Project, binaries};

const ROWS: usize = 60_000;
const HITS: usize = 10;

/// A task over the CSV file; `env` goes into the output's block. Providers of a host that was killed
/// hold the state until they are gone, an instant later: the next run waits for that.
fn task_file(output: &str, env: &str) -> String {
    format!(
        r#"task "points" {{
  commit_within = "20ms"
  lock {{
    timeout = "10s"
  }}
  retry {{
    max_attempts = 1
  }}
  input {{
    provider = "file"
    config {{
      path = "people.csv"
    }}
  }}
  output {{
    provider = "{output}"
    {env}
    config {{
      path = "out.{}"
    }}
  }}
}}
"#,
        if output == "sqlite" { "db" } else { "jsonl" }
    )
}

fn project(output: &str) -> Project {
    let project = Project::with(&task_file(output, ""));
    let rows: String = (0..ROWS).map(|id| format!("{id},Person number {id},Sometown\n")).collect();
    project.write("people.csv", format!("id,name,city\n{rows}"));
    project
}

/// How often each id is in the destination.
fn ids(project: &Project, output: &str) -> BTreeMap<usize, usize> {
    let mut seen = BTreeMap::new();
    let mut count = |id: usize| *seen.entry(id).or_insert(0) += 1;
    if output == "sqlite" {
        let db = rusqlite::Connection::open(project.path("out.db")).unwrap();
        let mut all = db.prepare("SELECT id FROM people").unwrap();
        let rows = all.query_map([], |row| row.get::<_, i64>(0)).unwrap();
        rows.for_each(|id| count(id.unwrap() as usize));
    } else {
        for line in project.read("out.jsonl").lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            count(row["id"].as_u64().unwrap() as usize);
        }
    }
    seen
}

/// Runs with a host that dies at the point. Says whether it did.
fn host_dies(project: &Project, point: &str, count: usize) -> bool {
    let status = Command::new(binaries::folder().join("failing-host"))
        .args(["dstream.hcl", "points", &format!("{point}:{count}")])
        .current_dir(project.path("."))
        .env("DSTREAM_BINARIES", binaries::folder())
        .status()
        .unwrap();
    !status.success()
}

/// Runs with an output that dies at the point. Says whether it did.
fn output_dies(project: &Project, output: &str, point: &str, count: usize) -> bool {
    let env = format!("env = {{ DSTREAM_FAIL_POINT = \"{point}:{count}\" }}");
    project.write("dstream.hcl", task_file(output, &env));
    let died = project.run("points").code != 0;
    project.write("dstream.hcl", task_file(output, ""));
    died
}

fn survives(output: &str, point: &str, die: impl Fn(&Project, usize) -> bool) {
    let mut hits = 0;
    for round in 0..HITS * 3 {
        if hits == HITS {
            break;
        }
        let project = project(output);
        // The first commits of a run are those that are sure to happen.
        if !die(&project, 1 + round % 2) {
            continue;
        }
        hits += 1;
        let rest = project.run("points");
        assert_eq!(rest.code, 0, "{output}, {point}\n{}", rest.everything());
        let seen = ids(&project, output);
        let lost = ROWS - seen.len();
        let doubled = seen.values().filter(|n| **n > 1).count();
        assert_eq!((lost, doubled), (0, 0), "{output}, {point}: lost and doubled rows");
    }
    assert_eq!(hits, HITS, "{output}: {point} was not passed often enough");
}

#[test]
fn a_host_that_dies_around_its_save_loses_and_doubles_nothing_in_a_table() {
    for point in ["before_save", "after_save"] {
        survives("sqlite", point, |project, n| host_dies(project, point, n));
    }
}

#[test]
fn a_host_that_dies_around_its_save_loses_and_doubles_nothing_in_a_file() {
    for point in ["before_save", "after_save"] {
        survives("file", point, |project, n| host_dies(project, point, n));
    }
}

#[test]
fn a_database_output_that_dies_around_its_commit_loses_and_doubles_nothing() {
    for point in ["before_commit", "after_commit"] {
        survives("sqlite", point, |project, n| output_dies(project, "sqlite", point, n));
    }
}

#[test]
fn a_file_output_that_dies_around_its_commit_and_rename_loses_and_doubles_nothing() {
    for point in ["before_commit", "after_sync", "before_rename", "after_rename"] {
        survives("file", point, |project, n| {
            // There is one file, so one rename.
            let n = if point.ends_with("rename") { 1 } else { n };
            output_dies(project, "file", point, n)
        });
    }
}
