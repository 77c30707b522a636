//! All rows, once.

use std::collections::BTreeMap;

use dstream_testkit::serde_json::{Value, json};

use crate::support::Db;
use crate::{config, sorted, values};

fn none() -> BTreeMap<String, Value> {
    BTreeMap::new()
}

#[test]
fn a_full_read_ends_by_itself_and_the_next_run_reads_again() {
    let db = Db::new("query_full");
    db.sql("CREATE TABLE a (id int PRIMARY KEY, name text); CREATE TABLE b (v int)");
    db.sql("INSERT INTO a VALUES (2, 'two'), (1, NULL); INSERT INTO b VALUES (7), (7)");
    let config = config(&db, json!({"tables": ["a", "b"]}));
    let run = db.read(&config, &none());
    let of = |stream: &str| -> Vec<Value> {
        let rows = run.rows.iter().filter(|row| row["metadata"]["stream"] == stream);
        rows.map(|row| row["data"].clone()).collect()
    };
    assert_eq!(of("public.a"), [json!({"id": 1, "name": null}), json!({"id": 2, "name": "two"})]);
    assert_eq!(of("public.b"), [json!({"v": 7}), json!({"v": 7})]);
    assert!(run.rows.iter().all(|row| row["metadata"]["op"] == "read"));
    let schema = run.schema("public.a");
    assert_eq!((&schema["key"], &schema["system"]), (&json!(["id"]), &json!("postgresql")));
    assert_eq!(schema["fields"][0]["nullable"], json!(false));
    assert_eq!(run.states["public.a"], json!({"query": "full", "done": true}));
    // A table more, and one row.
    db.sql("INSERT INTO a VALUES (3, 'three')");
    let again = db.read(&config, &run.states);
    assert_eq!(again.rows.len(), 5);
}

#[test]
fn parallel_ranges_give_every_row_once() {
    let db = Db::new("query_ranges");
    db.sql("CREATE TABLE n (id int8 PRIMARY KEY, v text); CREATE TABLE u (id uuid PRIMARY KEY)");
    db.sql("INSERT INTO n SELECT g * 3 - 100000, 'x' || g FROM generate_series(1, 120000) g");
    db.sql("INSERT INTO u SELECT md5(g::text)::uuid FROM generate_series(1, 120000) g; ANALYZE u");
    let config = config(&db, json!({"tables": ["n", "u"], "parallelism": 3}));
    let mut run = db.resume(&config, &none());
    run.wait_until(|run| run.states.contains_key("public.u"));
    let lanes = |table: &str| run.states[table]["lanes"].as_array().unwrap().len();
    assert_eq!((lanes("public.n"), lanes("public.u")), (12, 12), "the read is divided");
    run.finish();
    let rows: Vec<Value> =
        run.rows.iter().filter(|row| row["metadata"]["stream"] == "public.n").cloned().collect();
    let wanted: Vec<i64> = (1..=120_000).map(|g| g * 3 - 100_000).collect();
    assert_eq!(sorted(values(&rows, "id")), wanted);
    let mut ids: Vec<&str> = run.rows.iter().filter_map(|row| row["data"]["id"].as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 120_000);
    assert_eq!(run.rows.len(), 240_000);
}

#[test]
fn killed_in_the_middle_it_goes_on_at_the_last_checkpoint() {
    let db = Db::new("query_killed");
    db.sql("CREATE TABLE a (id int8 PRIMARY KEY, pad text); CREATE TABLE b (k text PRIMARY KEY, id int)");
    db.sql("INSERT INTO a SELECT g, repeat('x', 200) FROM generate_series(1, 150000) g");
    db.sql("INSERT INTO b SELECT 'ä' || g, -g FROM generate_series(1, 20000) g; ANALYZE");
    let config = config(&db, json!({"tables": ["a", "b"]}));
    let (mut ids, mut states, mut kills) = (Vec::new(), none(), 0);
    loop {
        let mut run = db.resume(&config, &states);
        let more = 20_000;
        while run.rows.len() < more && run.take() {}
        run.host.kill();
        assert!(run.error.is_none(), "{:?}", run.error);
        ids.extend(values(&run.rows, "id"));
        states = run.states;
        // The last checkpoint may come with the last rows: from there on a run would read again.
        if states.values().all(|state| state["done"] == json!(true)) {
            break;
        }
        kills += 1;
    }
    assert!(kills >= 3, "{kills}");
    let wanted: Vec<i64> = (-20_000..=-1).chain(1..=150_000).collect();
    assert_eq!(sorted(ids), wanted);
}

#[test]
fn columns_and_conditions_choose_what_is_read() {
    let db = Db::new("query_where");
    db.sql("CREATE TABLE t (id int PRIMARY KEY, a int, b int, c int GENERATED ALWAYS AS (a + 1) STORED)");
    db.sql("INSERT INTO t SELECT g, g, g FROM generate_series(1, 10) g");
    db.sql("CREATE VIEW odd AS SELECT id FROM t WHERE id % 2 = 1");
    let columns = json!({"tables": ["t"], "columns": ["c", "id"], "where": "a > 8 -- more"});
    let run = db.read(&config(&db, columns), &none());
    let rows: Vec<&Value> = run.rows.iter().map(|row| &row["data"]).collect();
    assert_eq!(rows, [&json!({"c": 10, "id": 9}), &json!({"c": 11, "id": 10})]);
    let block = json!({"tables": ["t"], "table": {"t": {"columns": ["a"], "where": "b = 4"}}});
    let run = db.read(&config(&db, block), &none());
    assert_eq!(run.rows[0]["data"], json!({"a": 4}));
    assert_eq!(
        (run.rows.len(), run.schema("public.t")["key"].clone()),
        (1, json!([])),
        "the key is not read"
    );
    let run = db.read(&config(&db, json!({"tables": ["odd"], "key": ["id"]})), &none());
    assert_eq!(values(&run.rows, "id"), [1, 3, 5, 7, 9]);
}

#[test]
fn a_select_with_joins_is_a_stream_of_its_own() {
    let db = Db::new("query_select");
    db.sql("CREATE TABLE c (id int PRIMARY KEY, name varchar(20)); CREATE TABLE o (id int PRIMARY KEY, c int, total numeric(10,2))");
    db.sql("INSERT INTO c VALUES (1, 'Ann'), (2, 'Bob')");
    db.sql("INSERT INTO o SELECT g, 1 + g % 2, g * 1.5 FROM generate_series(1, 1000) g");
    let query = "WITH big AS (SELECT * FROM o WHERE total > 3)\n\
                 SELECT big.id, c.name, big.total FROM big JOIN c ON c.id = big.c -- all;\n ;";
    let more = json!({"query": query, "stream": "totals", "key": ["id"], "parallelism": 2});
    let run = db.read(&config(&db, more), &none());
    assert_eq!(sorted(values(&run.rows, "id")), (3..=1000).collect::<Vec<i64>>());
    let row = run.rows.iter().find(|row| row["data"]["id"] == 3).unwrap();
    assert_eq!(row["data"], json!({"id": 3, "name": "Bob", "total": "4.50"}));
    assert_eq!(row["metadata"]["stream"], "totals");
    let schema = run.schema("totals");
    assert_eq!(schema["key"], json!(["id"]));
    assert_eq!(schema["fields"][1]["source_type"], "character varying(20)");
    assert_eq!(schema["fields"][2]["source_type"], "numeric(10,2)");
}

#[test]
fn values_and_types_are_those_of_change_data_capture() {
    let db = Db::new("query_types");
    db.sql("CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE DOMAIN positive AS numeric(6,2) CHECK (value > 0)");
    db.sql(
        "CREATE TABLE t (id int8 PRIMARY KEY, b bool, f float8, n numeric, d positive, m mood, j jsonb, at timestamptz, \
           ts timestamp, day date, span interval, u uuid, bin bytea, list int[], words text[], doc json, r int4range, \
           c char(5), ip inet, e text)",
    );
    db.sql(
        r#"INSERT INTO t VALUES (9007199254740993, true, 'NaN', 1.500, 2.5, 'glad', '{"a": 1.0}', '2024-05-01 10:00+02',
             'infinity', '2024-02-29', '1 day 2 hours', md5('x')::uuid, '\x00ff', '{1,NULL,{3}}'::text::int[], NULL, NULL, '[1,5)',
             'ab', '10.0.0.1', E'tab\tline\nback\\slash "quote" ä') "#
            .replace("'{1,NULL,{3}}'::text::int[]", "'{{1,NULL},{2,3}}'")
            .as_str(),
    );
    let cdc = db.read(&db.config(&["t"], json!({})), &none());
    let query = db.read(&config(&db, json!({"tables": ["t"]})), &none());
    let select = json!({"query": "SELECT * FROM t", "stream": "public.t", "key": ["id"]});
    let select = db.read(&config(&db, select), &none());
    assert_eq!(query.rows.len(), 1);
    assert_eq!(query.rows[0]["data"], cdc.rows[0]["data"]);
    assert_eq!(select.rows[0]["data"], cdc.rows[0]["data"]);
    assert_eq!(query.schema("public.t"), cdc.schema("public.t"));
    // What a SELECT gives may be null for all that is known.
    let mut schema = cdc.schema("public.t").clone();
    schema["fields"][0]["nullable"] = select.schema("public.t")["fields"][0]["nullable"].clone();
    assert_eq!(select.schema("public.t"), &schema);
}
