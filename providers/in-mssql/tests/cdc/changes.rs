//! What each change becomes.

use dstream_testkit::serde_json::json;

use crate::server::{Db, States};

const TABLE: &str = "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, name nvarchar(20), big nvarchar(max), u int NULL CONSTRAINT uq UNIQUE)";

#[test]
fn inserts_updates_and_deletes_come_in_order_with_what_was_before() {
    let db = Db::new();
    db.tables(&TABLE.replace(" CONSTRAINT uq UNIQUE", ""), &["t"]);
    let config = db.config(json!({"snapshot": "never"}));
    let start = db.read(&config, &States::new());
    db.sql("INSERT dbo.t (id, name) VALUES (1, N'a'), (2, N'b')");
    db.write("UPDATE dbo.t SET name = N'ä\"' WHERE id = 1; UPDATE dbo.t SET id = 7 WHERE id = 2; DELETE dbo.t WHERE id = 7");
    let run = db.read(&config, &start.states);
    let row = |id: i64, name: &str| json!({"id": id, "name": name, "big": null, "u": null});
    assert_eq!(
        run.changes(),
        [
            json!(["insert", row(1, "a")]),
            json!(["insert", row(2, "b")]),
            json!(["update", {"id": 1, "name": "ä\"", "u": null}]),
            json!(["delete", row(2, "b")]),
            json!(["insert", row(7, "b")]),
            json!(["delete", row(7, "b")]),
        ]
    );
    let update = &run.rows[2];
    assert_eq!(update["before"], json!({"id": 1, "name": "a", "u": null}));
    assert_eq!(update["metadata"]["unchanged"], json!(["big"]));
    assert_eq!(run.rows[5]["metadata"]["key"], json!({"id": 7}));
    assert_eq!(run.rows[0]["metadata"]["stream"], "dbo.t");
    let places: Vec<_> =
        run.rows.iter().map(|row| row["metadata"]["position"].to_string()).collect();
    assert!(places.is_sorted(), "{places:?}");
    let schema = &run.schemas[0];
    assert_eq!((&schema["key"], &schema["system"]), (&json!(["id"]), &json!("sqlserver")));
    assert_eq!(
        schema["fields"][1],
        json!({"name": "name", "type": "string", "nullable": true, "source_type": "nvarchar(20)"})
    );
    assert!(db.read(&config, &run.states).rows.is_empty(), "once");
}

#[test]
fn both_rows_of_a_deferred_update_come_however_small_the_pages_are() {
    let db = Db::new();
    db.tables(TABLE, &["t"]);
    let config =
        db.config(json!({"snapshot": "never", "max_batch_bytes": "4KiB", "max_transactions": 3}));
    let start = db.read(&config, &States::new());
    db.sql("INSERT dbo.t (id, u, big) SELECT 1, 1, REPLICATE(CAST(N'x' AS nvarchar(max)), 3000)");
    for n in 2..60 {
        db.sql(&format!("INSERT dbo.t (id, u, name) VALUES ({n}, {n}, N'row {n}'); UPDATE dbo.t SET u = u + 1000, id = id + 1000 WHERE id < 1000 AND id > 1"));
    }
    db.scan();
    let run = db.read(&config, &start.states);
    let count = |op: &str| run.rows.iter().filter(|row| row["metadata"]["op"] == op).count();
    assert_eq!((count("insert"), count("delete"), count("update")), (59 + 58, 58, 0));
}

#[test]
fn transactions_over_several_tables_come_whole_and_in_the_order_of_their_commits() {
    let db = Db::new();
    let ddl = "CREATE TABLE dbo.a (id int PRIMARY KEY, v int); CREATE TABLE dbo.b (id int PRIMARY KEY, v int)";
    db.tables(ddl, &["a", "b"]);
    let config =
        db.config(json!({"snapshot": "never", "tables": ["a", "b"], "max_batch_bytes": "4KiB"}));
    let start = db.read(&config, &States::new());
    for n in 1..=200 {
        db.sql(&format!("BEGIN TRAN; INSERT dbo.a VALUES ({n}, 0); INSERT dbo.b VALUES ({n}, {n}); UPDATE dbo.a SET v = {n} WHERE id = {n}; COMMIT"));
    }
    db.scan();
    let run = db.read(&config, &start.states);
    let seen: Vec<_> = run
        .rows
        .iter()
        .map(|row| {
            (row["metadata"]["stream"].as_str().unwrap(), row["data"]["id"].as_i64().unwrap())
        })
        .collect();
    let wanted = |n| [("dbo.a", n), ("dbo.b", n), ("dbo.a", n)];
    assert_eq!(seen, (1..=200).flat_map(wanted).collect::<Vec<_>>());
    let transactions: std::collections::BTreeSet<_> =
        run.rows.iter().map(|row| row["metadata"]["tx"].to_string()).collect();
    assert_eq!(transactions.len(), 200);
}

#[test]
fn a_quiet_table_moves_on_with_the_others() {
    let db = Db::new();
    db.tables(
        "CREATE TABLE dbo.a (id int PRIMARY KEY); CREATE TABLE dbo.quiet (id int PRIMARY KEY)",
        &["a", "quiet"],
    );
    let config = db.config(json!({"snapshot": "never"}));
    let start = db.read(&config, &States::new());
    db.write("INSERT dbo.a VALUES (1)");
    let run = db.read(&config, &start.states);
    assert_eq!(run.rows.len(), 1);
    assert!(run.states["dbo.quiet"]["lsn"].as_str() > start.states["dbo.quiet"]["lsn"].as_str());
    // All that is old is removed; nothing that was not read.
    db.clean_up();
    db.write("INSERT dbo.a VALUES (2)");
    assert_eq!(db.read(&config, &run.states).changes(), [json!(["insert", {"id": 2}])]);
}

#[test]
fn a_table_that_is_changed_goes_on_in_its_second_capture_instance() {
    let db = Db::new();
    db.tables("CREATE TABLE dbo.t (id int PRIMARY KEY, a int)", &["t"]);
    let config = db.config(json!({"snapshot": "never"}));
    let start = db.read(&config, &States::new());
    // One by one: a batch is read as a whole, when the table has the columns that it has then.
    db.sql("INSERT dbo.t VALUES (1, 1)");
    db.sql("ALTER TABLE dbo.t ADD b nvarchar(9) NULL");
    db.sql("INSERT dbo.t VALUES (2, 2, N'late')");
    db.capture_as("dbo", "t", "dbo_t_2", "");
    db.write("INSERT dbo.t VALUES (3, 3, N'new')");
    let run = db.read(&config, &start.states);
    assert_eq!(
        run.changes(),
        [
            json!(["insert", {"id": 1, "a": 1}]),
            json!(["insert", {"id": 2, "a": 2}]),
            json!(["insert", {"id": 3, "a": 3, "b": "new"}]),
        ]
    );
    let fields = |at: usize| run.schemas[at]["fields"].as_array().unwrap().len();
    assert_eq!((run.schemas.len(), fields(0), fields(1)), (2, 2, 3));
}
