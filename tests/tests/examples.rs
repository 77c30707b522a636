//! Every example runs, in a copy of its folder, and leaves what its README says.

use std::collections::BTreeSet;
use std::fs;

use dstream_tests::{Finished, Project, top};
use rusqlite::Connection;
use serde_json::Value;

/// The examples that have a test below.
const TESTED: [&str; 16] = [
    "airports",
    "bash",
    "bash-v2",
    "console",
    "csv-to-jsonl",
    "csv-to-mysql",
    "csv-to-postgres",
    "dead-letters",
    "fan-in",
    "fan-out",
    "mssql",
    "original",
    "publish",
    "python",
    "transform",
    "variables",
];

fn example(name: &str) -> Project {
    Project::copy_of(&top().join("examples").join(name))
}

fn run(project: &Project, task: &str) -> Finished {
    project.run(task).expect(0)
}

fn count(project: &Project, database: &str, query: &str) -> i64 {
    let db = Connection::open(project.path(database)).unwrap();
    db.query_row(query, [], |row| row.get(0)).unwrap()
}

fn lines(project: &Project, path: &str) -> Vec<Value> {
    let text = project.read(path);
    text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect()
}

#[test]
fn every_example_has_a_readme_a_task_file_and_a_test() {
    let folders: BTreeSet<String> = fs::read_dir(top().join("examples"))
        .unwrap()
        .flatten()
        .filter(|e| e.path().is_dir())
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(folders, TESTED.map(String::from).into(), "TESTED is the list of examples");
    for name in folders {
        let folder = top().join("examples").join(&name);
        assert!(folder.join("README.md").exists(), "examples/{name} has no README.md");
        let own = folder.join("dstream.hcl").exists();
        assert!(own || name == "airports", "examples/{name} has no dstream.hcl");
    }
}

#[test]
fn airports() {
    let project = Project::empty();
    project.write("dstream.hcl", fs::read(top().join("dstream.hcl")).unwrap());
    let csv = fs::read(top().join("examples/airports/airports.csv")).unwrap();
    project.write("examples/airports/airports.csv", csv);
    for _twice in 0..2 {
        run(&project, "airports");
        let rows = count(&project, "airports.db", "SELECT count(*) FROM airports");
        assert_eq!(rows, 28_298);
    }
    let high =
        "SELECT count(*) FROM airports WHERE typeof(elevation) = 'real' AND elevation > 14000";
    assert!(count(&project, "airports.db", high) > 0, "elevation is no number");
}

#[test]
fn bash() {
    let project = example("bash");
    run(&project, "words");
    let words: Vec<Value> = lines(&project, "out/words.jsonl");
    let file = project.read("words.txt");
    let expected: Vec<&str> = file.lines().collect();
    let got: Vec<&str> = words.iter().map(|w| w["data"]["line"].as_str().unwrap()).collect();
    assert_eq!(got, expected);
}

#[test]
fn bash_v2() {
    let project = example("bash-v2");
    for _twice in 0..2 {
        run(&project, "words");
        assert_eq!(
            lines(&project, "out/words.jsonl").len(),
            project.read("words.txt").lines().count()
        );
    }
    project.write("words.txt", project.read("words.txt") + "one more\n");
    run(&project, "words");
    let fresh = lines(&project, "out/words-1.jsonl");
    assert_eq!((fresh.len(), &fresh[0]["line"]), (1, &Value::from("one more")));
}

#[test]
fn console() {
    let finished = run(&example("console"), "hello");
    assert!(finished.stdout.lines().count() >= 5, "{}", finished.everything());
}

#[test]
fn csv_to_jsonl() {
    let project = example("csv-to-jsonl");
    run(&project, "orders");
    let mut files: Vec<_> = fs::read_dir(project.path("out"))
        .unwrap()
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|n| n.contains(".jsonl"))
        .collect();
    files.sort();
    assert!(files.len() > 1, "nothing was rotated: {files:?}");
    let rows: usize = files.iter().map(|f| lines(&project, &format!("out/{f}")).len()).sum();
    assert_eq!(rows, 9);
}

#[test]
fn dead_letters() {
    let project = example("dead-letters");
    project.run("people").expect(3);
    let list = project.dstream(&["dlq", "list", "people"]).expect(0);
    assert!(list.stdout.contains("old"), "{}", list.everything());
    assert_eq!(count(&project, "people.db", "SELECT count(*) FROM people"), 3);
}

#[test]
fn fan_in() {
    let project = example("fan-in");
    run(&project, "all");
    let rows = lines(&project, "out/all.jsonl");
    let shops: BTreeSet<&str> = rows.iter().map(|r| r["shop"].as_str().unwrap()).collect();
    assert_eq!((rows.len(), shops), (6, BTreeSet::from(["north", "south"])));
}

#[test]
fn fan_out() {
    let project = example("fan-out");
    run(&project, "people");
    assert_eq!(count(&project, "people.db", "SELECT count(*) FROM people"), 4);
    assert_eq!(lines(&project, "out/people.jsonl").len(), 4);
}

#[test]
fn original() {
    let project = example("original").env("GREETING_COUNT", "3");
    let finished = run(&project, "counter");
    assert!(finished.stdout.lines().count() >= 3, "{}", finished.everything());
}

#[test]
fn python() {
    let project = example("python");
    run(&project, "files");
    let names: Vec<Value> = lines(&project, "out/files.jsonl");
    assert!(names.iter().any(|n| n["name"] == "write.py"), "{names:?}");
}

#[test]
fn transform() {
    let project = example("transform");
    run(&project, "high");
    let rows = lines(&project, "out/high.jsonl");
    assert!(!rows.is_empty());
    assert!(rows.iter().all(|r| r["height"].as_f64().unwrap() >= 3000.0), "{rows:?}");
}

#[test]
fn variables() {
    let project = example("variables");
    run(&project, "report");
    assert_eq!(lines(&project, "out/report-test.jsonl").len(), 3);
    project.dstream(&["run", "report", "--var", "stage=production", "--var", "rows=5"]).expect(0);
    assert_eq!(lines(&project, "out/report-production.jsonl").len(), 5);
}

// Servers are started by programs of Unix.
#[cfg(unix)]
#[test]
fn csv_to_postgres() {
    let server = dstream_servers::Postgres::start(&[]);
    let project = example("csv-to-postgres").env("DATABASE_URL", &server.url("postgres"));
    project.dstream(&["plan", "orders"]).expect(0).says(&["CREATE TABLE", "exactly_once"]);
    assert_eq!(server.psql("postgres", "SELECT to_regclass('orders') IS NULL"), "t");
    run(&project, "orders");
    run(&project, "orders");
    let sql =
        "SELECT string_agg(id || ' ' || customer || ' ' || total, ', ' ORDER BY id) FROM orders";
    assert_eq!(server.psql("postgres", sql), "1 Ada 19.9, 2 Grace 6.5, 3 Ada 7.25");
    project.dstream(&["destroy", "orders", "--auto-approve"]).expect(0);
    assert_eq!(server.psql("postgres", "SELECT to_regclass('orders') IS NULL"), "t");
}

// Servers are started by programs of Unix.
#[cfg(unix)]
#[test]
fn csv_to_mysql() {
    let server = dstream_servers::Mariadb::start(&[]);
    let project = example("csv-to-mysql").env("DATABASE_URL", &server.create_database("shop"));
    project.dstream(&["plan", "orders"]).expect(0).says(&["CREATE TABLE", "exactly_once"]);
    assert_eq!(server.sql("shop", "SHOW TABLES"), "");
    run(&project, "orders");
    run(&project, "orders");
    let sql =
        "SELECT group_concat(id, ' ', customer, ' ', total ORDER BY id SEPARATOR ', ') FROM orders";
    assert_eq!(server.sql("shop", sql), "1 Ada 19.9, 2 Grace 6.5, 3 Ada 7.25");
    project.dstream(&["destroy", "orders", "--auto-approve"]).expect(0);
    assert_eq!(server.sql("shop", "SHOW TABLES"), "");
}

#[test]
fn mssql() {
    let db = dstream_mssql_testkit::Database::new();
    let project = example("mssql").env("MSSQL_URL", &db.connection_string());
    project.dstream(&["plan", "orders"]).expect(0).says(&["CREATE TABLE", "exactly_once"]);
    assert_eq!(db.sql("SELECT name FROM sys.tables"), "");
    run(&project, "orders");
    run(&project, "orders");
    let sql = "SELECT id, customer, total FROM orders ORDER BY id";
    assert_eq!(db.sql(sql), "1|Ada|19.9\n2|Grace|6.5\n3|Ada|7.25");
    project.dstream(&["destroy", "orders", "--auto-approve"]).expect(0);
    assert_eq!(db.sql("SELECT name FROM sys.tables"), "");
}

/// What the workflow's last step does, with a registry of one's own in the place of the example's.
#[cfg(unix)]
#[test]
fn publish() {
    let registry = dstream_servers::OciRegistry::start();
    let project = example("publish");
    let workflow = project.read("release.yml");
    let platforms = ["linux", "darwin", "windows"]
        .map(|os| ["amd64", "arm64"].map(|arch| format!("{os}_{arch}")));
    let counter = dstream_tests::binaries::folder().join("dstream-in-counter");
    let mut push = vec!["provider".to_owned(), "push".to_owned()];
    push.push(format!("{}/mirror/acme/dstream-in-counter:v0.1.0", registry.host()));
    for platform in platforms.as_flattened() {
        assert!(
            workflow.contains(&format!("- {{ platform: {platform}, ")),
            "{platform} is not built"
        );
        assert!(workflow.contains(&format!(" {platform}={platform} ")), "{platform} is not pushed");
        push.push(format!("{platform}={}", counter.display()));
    }
    let push: Vec<&str> = push.iter().map(String::as_str).collect();
    project.dstream(&push).expect(0);
    let mirror = format!(
        "dstream {{\n  registry \"ghcr.io\" {{\n    mirror = \"{}/mirror\"\n  }}\n}}\n",
        registry.host()
    );
    project.write("dstream.hcl", format!("{mirror}{}", project.read("dstream.hcl")));
    project.dstream(&["init"]).expect(0);
    let lock = project.read(".dstream.lock.hcl");
    assert_eq!(lock.matches("platform \"").count(), 6, "{lock}");
    project.dstream(&["--log-level", "error", "run", "--locked", "ticks"]).expect(0);
    assert_eq!(lines(&project, "out/ticks.jsonl").len(), 100);
}
