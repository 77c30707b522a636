//! Which tables are read, which of their columns, and by how many connections.

use std::collections::BTreeSet;

use dstream_testkit::serde_json::{Value, json};

use crate::server::{Db, States};

#[test]
fn tables_are_meant_by_patterns_and_left_out_by_others() {
    let db = Db::new();
    let tables =
        ["dbo.orders", "sales.order_1", "sales.order_22", "sales.tmp_1", "My Schema.my.table"];
    db.sql("CREATE SCHEMA sales");
    db.sql("CREATE SCHEMA [My Schema]");
    let quoted = |name: &str| {
        let (schema, table) = name.split_once('.').unwrap();
        format!("[{schema}].[{table}]")
    };
    for name in tables {
        let (schema, table) = name.split_once('.').unwrap();
        db.sql(&format!("CREATE TABLE {} (id int PRIMARY KEY)", quoted(name)));
        db.capture(schema, table);
        db.sql(&format!("INSERT {} VALUES (1)", quoted(name)));
    }
    db.scan();
    for (config, wanted) in [
        (json!({}), vec![0, 1, 2, 3, 4]),
        (json!({"tables": ["orders"]}), vec![0]),
        (json!({"tables": ["sales.*"], "exclude": ["sales.tmp_*"]}), vec![1, 2]),
        (json!({"tables": ["sales.order_?", "orders"]}), vec![0, 1]),
        (json!({"tables": ["\"My Schema\".\"my.table\""]}), vec![4]),
        (json!({"exclude": ["sales.*", "orders"]}), vec![4]),
    ] {
        // Changes and rows as they stand are of the same tables.
        let config = db.config(config);
        let run = db.read(&config, &States::new());
        let streams = |rows: &[Value]| -> BTreeSet<String> {
            rows.iter().map(|row| row["metadata"]["stream"].as_str().unwrap().to_owned()).collect()
        };
        let read = streams(&run.rows);
        assert_eq!(read.len(), wanted.len(), "{config}: {read:?}");
        assert_eq!(run.states.keys().cloned().collect::<BTreeSet<_>>(), read);
        for at in &wanted {
            db.sql(&format!("INSERT {} VALUES (2); DELETE {0} WHERE id = 2", quoted(tables[*at])));
        }
        db.scan();
        let changes = db.read(&config, &run.states);
        assert_eq!(
            (streams(&changes.rows), changes.rows.len()),
            (read, wanted.len() * 2),
            "{config}"
        );
    }
}

#[test]
fn columns_that_are_not_handed_on_are_in_no_change() {
    let (db, start) = Db::with_table(
        "CREATE TABLE dbo.t (id int PRIMARY KEY, a int, b money, big nvarchar(max), c int)",
        "t",
    );
    db.sql("INSERT dbo.t VALUES (1, 2, 3.5, N'long', 4)");
    db.sql("UPDATE dbo.t SET a = 3, c = 5 WHERE id = 1");
    db.sql("UPDATE dbo.t SET b = 4 WHERE id = 1");
    db.write("DELETE dbo.t WHERE id = 1");
    let changes = |more: Value| {
        let run = db.read(&db.config(json!({"table": {"t": more}})), &start);
        let befores = run.rows.iter().map(|row| row["before"].clone());
        let befores: Vec<_> = befores.filter(|before| !before.is_null()).collect();
        let keys: Vec<_> = run.schemas[0]["fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|field| field["name"].as_str().unwrap().to_owned())
            .collect();
        (run.changes(), befores, keys)
    };
    let (rows, befores, fields) = changes(json!({"columns": ["b"]}));
    assert_eq!(fields, ["id", "b"]);
    assert_eq!(
        rows,
        [
            json!(["insert", {"id": 1, "b": "3.5000"}]),
            json!(["update", {"id": 1, "b": "3.5000"}]),
            json!(["update", {"id": 1, "b": "4.0000"}]),
            json!(["delete", {"id": 1, "b": "4.0000"}]),
        ]
    );
    assert_eq!(befores, [json!({"id": 1, "b": "3.5000"}), json!({"id": 1, "b": "3.5000"})]);
    // The mask counts all columns that are captured, not those that are handed on.
    let (rows, _, fields) = changes(json!({"exclude_columns": ["a", "b"]}));
    assert_eq!(fields, ["id", "big", "c"]);
    assert_eq!(
        rows,
        [
            json!(["insert", {"id": 1, "big": "long", "c": 4}]),
            json!(["update", {"id": 1, "c": 5}]),
            json!(["update", {"id": 1, "c": 5}]),
            json!(["delete", {"id": 1, "big": "long", "c": 5}]),
        ]
    );
    for (columns, message) in [
        (json!({"columns": ["nothing"]}), "`nothing` is no column that dbo_t captures"),
        (json!({"exclude_columns": ["id"]}), "`id` is part of the key"),
    ] {
        let error = db.start(&db.config(json!({"table": {"t": columns}})), &start).fails();
        assert!(error.starts_with("config") && error.contains(message), "{error}");
    }
}

#[test]
fn columns_that_are_not_captured_are_in_neither_rows_nor_changes() {
    let db = Db::new();
    db.sql("CREATE TABLE dbo.t (secret nvarchar(9), id int PRIMARY KEY, v int, w nvarchar(max))");
    db.capture_as("dbo", "t", "narrow", ", @captured_column_list = N'id, w'");
    db.write("INSERT dbo.t VALUES (N'x', 1, 2, N'w')");
    let run = db.read(&db.config(json!({})), &States::new());
    assert_eq!(run.changes(), [json!(["read", {"id": 1, "w": "w"}])]);
    // Nobody sees a change of what is not captured.
    db.sql("UPDATE dbo.t SET secret = N'y', v = 3");
    db.sql("UPDATE dbo.t SET w = NULL");
    db.write("DELETE dbo.t");
    let run = db.read(&db.config(json!({})), &run.states);
    assert_eq!(
        run.changes(),
        [json!(["update", {"id": 1, "w": null}]), json!(["delete", {"id": 1, "w": null}])]
    );
}

#[test]
fn many_tables_are_read_by_no_more_connections_than_are_allowed() {
    const TABLES: usize = 12;
    let db = Db::new();
    for n in 0..TABLES {
        let table = format!("t{n}");
        db.tables(&format!("CREATE TABLE dbo.{table} (id int PRIMARY KEY)"), &[&table]);
    }
    let config = db.config(json!({"snapshot": "never", "max_connections": 3}));
    let states = db.read(&config, &States::new()).states;
    for n in 0..TABLES * 5 {
        db.sql(&format!("INSERT dbo.t{} VALUES ({n})", n % TABLES));
    }
    db.scan();
    let mut stopped = config.clone();
    stopped["until"] = json!("stopped");
    let mut run = db.start(&stopped, &states);
    run.wait_until(|run| run.rows.len() == TABLES * 5);
    let order: Vec<_> = run.rows.iter().map(|row| row["data"]["id"].as_u64().unwrap()).collect();
    assert_eq!(order, (0..TABLES as u64 * 5).collect::<Vec<_>>(), "in the order of commits");
    // Those for pages, and one for all else.
    let count = db.sql("SELECT COUNT(*) FROM sys.dm_exec_sessions WHERE database_id = DB_ID() AND session_id <> @@SPID");
    assert_eq!(count, "4");
    run.host.kill();
}
