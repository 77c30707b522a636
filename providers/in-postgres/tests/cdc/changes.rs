//! What changes become.

use dstream_testkit::serde_json::{Value, json};

use crate::support::{Db, Replay, Run, content};

#[test]
fn every_operation_is_handed_on_with_what_is_known_of_it() {
    let db = Db::new("operations");
    db.sql("CREATE TABLE t (id int PRIMARY KEY, v text)");
    let config = db.config(&["t"], json!({}));
    let first = db.read(&config, &Default::default());
    db.sql("BEGIN; INSERT INTO t VALUES (1, 'a'); UPDATE t SET v = 'b'; UPDATE t SET id = 2; DELETE FROM t; COMMIT");
    db.sql("TRUNCATE t");
    let run = db.read(&config, &first.states);
    assert_eq!(
        run.changes(),
        [
            json!(["insert", {"id": 1, "v": "a"}]),
            json!(["update", {"id": 1, "v": "b"}]),
            json!(["update", {"id": 2, "v": "b"}]),
            json!(["delete", {"id": 2}]),
            json!(["truncate", null]),
        ]
    );
    let metadata: Vec<&Value> = run.rows.iter().map(|row| &row["metadata"]).collect();
    assert!(metadata[1].get("key").is_none());
    assert_eq!(metadata[2]["key"], json!({"id": 1}));
    assert_eq!(metadata[3]["key"], json!({"id": 2}));
    assert_eq!(metadata[0]["tx"], metadata[3]["tx"]);
    assert!(metadata[0]["ts"].as_str().unwrap().ends_with('Z'));
    let positions: Vec<&str> = metadata.iter().map(|m| m["position"].as_str().unwrap()).collect();
    assert!(positions.is_sorted() && positions[0] < positions[3], "{positions:?}");
}

#[test]
fn replica_identities_say_what_is_known_of_the_row_before() {
    let db = Db::new("identities");
    db.sql("CREATE TABLE a (id int PRIMARY KEY, v text); ALTER TABLE a REPLICA IDENTITY FULL");
    db.sql("CREATE TABLE b (id int, code text NOT NULL, v text); CREATE UNIQUE INDEX b_code ON b (code)");
    db.sql("ALTER TABLE b REPLICA IDENTITY USING INDEX b_code");
    db.sql("CREATE TABLE c (v text); ALTER TABLE c REPLICA IDENTITY FULL");
    let config = db.config(&["*"], json!({}));
    let first = db.read(&config, &Default::default());
    db.sql(
        "INSERT INTO a VALUES (1, 'x'); UPDATE a SET v = 'y'; UPDATE a SET id = 2; DELETE FROM a",
    );
    db.sql("INSERT INTO b VALUES (1, 'k', 'x'); UPDATE b SET v = 'y'; UPDATE b SET code = 'l'; DELETE FROM b");
    db.sql("INSERT INTO c VALUES ('x'); UPDATE c SET v = 'y'; DELETE FROM c");
    let run = db.read(&config, &first.states);
    let of = |stream: &str| -> Vec<Value> {
        let rows = run.rows.iter().filter(|row| row["metadata"]["stream"] == stream);
        rows.map(|row| json!([row["data"], row["before"], row["metadata"]["key"]])).collect()
    };
    assert_eq!(
        of("public.a"),
        [
            json!([{"id": 1, "v": "x"}, null, null]),
            json!([{"id": 1, "v": "y"}, {"id": 1, "v": "x"}, null]),
            json!([{"id": 2, "v": "y"}, {"id": 1, "v": "y"}, {"id": 1}]),
            json!([{"id": 2, "v": "y"}, null, {"id": 2}]),
        ]
    );
    assert_eq!(
        of("public.b"),
        [
            json!([{"id": 1, "code": "k", "v": "x"}, null, null]),
            json!([{"id": 1, "code": "k", "v": "y"}, null, null]),
            json!([{"id": 1, "code": "l", "v": "y"}, null, {"code": "k"}]),
            json!([{"code": "l"}, null, {"code": "l"}]),
        ]
    );
    assert_eq!(
        of("public.c"),
        [
            json!([{"v": "x"}, null, null]),
            json!([{"v": "y"}, {"v": "x"}, null]),
            json!([{"v": "y"}, null, null]),
        ]
    );
    let keys = |stream| run.schema(stream)["key"].clone();
    assert_eq!(
        (keys("public.a"), keys("public.b"), keys("public.c")),
        (json!(["id"]), json!(["code"]), json!([]))
    );
}

#[test]
fn large_values_that_did_not_change_are_named_and_not_nulled() {
    let db = Db::new("toast");
    db.sql("CREATE TABLE t (id int PRIMARY KEY, big text, n int); ALTER TABLE t ALTER big SET STORAGE EXTERNAL");
    db.sql("CREATE TABLE f (id int PRIMARY KEY, big text, n int); ALTER TABLE f ALTER big SET STORAGE EXTERNAL; ALTER TABLE f REPLICA IDENTITY FULL");
    db.sql("INSERT INTO t VALUES (1, repeat('x', 9000), 1); INSERT INTO f VALUES (1, repeat('x', 9000), 1)");
    let config = db.config(&["t", "f"], json!({}));
    let first = db.read(&config, &Default::default());
    db.sql("UPDATE t SET n = 2; UPDATE f SET n = 2");
    let run = db.read(&config, &first.states);
    assert_eq!(run.rows[0]["data"], json!({"id": 1, "n": 2}));
    assert_eq!(run.rows[0]["metadata"]["unchanged"], json!(["big"]));
    assert_eq!(
        run.rows[1]["data"]["big"].as_str().unwrap().len(),
        9000,
        "FULL has it in the old row"
    );
    assert!(run.rows[1]["metadata"].get("unchanged").is_none());
}

#[test]
fn a_schema_that_changes_in_the_middle_of_a_transaction_is_announced_there() {
    let db = Db::new("evolving");
    db.sql("CREATE TABLE t (id int PRIMARY KEY, v text)");
    let config = db.config(&["t"], json!({}));
    let first = db.read(&config, &Default::default());
    db.sql("BEGIN; INSERT INTO t VALUES (1, 'a'); ALTER TABLE t ADD n int DEFAULT 7; INSERT INTO t VALUES (2, 'b'); ALTER TABLE t DROP v; ALTER TABLE t RENAME n TO m; INSERT INTO t VALUES (3, 9); COMMIT");
    let run = db.read(&config, &first.states);
    let rows: Vec<&Value> = run.rows.iter().map(|row| &row["data"]).collect();
    assert_eq!(
        rows,
        [
            &json!({"id": 1, "v": "a"}),
            &json!({"id": 2, "v": "b", "n": 7}),
            &json!({"id": 3, "m": 9})
        ]
    );
    let names = |schema: &Value| -> Vec<String> {
        schema["fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| f["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let announced: Vec<Vec<String>> = run.schemas.iter().map(names).collect();
    assert_eq!(announced, [vec!["id", "v"], vec!["id", "v", "n"], vec!["id", "m"]]);
}

#[test]
fn partitions_come_under_their_own_name_or_under_that_of_the_root() {
    let db = Db::new("partitions");
    db.sql("CREATE TABLE p (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)");
    db.sql("CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')");
    db.sql("CREATE TABLE p2 PARTITION OF p FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')");
    db.sql("INSERT INTO p VALUES (1, '2024-05-01'), (2, '2025-05-01')");
    for (root, streams) in [(false, ["public.p1", "public.p2"]), (true, ["public.p", "public.p"])] {
        let name = format!("dstream_root_{root}");
        let config = db.config(
            &["public.*"],
            json!({"publish_via_root": root, "publication": name, "slot": name}),
        );
        let first = db.read(&config, &Default::default());
        db.sql("UPDATE p SET id = id + 10");
        let second = db.read(&config, &first.states);
        for (run, op) in [(&first, "read"), (&second, "update")] {
            let mut got: Vec<Value> = run
                .rows
                .iter()
                .map(|r| json!([r["metadata"]["op"], r["metadata"]["stream"]]))
                .collect();
            got.sort_by_key(Value::to_string);
            assert_eq!(got, streams.map(|stream| json!([op, stream])), "root {root}");
        }
    }
}

#[test]
fn messages_are_handed_on_where_they_are_wanted() {
    let db = Db::new("messages");
    db.sql("CREATE TABLE t (id int PRIMARY KEY)");
    let config = db.config(&["t"], json!({"messages": true}));
    let first = db.read(&config, &Default::default());
    db.sql("BEGIN; INSERT INTO t VALUES (1); SELECT pg_logical_emit_message(true, 'app', 'in \"tx\"'); COMMIT");
    db.sql("SELECT pg_logical_emit_message(false, 'app', '\\x00ff'::bytea)");
    // Its commit brings the message to disk, before which nobody is sent it.
    db.sql("CREATE TABLE later ()");
    let run = db.read(&config, &first.states);
    assert_eq!(
        run.changes(),
        [
            json!(["insert", {"id": 1}]),
            json!(["message", {"prefix": "app", "content": "in \"tx\""}]),
            json!(["message", {"prefix": "app", "content_base64": "AP8="}]),
        ]
    );
    let again = db.read(&config, &run.states);
    assert!(again.rows.is_empty(), "{:?}", again.rows);
}

#[test]
fn messages_of_a_savepoint_that_is_rolled_back_are_left_out_in_a_large_transaction_too() {
    let db = Db::new("large_messages");
    db.sql("CREATE TABLE t (id int PRIMARY KEY, v text)");
    let config = db.config(&["t"], json!({"messages": true}));
    let first = db.read(&config, &Default::default());
    let rows = |from: i64| {
        format!(
            "INSERT INTO t SELECT n, repeat('x', 500) FROM generate_series({from}, {from} + 999) n"
        )
    };
    db.sql(&format!(
        "BEGIN; {}; SAVEPOINT a; SELECT pg_logical_emit_message(true, 'app', 'gone'); {}; ROLLBACK TO a; \
         SELECT pg_logical_emit_message(true, 'app', 'stays'); COMMIT",
        rows(1),
        rows(2001)
    ));
    let run = db.read(&config, &first.states);
    let messages = run.rows.iter().filter(|row| row["metadata"]["op"] == "message");
    let contents: Vec<_> = messages.map(|row| row["data"]["content"].clone()).collect();
    assert_eq!((run.rows.len(), contents), (1001, vec![json!("stays")]));
}

#[test]
fn columns_and_rows_are_chosen_by_the_publication_for_the_snapshot_too() {
    let db = Db::new("chosen");
    db.sql("CREATE TABLE t (id int PRIMARY KEY, v text, secret text); INSERT INTO t SELECT n, 'v', 's' FROM generate_series(1, 10) n");
    let config =
        db.config(&["t"], json!({"table": {"t": {"columns": ["id", "v"], "where": "id > 5"}}}));
    let first = db.read(&config, &Default::default());
    assert_eq!(first.rows.len(), 5);
    assert_eq!(first.rows[0]["data"], json!({"id": 6, "v": "v"}));
    db.sql("INSERT INTO t VALUES (3000, 'w', 's'), (-1, 'w', 's')");
    let second = db.read(&config, &first.states);
    assert_eq!(second.changes(), [json!(["insert", {"id": 3000, "v": "w"}])]);
}

#[test]
fn names_that_need_quotes_are_quoted() {
    let db = Db::new("quoted");
    db.sql("CREATE SCHEMA \"My Schema\"; CREATE TABLE \"My Schema\".\"a.b\" (\"the \"\"id\"\"\" int PRIMARY KEY, \"sélect\" text)");
    db.sql("INSERT INTO \"My Schema\".\"a.b\" VALUES (1, 'x')");
    let config = db.config(&["\"My Schema\".*"], json!({}));
    let first = db.read(&config, &Default::default());
    db.sql("DELETE FROM \"My Schema\".\"a.b\"");
    let second = db.read(&config, &first.states);
    assert_eq!(first.rows[0]["data"], json!({"the \"id\"": 1, "sélect": "x"}));
    assert_eq!(first.rows[0]["metadata"]["stream"], "My Schema.\"a.b\"");
    assert_eq!(second.changes(), [json!(["delete", {"the \"id\"": 1}])]);
}

#[test]
fn a_table_that_is_added_later_is_read_first_and_then_followed() {
    let db = Db::new("added");
    db.sql("CREATE TABLE a (id int PRIMARY KEY, v int); INSERT INTO a VALUES (1, 1)");
    let config = db.config(&["a"], json!({}));
    let first = db.read(&config, &Default::default());
    db.sql("CREATE TABLE b (id int PRIMARY KEY, v int); INSERT INTO b VALUES (1, 1), (2, 2); UPDATE a SET v = 2");
    let config = db.config(&["a", "b"], json!({}));
    let second = db.read(&config, &first.states);
    db.sql("UPDATE b SET v = v + 1; INSERT INTO a VALUES (2, 2)");
    let third = db.read(&config, &second.states);
    let mut replay = Replay::default();
    for run in [&first, &second, &third] {
        replay.apply("id", &run.rows);
    }
    for table in ["a", "b"] {
        assert_eq!(replay.rows(&format!("public.{table}")), content(&db, table, "id"), "{table}");
    }
}

#[test]
fn a_table_that_was_dropped_and_made_again_is_published_again() {
    let db = Db::new("remade");
    db.sql("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)");
    let config = db.config(&["t"], json!({}));
    let first = db.read(&config, &Default::default());
    db.sql("DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, w text)");
    let second = db.read(&config, &first.states);
    db.sql("INSERT INTO t VALUES (2, 'x')");
    let third = db.read(&config, &second.states);
    assert_eq!(third.changes(), [json!(["insert", {"id": 2, "w": "x"}])]);
}

/// The commit was answered before it was in the log's files.
#[test]
fn what_was_committed_without_waiting_for_the_disk_belongs_to_what_is_caught_up_with() {
    let late = ("wal_writer_delay", "1000ms");
    let server =
        dstream_servers::Postgres::start(&[&crate::support::SETTINGS[..], &[late]].concat());
    server.psql("postgres", "CREATE TABLE t (id int PRIMARY KEY)");
    let config = json!({"url": server.url("postgres"), "tables": ["t"], "until": "caught_up"});
    let mut states = Default::default();
    for id in 0..4 {
        let insert = format!("SET synchronous_commit = off; INSERT INTO t VALUES ({id})");
        server.psql("postgres", &insert);
        let mut run = Run::start("asynchronous", &config, &states);
        run.finish();
        assert_eq!(run.rows.len(), 1, "row {id}");
        states = run.states;
    }
}
