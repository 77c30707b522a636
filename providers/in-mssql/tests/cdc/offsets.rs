//! `cdc_offsets`: checkpoints in the watched database, as the original has them.

use dstream_testkit::serde_json::json;

use crate::server::{Db, States, wait};

const ORIGINAL: &str = "CREATE TABLE dbo.cdc_offsets (table_name nvarchar(255) NOT NULL PRIMARY KEY, \
    last_lsn varbinary(10) NULL, updated_at datetime NOT NULL DEFAULT GETDATE())";

fn stored(db: &Db) -> Vec<Vec<String>> {
    let sql = "SELECT table_name, CONVERT(varchar(20), last_lsn, 2), CONVERT(varchar(20), last_seq, 2) \
        FROM dbo.cdc_offsets ORDER BY table_name";
    let text = |row: Vec<Option<String>>| row.into_iter().map(Option::unwrap_or_default).collect();
    db.rows(sql).unwrap().into_iter().map(text).collect()
}

#[test]
fn a_run_without_the_hosts_state_goes_on_where_the_table_says() {
    let db = Db::new();
    db.tables(
        "CREATE TABLE dbo.a (id int PRIMARY KEY); CREATE TABLE dbo.b (id int PRIMARY KEY)",
        &["a", "b"],
    );
    let config = db.config(json!({"checkpoint_store": "table"}));
    db.write("INSERT dbo.a VALUES (1)");
    assert_eq!(db.read(&config, &States::new()).rows.len(), 1);
    db.write("INSERT dbo.a VALUES (2)");
    let run = db.read(&config, &States::new());
    assert_eq!(run.changes(), [json!(["insert", {"id": 2}])]);
    let names: Vec<_> = stored(&db).into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(names, ["dbo.a", "dbo.b"]);
    // The clean-up overtakes nothing that was read.
    db.clean_up();
    db.write("INSERT dbo.b VALUES (3)");
    assert_eq!(db.read(&config, &States::new()).changes(), [json!(["insert", {"id": 3}])]);
}

#[test]
fn what_is_not_committed_is_not_written() {
    let db = Db::new();
    db.tables("CREATE TABLE dbo.a (id int PRIMARY KEY)", &["a"]);
    let config =
        db.config(json!({"checkpoint_store": "table", "until": "stopped", "snapshot": "never"}));
    let mut run = db.start(&config, &States::new());
    run.wait_until(|run| !run.states.is_empty());
    run.commit = false;
    // Its first places are saved by now, or soon.
    wait("the first place is saved", || !stored(&db).is_empty());
    let before = stored(&db);
    db.write("INSERT dbo.a VALUES (1)");
    run.wait_for(1);
    run.wait_until(|run| run.open.is_empty());
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(stored(&db), before, "nobody has said that it is saved");
    run.save();
    wait("what is saved is written", || {
        assert!(run.take());
        stored(&db) != before
    });
    run.host.kill();
}

#[test]
fn rows_of_the_original_are_understood_and_it_can_go_on_behind_ours() {
    let db = Db::new();
    db.tables("CREATE TABLE dbo.Persons (id int PRIMARY KEY)", &["Persons"]);
    db.sql(ORIGINAL);
    db.write("INSERT dbo.Persons VALUES (1)");
    db.sql(
        "INSERT dbo.cdc_offsets (table_name, last_lsn) SELECT N'Persons', sys.fn_cdc_get_max_lsn()",
    );
    db.write("INSERT dbo.Persons VALUES (2)");
    // Nothing is said of where checkpoints are: the original's file knows no such setting.
    let config = db.config(json!({"tables": ["Persons"]}));
    let run = db.read(&config, &States::new());
    assert_eq!(run.changes(), [json!(["insert", {"id": 2}])], "no snapshot, and nothing twice");
    let rows = stored(&db);
    assert_eq!(rows.len(), 1, "the original's own row is written on: {rows:?}");
    assert_eq!(rows[0][0], "Persons");
    assert!(rows[0][2].to_lowercase().ends_with("ffffffffffffffffffff"), "{rows:?}");
}

#[test]
fn the_further_of_the_hosts_place_and_the_tables_counts() {
    let db = Db::new();
    db.tables("CREATE TABLE dbo.a (id int PRIMARY KEY)", &["a"]);
    let host = db.config(json!({"snapshot": "never"}));
    let table = db.config(json!({"snapshot": "never", "checkpoint_store": "table"}));
    let old = db.read(&table, &States::new()).states;
    db.write("INSERT dbo.a VALUES (1)");
    let new = db.read(&host, &old).states;
    assert!(db.read(&table, &new).rows.is_empty(), "the host knows more");
    db.write("INSERT dbo.a VALUES (2)");
    assert_eq!(db.read(&table, &new).rows.len(), 1);
    assert!(db.read(&table, &old).rows.is_empty(), "the table knows more");
}
