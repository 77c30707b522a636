//! What only a server can do: hold a transaction of a run that is stopped, go away, cut a name off.

use std::io::Write;
use std::time::{Duration, Instant};

use dstream_testkit::serde_json::{Value, json};

use crate::kill::Run;
use crate::{TestServer, commit, error_of, finish, row};

/// A run that is stopped while it holds the run's row is ended by the server, and fenced when it
/// goes on; one that lives is left alone.
#[cfg(unix)]
pub fn a_run_that_was_stopped_with_an_open_transaction_is_overtaken_and_fenced<D: TestServer>() {
    use rustix::process::{Pid, Signal, kill_process};
    let db = D::new();
    let config = json!({"takeover_timeout": "1s"});
    let mut command = db.command("run", &config);
    command["commit_within_ms"] = json!(60_000);
    let (mut run, _) = Run::start::<D>(&command, "none");
    let first = json!({"data": {"id": 1}, "metadata": {"stream": "s"}});
    assert!(run.step(&format!("{first}\n{}\n", at(1))));
    // More than is held back in memory, without a checkpoint: the transaction is open.
    let line = json!({"data": {"id": 2, "t": "x".repeat(1000)}, "metadata": {"stream": "s"}});
    for _ in 0..8000 {
        writeln!(run.stdin, "{line}").unwrap();
    }
    let began = Instant::now();
    while db.sql(D::OPEN_TRANSACTION) != "1" {
        assert!(began.elapsed() < Duration::from_secs(20), "no open transaction");
    }
    // Idle for longer than the limit: it lives, so nobody ends its transaction.
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(db.sql(D::OPEN_TRANSACTION), "1");
    let pid = Pid::from_raw(run.child.id() as i32).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let (mut second, ready) = db.start(&config);
    assert_eq!(ready["checkpoint"]["in"][""], 1);
    row(&mut second, "insert", &json!({"id": 3}), &json!({}));
    assert_eq!(commit(&mut second, 1)["@committed"]["id"], 1);
    kill_process(pid, Signal::CONT).unwrap();
    writeln!(run.stdin, "{}", at(2)).unwrap();
    let said: Vec<String> = run.stdout.by_ref().map_while(Result::ok).collect();
    let last: Value = dstream_testkit::serde_json::from_str(said.last().unwrap()).unwrap();
    assert_eq!(last["@error"]["kind"], "fenced", "{said:?}");
    run.end();
    finish(second);
    assert_eq!(db.sql("SELECT id FROM s ORDER BY id"), "1\n3");
}

/// It holds the run's row: else the newer one would begin from the checkpoint before, and what the
/// older one then commits would be there twice.
pub fn a_newer_run_waits_for_the_open_transaction_of_an_older_one<D: TestServer>() {
    let db = D::new();
    let mut command = db.command("run", &json!({}));
    command["commit_within_ms"] = json!(60_000);
    let (mut first, _) = Run::start::<D>(&command, "none");
    let one = json!({"data": {"id": 1}, "metadata": {"stream": "s"}});
    assert!(first.step(&format!("{one}\n{}\n", at(1))));
    // More than is held back in memory, without a checkpoint: the transaction is open.
    let line = json!({"data": {"id": 2, "t": "x".repeat(1000)}, "metadata": {"stream": "s"}});
    for _ in 0..8000 {
        writeln!(first.stdin, "{line}").unwrap();
    }
    let began = Instant::now();
    while db.sql(D::OPEN_TRANSACTION) != "1" {
        assert!(began.elapsed() < Duration::from_secs(20), "no open transaction");
    }
    let second = std::thread::spawn(move || Run::start::<D>(&command, "none"));
    std::thread::sleep(Duration::from_millis(1500));
    assert!(!second.is_finished(), "it did not wait");
    assert!(first.step(&format!("{}\n", at(2))));
    let (second, ready) = second.join().unwrap();
    assert_eq!(ready["checkpoint"]["in"][""], 2, "{ready}");
    assert_eq!(ready["previous"]["id"], 2, "{ready}");
    first.child.kill().unwrap();
    first.end();
    second.end();
}

/// A checkpoint with its own number as state.
fn at(id: u64) -> Value {
    json!({"@checkpoint": {"id": id, "state": {"": id}}})
}

/// Which of the two is worth a retry.
pub fn a_server_that_goes_away_is_transient_and_a_wrong_password_is_not<D: TestServer>() {
    let db = D::new();
    let (mut host, _) = db.start(&json!({}));
    row(&mut host, "insert", &json!({"a": 1}), &json!({}));
    commit(&mut host, 1);
    db.disconnect();
    row(&mut host, "insert", &json!({"a": 2}), &json!({}));
    let error = commit(&mut host, 2);
    assert_eq!(error["@error"]["kind"], "transient", "{error}");
    let (_, answer) = db.begin(&db.stranger());
    assert_eq!(answer["kind"], "auth", "{answer}");
}

/// The next one with the same beginning would be the same.
pub fn a_name_that_would_be_cut_off_is_refused<D: TestServer>() {
    let db = D::new();
    let (mut host, _) = db.start(&json!({}));
    let (long, words) = D::too_long();
    row(&mut host, "insert", &json!({ long: 1 }), &json!({}));
    let error = error_of(&commit(&mut host, 1));
    assert!(error.contains(words), "{error}");
}

/// `table = "{schema}.{name}"`, and a stream's own schema.
pub fn streams_go_to_the_schemas_that_their_names_say<D: TestServer>() {
    let db = D::new();
    db.sql("CREATE SCHEMA sales");
    let (mut host, _) = db.start(&json!({"table": "sales.{schema}_{name}"}));
    let line = json!({"data": {"a": 1}, "metadata": {"stream": "dbo.orders"}});
    host.send_json(&line).unwrap();
    commit(&mut host, 1);
    finish(host);
    assert_eq!(db.sql("SELECT a FROM sales.dbo_orders"), "1");
    let (mut host, _) = db.start(&json!({}));
    host.send_json(&line).unwrap();
    commit(&mut host, 1);
    finish(host);
    assert_eq!(db.sql("SELECT a FROM dbo.orders"), "1");
}

/// Nor the schema.
pub fn plan_shows_the_statements_and_runs_none_of_them<D: TestServer>() {
    let db = D::new();
    let plan = db.ask("plan", &json!({"table": "people"}));
    crate::lifecycle::is_only_planned(&db, &plan);
    let all = plan["resources"].as_array().unwrap().iter();
    let details: Vec<_> = all.filter_map(|resource| resource["detail"].as_str()).collect();
    assert!(details.iter().any(|sql| sql.contains(&db.make_books())), "{details:?}");
    assert!(!db.has_books());
}

/// Once, with the first table in it.
pub fn plan_shows_the_schema_that_a_table_is_made_in<D: TestServer>() {
    let db = D::new();
    let stream = |name: &str| json!({"stream": name, "fields": [{"name": "a", "type": "string"}]});
    let streams = json!([stream("north.orders"), stream("north.people")]);
    let plan = db.ask_about("plan", &json!({}), &streams);
    let all = plan["resources"].as_array().unwrap();
    let made: Vec<_> = all.iter().filter(|one| one["name"] == "north").collect();
    assert_eq!(made.len(), 1, "{plan}");
    assert!(made[0]["detail"].as_str().unwrap().contains("CREATE"), "{plan}");
    db.ask_about("init", &json!({}), &streams);
    assert_eq!(db.sql("SELECT count(*) FROM north.people"), "0");
    let plan = db.ask_about("plan", &json!({}), &streams);
    assert!(!plan["resources"].as_array().unwrap().iter().any(|one| one["name"] == "north"));
}
