//! What goes wrong while it runs: each ends the run with an error that says whether to try again, and
//! the next run goes on where the last checkpoint stands.

use std::time::Duration;

use dstream_testkit::InputRun;
use dstream_testkit::serde_json::{Value, json};

use crate::server::{Db, States};

const TABLE: &str = "CREATE TABLE dbo.t (id int PRIMARY KEY)";
const PAGE: &str = "reading [cdc].[dbo_t_CT]";

fn ids(run: &InputRun) -> impl Iterator<Item = i64> {
    run.rows.iter().map(|row| row["data"]["id"].as_i64().unwrap())
}

/// Transactions of ten rows each.
fn insert(db: &Db, transactions: i64) {
    for n in 0..transactions {
        let values: Vec<_> = (1..=10).map(|m| format!("({})", n * 10 + m)).collect();
        db.sql(&format!("INSERT dbo.t (id) VALUES {}", values.join(", ")));
    }
    db.scan();
}

fn stopped(db: &Db, more: Value) -> Value {
    let mut config = db.config(json!({"snapshot": "never", "until": "stopped"}));
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

/// What the failed run has not brought, the next one does, and nothing twice.
fn goes_on(db: &Db, failed: &InputRun, last: i64) {
    let rest = db.read(&db.config(json!({"snapshot": "never"})), &failed.states);
    let all: Vec<_> = ids(failed).chain(ids(&rest)).collect();
    assert_eq!(all, (1..=last).collect::<Vec<_>>());
}

#[test]
fn a_connection_that_is_lost_in_the_middle_of_a_page_costs_no_row_and_repeats_none() {
    let (db, start) = Db::with_table(TABLE, "t");
    insert(&db, 300);
    let slow = db.simulator("rows that come slowly, so that the cut is inside of a page");
    if let Some(sim) = slow {
        sim.row_delay(Duration::from_micros(500));
    }
    let mut run = db.start(&stopped(&db, json!({"max_batch_bytes": "32KiB"})), &start);
    run.wait_for(200);
    db.disconnect();
    let error = run.fails();
    assert!(error.starts_with("transient"), "{error}");
    if let Some(sim) = slow {
        assert!(error.contains(PAGE), "{error}");
        assert!(run.rows.len() < 3_000);
        sim.clear_faults();
    }
    goes_on(&db, &run, 3_000);
}

#[test]
fn a_deadlock_is_tried_again_and_an_error_that_stays_is_not() {
    let wide = "CREATE TABLE dbo.t (id int PRIMARY KEY, v char(500) NOT NULL DEFAULT '')";
    for (number, kind) in [(1205, "transient"), (8152, "permanent")] {
        let (db, start) = Db::with_table(wide, "t");
        let Some(sim) = db.simulator("errors at will") else { return };
        insert(&db, 200);
        // A page of 200 rows, then pages of ten, some statements each.
        sim.fail(number, "[cdc].[dbo_t_CT]", 250);
        let config = db.config(json!({"snapshot": "never", "max_batch_bytes": "4KiB"}));
        let mut run = db.start(&config, &start);
        let error = run.fails();
        assert!(error.starts_with(kind) && error.contains(&number.to_string()), "{error}");
        assert!(error.contains(PAGE), "{error}");
        assert!(run.rows.len() < 2_000, "{}", run.rows.len());
        goes_on(&db, &run, 2_000);
    }
}

#[test]
fn an_answer_that_does_not_come_names_the_time_limit() {
    let (db, start) = Db::with_table(TABLE, "t");
    let Some(sim) = db.simulator("slow answers") else { return };
    let config = stopped(&db, json!({"command_timeout": "500ms"}));
    let mut run = db.start(&config, &start);
    run.wait_until(|run| !run.progress.is_empty());
    sim.delay(Duration::from_secs(5));
    let error = run.fails();
    assert!(error.starts_with("transient") && error.contains("(command_timeout)"), "{error}");
    assert!(error.contains("0.5 s"), "{error}");
    sim.clear_faults();
    insert(&db, 1);
    goes_on(&db, &run, 10);
}

#[test]
fn a_login_that_is_refused_while_it_runs_is_an_error_of_the_login() {
    let (db, start) = Db::with_table(TABLE, "t");
    // It may read, and nothing else.
    let user = db.user("reader", "F1rst-of-these");
    db.sql(&format!("GRANT SELECT ON SCHEMA::cdc TO {user}; GRANT SELECT ON dbo.t TO {user}"));
    let login = json!({"user": user, "password": "F1rst-of-these"});
    let mut run = db.start(&stopped(&db, login.clone()), &start);
    run.wait_until(|run| !run.progress.is_empty());
    // The connections for pages are made when there is something to be read.
    db.sql(&format!("ALTER LOGIN {user} WITH PASSWORD = 'Sec0nd-of-these'"));
    insert(&db, 1);
    let error = run.fails();
    assert!(error.starts_with("auth") && error.contains("18456"), "{error}");
    assert!(!error.contains("F1rst"), "{error}");
    goes_on(&db, &run, 10);
}

#[test]
fn a_table_that_is_captured_no_more_ends_the_run() {
    let (db, start) = Db::with_table(TABLE, "t");
    db.tables("CREATE TABLE dbo.other (id int PRIMARY KEY)", &["other"]);
    let mut run = db.start(&stopped(&db, json!({"tables": ["t"]})), &start);
    run.wait_until(|run| !run.progress.is_empty());
    db.sql("EXEC sys.sp_cdc_disable_table @source_schema = N'dbo', @source_name = N't', @capture_instance = N'all'");
    db.write("INSERT dbo.other VALUES (1)");
    let error = run.fails();
    assert!(error.starts_with("permanent") && error.contains("error 208"), "{error}");
    assert!(error.contains(PAGE) && run.rows.is_empty(), "{error}");
    // And the next one says what to do.
    let off = db.start(&db.config(json!({"tables": ["t"]})), &start).fails();
    assert!(off.contains("sp_cdc_enable_table"), "{off}");
}

#[test]
fn an_agent_that_does_not_run_is_warned_of_once() {
    let (db, _) = Db::with_table(TABLE, "t");
    if db.simulator("an agent that is off").is_none() {
        return;
    }
    db.sql("EXEC sim.agent 'off'");
    let mut run = db.read(&db.config(json!({})), &States::new());
    let log = run.host.stderr_to_end().unwrap();
    assert_eq!(log.matches("SQL Server Agent does not run").count(), 1, "{log}");
}
