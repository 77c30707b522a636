//! Each error says what is wrong and what to do.

use dstream_servers::Postgres;
use dstream_testkit::serde_json::{Value, json};

use crate::support::{Db, Run, SETTINGS};

/// What a run says that fails.
fn failure(db: &Db, config: &Value) -> String {
    db.run(config).fails()
}

#[track_caller]
fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{part}` is missing in: {message}");
    }
}

#[test]
fn a_wal_level_that_is_too_low_is_named_with_the_statement_that_raises_it() {
    let server = Postgres::start(&[("wal_level", "replica")]);
    server.psql("postgres", "CREATE TABLE t (id int PRIMARY KEY)");
    let config = json!({"url": server.url("postgres"), "tables": ["t"]});
    let message = Run::start("low", &config, &Default::default()).fails();
    says(&message, &["permanent", "`replica`", "ALTER SYSTEM SET wal_level = 'logical'"]);
}

#[test]
fn missing_permissions_are_named_with_their_grants() {
    let db = Db::new("grants");
    db.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE ROLE \"weak-one\" LOGIN");
    let config = db.config(&["t"], json!({"user": "weak-one"}));
    says(&failure(&db, &config), &["auth", "ALTER ROLE \"weak-one\" REPLICATION"]);
    db.sql("ALTER ROLE \"weak-one\" REPLICATION");
    says(&failure(&db, &config), &["auth", "publication cannot be made", "create = false"]);
    db.sql("CREATE PUBLICATION p FOR TABLE t");
    let config = db.config(&["t"], json!({"user": "weak-one", "publication": "p"}));
    says(
        &failure(&db, &config),
        &["auth", "permission denied for table t", "GRANT SELECT ON \"public\".\"t\""],
    );
    db.sql("GRANT SELECT ON t TO \"weak-one\"");
    assert_eq!(db.read(&config, &Default::default()).rows.len(), 1);
    db.sql("ALTER TABLE t ENABLE ROW LEVEL SECURITY");
    let config =
        db.config(&["t"], json!({"user": "weak-one", "publication": "p", "slot": "grants_2"}));
    says(&failure(&db, &config), &["row-level security"]);
}

#[test]
fn tables_that_are_not_there_or_not_published_or_without_identity_are_named() {
    let db = Db::new("wrong_tables");
    db.sql("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY); CREATE TABLE nokey (v text)");
    says(
        &failure(&db, &db.config(&["t", "nowhere"], json!({}))),
        &["config", "`nowhere` means no table"],
    );
    let message = failure(&db, &db.config(&["*"], json!({})));
    says(&message, &["public.nokey", "REPLICA IDENTITY FULL", "`exclude`"]);
    db.sql("CREATE PUBLICATION p FOR TABLE t");
    let message = failure(&db, &db.config(&["t", "u"], json!({"publication": "p"})));
    says(&message, &["lacks public.u", "ALTER PUBLICATION \"p\" ADD TABLE \"public\".\"u\""]);
    let message = failure(&db, &db.config(&["t"], json!({"create": false})));
    says(
        &message,
        &["CREATE PUBLICATION \"dstream_wrong_tables_input\" FOR TABLE \"public\".\"t\""],
    );
    let message = failure(&db, &db.config(&["t"], json!({"publication": "p", "create": false})));
    says(&message, &["slot", "pg_create_logical_replication_slot"]);
}

#[test]
fn a_slot_that_is_in_use_gone_or_ahead_is_named() {
    let db = Db::new("bad_slots");
    db.sql("CREATE TABLE t (id int PRIMARY KEY)");
    let config = db.config(&["t"], json!({}));
    let first = db.read(&config, &Default::default());

    let mut holder = db.resume(&db.config(&["t"], json!({"until": "stopped"})), &first.states);
    db.sql("INSERT INTO t VALUES (1)");
    holder.wait_for(1);
    let message = db.resume(&config, &first.states).fails();
    says(&message, &["transient", "in use by process", "pg_terminate_backend"]);
    holder.host.send(r#"{"@stop":{}}"#).unwrap();
    holder.finish();

    says(
        &db.resume(&config, &first.states).fails(),
        &["permanent", "somebody else has read", "when_needed"],
    );
    db.sql("SELECT pg_drop_replication_slot('dstream_bad_slots_input')");
    says(&db.resume(&config, &holder.states).fails(), &["is not on the server", "when_needed"]);

    db.sql("INSERT INTO t VALUES (2)");
    let again = db.config(&["t"], json!({"snapshot": "when_needed"}));
    let run = db.read(&again, &holder.states);
    assert_eq!(
        run.changes(),
        [json!(["truncate", null]), json!(["read", {"id": 1}]), json!(["read", {"id": 2}])]
    );
}

#[test]
fn a_lost_slot_is_named_with_the_way_out() {
    let server = Postgres::start(&[
        ("wal_level", "logical"),
        ("max_slot_wal_keep_size", "1MB"),
        ("min_wal_size", "32MB"),
        ("max_wal_size", "32MB"),
    ]);
    server.psql("postgres", "CREATE TABLE t (id int PRIMARY KEY, v text)");
    let config = json!({"url": server.url("postgres"), "tables": ["t"], "until": "caught_up"});
    let mut run = Run::start("lost", &config, &Default::default());
    run.finish();
    for _ in 0..4 {
        server.psql("postgres", "INSERT INTO t SELECT coalesce(max(id), 0) + n, repeat('x', 900) FROM t, generate_series(1, 20000) n GROUP BY n");
        server.psql("postgres", "DELETE FROM t");
        server.psql("postgres", "SELECT pg_switch_wal()");
        server.psql("postgres", "CHECKPOINT");
    }
    let message = Run::start("lost", &config, &run.states).fails();
    says(&message, &["is lost", "max_slot_wal_keep_size", "pg_drop_replication_slot"]);
}

#[test]
fn a_folder_for_transactions_that_cannot_be_written_is_named() {
    let db = Db::new("spool");
    db.sql("CREATE TABLE t (id int PRIMARY KEY)");
    let config = db.config(&["t"], json!({"spool_folder": "/nowhere", "snapshot": "never"}));
    says(&failure(&db, &config), &["config ", "no file can be made in /nowhere"]);
}

#[test]
fn when_every_slot_is_taken_it_says_so() {
    let server = Postgres::start(&[("wal_level", "logical"), ("max_replication_slots", "1")]);
    server.psql("postgres", "CREATE TABLE t (id int PRIMARY KEY)");
    server.psql("postgres", "SELECT pg_create_logical_replication_slot('other', 'pgoutput')");
    let config = json!({"url": server.url("postgres"), "tables": ["t"]});
    let message = Run::start("full", &config, &Default::default()).fails();
    says(&message, &["max_replication_slots", "pg_replication_slots"]);
}

#[test]
fn a_checkpoint_of_another_server_or_database_is_refused() {
    let db = Db::new("one_database");
    let other = Db::new("other_database");
    db.sql("CREATE TABLE t (id int PRIMARY KEY)");
    other.sql("CREATE TABLE t (id int PRIMARY KEY)");
    let first = db.read(&db.config(&["t"], json!({})), &Default::default());
    let message = other.resume(&other.config(&["t"], json!({})), &first.states).fails();
    says(&message, &["one_database", "other_database", "dstream state rm"]);
}

#[test]
fn a_server_that_is_not_there_and_a_login_that_is_refused_are_told_apart() {
    let port = dstream_servers::free_port();
    let config = json!({"host": "127.0.0.1", "port": port, "user": "u", "tables": ["t"], "connect_timeout": "2s"});
    let message = Run::start("nobody", &config, &Default::default()).fails();
    says(&message, &["transient", &format!("127.0.0.1:{port}")]);
    let server = Postgres::start(&SETTINGS);
    let config = json!({"url": server.url("nowhere"), "tables": ["t"]});
    let message = Run::start("nobody", &config, &Default::default()).fails();
    says(&message, &["config", "database \"nowhere\" does not exist"]);
}
