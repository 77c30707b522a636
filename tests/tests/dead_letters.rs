//! Dead letters of an output that stores them in its own transactions.

use dstream_tests::{Project, binaries};

const TASK: &str = r#"task "t" {
  dead_letter {}
  input {
    provider = "file"
    config {
      path = "in.jsonl"
    }
  }
  output {
    provider = "sqlite"
    config {
      path  = "t.db"
      table = "t"
    }
  }
}
"#;

/// A run in which the second of three rows was rejected.
fn with_a_letter() -> Project {
    binaries::folder();
    let project = Project::with(TASK);
    table(&project, "CREATE TABLE t (id INTEGER, name TEXT NOT NULL)");
    let rows = [r#"{"id":1,"name":"a"}"#, r#"{"id":2,"name":null}"#, r#"{"id":3,"name":"c"}"#];
    project.write("in.jsonl", rows.join("\n"));
    project.run("t").expect(3);
    project
}

fn table(project: &Project, sql: &str) {
    let database = rusqlite::Connection::open(project.path("t.db")).unwrap();
    database.execute_batch(sql).unwrap();
}

fn rows(project: &Project) -> i64 {
    let database = rusqlite::Connection::open(project.path("t.db")).unwrap();
    database.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_dead_letter_that_was_dropped_does_not_come_back() {
    let project = with_a_letter();
    project.dstream(&["dlq", "drop", "t", "--all"]).expect(0);
    project.run("t").expect(0);
    project.dstream(&["dlq", "list", "t"]).expect(0).says(&["has no dead letters"]);
}

#[test]
fn a_dead_letter_that_was_replayed_is_written_once_and_does_not_come_back() {
    let project = with_a_letter();
    table(&project, "DROP TABLE t; CREATE TABLE t (id INTEGER, name TEXT)");
    project.dstream(&["dlq", "replay", "t"]).expect(0);
    assert_eq!(rows(&project), 1);
    project.run("t").expect(0);
    project.dstream(&["dlq", "replay", "t"]);
    assert_eq!(rows(&project), 1);
}

/// The same row is refused three times; a line of the file, twice.
#[test]
fn equal_rows_are_letters_of_their_own_and_a_replay_writes_each_of_them() {
    binaries::folder();
    let project = Project::with(&TASK.replace("in.jsonl", "in.csv"));
    table(&project, "CREATE TABLE t (a TEXT, b TEXT, CHECK (a <> 'x'))");
    project.write("in.csv", "a,b\n1,1\nx,1\nx,1\ntoo,many,fields\n2,2\nx,1\ntoo,many,fields\n");
    project.run("t").expect(3);
    let letters = || -> serde_json::Value {
        let listed = project.dstream(&["dlq", "list", "t", "--json"]).expect(0);
        let document: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
        document["letters"].clone()
    };
    let of = |role: &str| -> Vec<String> {
        let letters = letters();
        let of_role = letters.as_array().unwrap().iter().filter(|l| l["role"] == role);
        of_role.map(|l| format!("{} {}", l["id"], l["at"])).collect()
    };
    let refused = of("output");
    assert_eq!((refused.len(), of("input").len()), (3, 2));

    // Still refused: the same letters, with their ids and dates.
    let id = refused[0].split('"').nth(1).unwrap().to_owned();
    project.dstream(&["dlq", "replay", "t", &id]).expect(3);
    assert_eq!(of("output"), refused);

    table(&project, "DROP TABLE t; CREATE TABLE t (a TEXT, b TEXT)");
    project.dstream(&["dlq", "replay", "t", &id]).expect(0);
    assert_eq!((rows(&project), of("output").len()), (1, 2));
    project.dstream(&["dlq", "replay", "t"]);
    assert_eq!((rows(&project), of("output").len(), of("input").len()), (3, 0, 2));
}
