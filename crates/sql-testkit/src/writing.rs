//! What stands in the tables afterwards, mode by mode.

use dstream_testkit::serde_json::{Value, json};

use crate::{TestDatabase, commit, error_of, finish, row, schema, send};

fn none() -> Value {
    json!({})
}

/// Whatever a text holds.
pub fn rows_are_appended_few_and_many<D: TestDatabase>() {
    let db = D::new();
    let (mut host, _) = db.start(&none());
    schema(&mut host);
    let odd = "tab\t, back\\slash, new\nline, \u{7f}, é, \\N, \"quote\", it's";
    row(&mut host, "insert", &json!({"id": 0, "a": odd, "b": null}), &none());
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 1);
    for id in 1..=1000 {
        row(&mut host, "read", &json!({"id": id, "a": odd, "b": "\\N"}), &none());
    }
    assert_eq!(commit(&mut host, 2)["@committed"]["written"], 1000);
    finish(host);
    let sql = "SELECT count(*), count(DISTINCT a), count(b), min(b) FROM s";
    assert_eq!(db.sql(sql), "1001|1|1000|\\N");
    let same = format!("SELECT count(*) FROM s WHERE a = {}", db.literal(odd));
    assert_eq!(db.sql(&same), "1001");
}

/// Alone and in a batch with others.
pub fn updates_follow_a_changed_key_and_leave_unsent_columns_alone<D: TestDatabase>() {
    let db = D::new();
    let config = json!({"mode": "upsert", "key": ["id"]});
    let (mut host, _) = db.start(&config);
    row(&mut host, "insert", &json!({"id": 1, "a": "x", "b": "big"}), &none());
    commit(&mut host, 1);
    let unchanged = json!({"unchanged": ["b"]});
    row(&mut host, "update", &json!({"id": 1, "a": "y"}), &unchanged);
    commit(&mut host, 2);
    assert_eq!(db.sql("SELECT id, a, b FROM s"), "1|y|big");
    let moved = json!({"unchanged": ["b"], "key": {"id": 1}});
    row(&mut host, "update", &json!({"id": 2, "a": "z"}), &moved);
    row(&mut host, "insert", &json!({"id": 3, "a": "c", "b": null}), &none());
    row(&mut host, "delete", &json!({"id": 3}), &json!({"key": {"id": 3}}));
    row(&mut host, "insert", &json!({"id": 4, "a": "late", "c": {"new": true}}), &none());
    row(&mut host, "update", &json!({"id": 5, "a": "not there"}), &unchanged);
    assert_eq!(commit(&mut host, 3)["@committed"]["written"], 5);
    let all = db.sql("SELECT id, a, b, c FROM s ORDER BY id");
    assert_eq!(all, "2|z|big|\n4|late||{\"new\":true}\n5|not there||");
    row(&mut host, "truncate", &none(), &none());
    row(&mut host, "insert", &json!({"id": 9, "a": "after"}), &none());
    commit(&mut host, 4);
    finish(host);
    assert_eq!(db.sql("SELECT id, a FROM s"), "9|after");
}

/// The row is found, not made once more: that would lack a value for b.
pub fn an_update_that_changes_nothing_finds_its_row<D: TestDatabase>() {
    let db = D::new();
    db.sql(
        "CREATE TABLE s (id int PRIMARY KEY, a varchar(9), b varchar(9) NOT NULL); \
         INSERT INTO s VALUES (1, '7', '9')",
    );
    let (mut host, _) = db.start(&json!({"mode": "upsert"}));
    schema(&mut host);
    row(&mut host, "update", &json!({"id": 1, "a": "7"}), &json!({"unchanged": ["b"]}));
    assert_eq!(commit(&mut host, 1)["@committed"], json!({"id": 1, "written": 1}));
    finish(host);
    assert_eq!(db.sql("SELECT id, a, b FROM s"), "1|7|9");
}

/// Also of a row that was made in the same batch, and of all of them.
pub fn a_soft_delete_keeps_the_row_and_says_since_when_it_is_gone<D: TestDatabase>() {
    let db = D::new();
    let config = json!({"mode": "upsert", "delete": "soft"});
    let (mut host, _) = db.start(&config);
    schema(&mut host);
    for id in 1..=4 {
        row(&mut host, "insert", &json!({"id": id, "a": "x"}), &none());
    }
    commit(&mut host, 1);
    let at = json!({"ts": "2026-03-01T12:00:00Z", "key": {"id": 1}});
    row(&mut host, "delete", &json!({"id": 1}), &at);
    row(&mut host, "delete", &json!({"id": 2}), &json!({"key": {"id": 2}}));
    row(&mut host, "insert", &json!({"id": 2, "a": "again"}), &none());
    row(&mut host, "update", &json!({"id": 7, "a": "moved"}), &json!({"key": {"id": 4}}));
    // Made and gone in one batch.
    row(&mut host, "insert", &json!({"id": 8, "a": "short"}), &none());
    row(&mut host, "delete", &json!({"id": 8}), &json!({"ts": "2026-03-01T13:00:00Z"}));
    assert_eq!(commit(&mut host, 2)["@committed"]["written"], 6);
    let moment = db.moment("_deleted_at");
    let sql = format!("SELECT id, a, {moment} FROM s ORDER BY id");
    let expected = "1|x|2026-03-01 12:00:00\n2|again|\n3|x|\n7|moved|\n8|short|2026-03-01 13:00:00";
    assert_eq!(db.sql(&sql), expected);
    row(&mut host, "truncate", &Value::Null, &json!({"ts": "2026-04-01T00:00:00Z"}));
    commit(&mut host, 3);
    finish(host);
    let sql = format!("SELECT id FROM s WHERE {moment} = '2026-04-01 00:00:00' ORDER BY id");
    assert_eq!(db.sql(&sql), "2\n3\n7");
    let sql = format!("SELECT id FROM s WHERE {moment} < '2026-03-02' ORDER BY id");
    assert_eq!(db.sql(&sql), "1\n8");
}

/// `delete = "ignore"`.
pub fn deletes_can_be_ignored<D: TestDatabase>() {
    let db = D::new();
    let (mut host, _) = db.start(&json!({"mode": "upsert", "delete": "ignore"}));
    schema(&mut host);
    row(&mut host, "insert", &json!({"id": 1, "a": "x"}), &none());
    row(&mut host, "delete", &json!({"id": 1}), &none());
    row(&mut host, "truncate", &Value::Null, &none());
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 3);
    finish(host);
    assert_eq!(db.sql("SELECT id, a FROM s"), "1|x");
}

/// `mode = "history"`.
pub fn the_history_has_every_change_with_what_happened<D: TestDatabase>() {
    let db = D::new();
    let (mut host, _) = db.start(&json!({"mode": "history"}));
    schema(&mut host);
    let about = |tx: u64| json!({"ts": "2026-03-01T12:00:00Z", "position": "0/1", "tx": tx});
    row(&mut host, "insert", &json!({"id": 1, "a": "x"}), &about(6));
    row(&mut host, "update", &json!({"id": 1, "a": "y"}), &about(7));
    row(&mut host, "delete", &json!({"id": 1}), &about(8));
    row(&mut host, "truncate", &Value::Null, &about(9));
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 4);
    finish(host);
    let moment = db.moment("_ts");
    let sql = format!("SELECT id, a, _op, _position, _tx, {moment} FROM s ORDER BY _tx");
    let at = "2026-03-01 12:00:00";
    let expected = format!(
        "1|x|insert|0/1|6|{at}\n1|y|update|0/1|7|{at}\n1||delete|0/1|8|{at}\n||truncate|0/1|9|{at}"
    );
    assert_eq!(db.sql(&sql), expected);
}

/// `evolve`, and `create = false`.
pub fn a_late_column_is_added_refused_or_left_out_as_the_task_says<D: TestDatabase>() {
    for (evolve, columns) in [("add", ["a", "b"].as_slice()), ("ignore", &["a"])] {
        let db = D::new();
        let (mut host, _) = db.start(&json!({"evolve": evolve}));
        row(&mut host, "insert", &json!({"a": 1}), &none());
        row(&mut host, "insert", &json!({"a": 2, "b": 2}), &none());
        row(&mut host, "insert", &json!({"a": 3}), &none());
        assert_eq!(commit(&mut host, 1)["@committed"]["written"], 3);
        finish(host);
        assert_eq!(db.columns("s"), columns);
        assert_eq!(db.sql("SELECT a FROM s ORDER BY a"), "1\n2\n3");
    }
    let db = D::new();
    let (mut host, _) = db.start(&json!({"evolve": "fail"}));
    row(&mut host, "insert", &json!({"a": 1}), &none());
    row(&mut host, "insert", &json!({"a": 2, "b": 2}), &none());
    let error = error_of(&commit(&mut host, 1));
    assert!(error.contains("lacks b"), "{error}");
    let (mut host, _) = db.start(&json!({"create": false, "table": "t"}));
    row(&mut host, "insert", &json!({"a": 1}), &none());
    let error = commit(&mut host, 1);
    let message = error_of(&error);
    let statement = format!("CREATE TABLE {} (\n  {}", db.quoted(&db.table("t")), db.quoted("a"));
    assert!(message.contains(&statement), "{message}");
    assert_eq!(error["@error"]["path"], "create");
}

/// Also a zero, for which a database may make up a value.
pub fn generated_columns_are_left_out_and_identities_are_kept<D: TestDatabase>() {
    let db = D::new();
    db.sql(D::GENERATED);
    for mode in ["append", "upsert"] {
        db.sql("DELETE FROM s");
        let (mut host, _) = db.start(&json!({"mode": mode, "key": ["id"]}));
        for id in 0..90 {
            row(&mut host, "insert", &json!({"id": id, "a": id, "n": 1}), &none());
        }
        assert_eq!(commit(&mut host, 1)["@committed"]["written"], 90, "{mode}");
        finish(host);
        assert_eq!(db.sql("SELECT count(*), min(id), max(n), sum(n - 2 - id) FROM s"), "90|0|91|0");
    }
}

/// A batch does not keep the order of tables and of rows; where that matters, it is taken apart.
pub fn constraints_between_rows_and_tables_hold_in_the_order_of_the_changes<D: TestDatabase>() {
    let db = D::new();
    db.sql(
        "CREATE TABLE parent (id int PRIMARY KEY, place int UNIQUE); \
         CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent (id)); \
         INSERT INTO parent VALUES (1, 1), (2, 2); INSERT INTO child VALUES (1, 1)",
    );
    let (mut host, _) = db.start(&json!({"mode": "upsert", "key": ["id"]}));
    let mut say = |stream: &str, op: &str, data: Value| send(&mut host, stream, op, &data, &none());
    say("parent", "insert", json!({"id": 3, "place": 3}));
    say("child", "insert", json!({"id": 3, "parent": 3}));
    say("child", "delete", json!({"id": 1}));
    say("parent", "delete", json!({"id": 1}));
    // Two rows change places, by way of a third.
    say("parent", "update", json!({"id": 2, "place": 9}));
    say("parent", "update", json!({"id": 3, "place": 2}));
    say("parent", "update", json!({"id": 2, "place": 3}));
    let committed = commit(&mut host, 1);
    assert_eq!(committed["@committed"], json!({"id": 1, "written": 7}));
    finish(host);
    assert_eq!(db.sql("SELECT * FROM parent ORDER BY id"), "2|3\n3|2");
    assert_eq!(db.sql("SELECT * FROM child"), "3|3");
}

/// With a column that cannot be null in the source, which the rows that are there have not.
pub fn a_schema_that_changes_in_the_middle_of_a_batch_widens_the_table<D: TestDatabase>() {
    let db = D::new();
    let (mut host, _) = db.start(&json!({"mode": "upsert"}));
    schema(&mut host);
    row(&mut host, "insert", &json!({"id": 1, "a": "x"}), &none());
    let wider = json!({"@schema": {"stream": "s", "key": ["id"], "fields": [
        {"name": "id", "type": "int64"}, {"name": "a", "type": "string"},
        {"name": "b", "type": "string"}, {"name": "n", "type": "int32", "nullable": false}]}});
    host.send_json(&wider).unwrap();
    row(&mut host, "insert", &json!({"id": 2, "a": "y", "n": 2}), &none());
    row(&mut host, "delete", &json!({"id": 1}), &none());
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 3);
    finish(host);
    assert_eq!(db.sql("SELECT id, n FROM s"), "2|2");
    let int32 = D::types().into_iter().find(|(kind, ..)| *kind == "int32").unwrap().1;
    assert_eq!(db.column_type("s", "n"), int32);
}

/// Left out, a soft delete would be a hard one, and the history would not say what happened.
pub fn a_table_without_the_columns_of_its_mode_is_refused_not_written_by_half<D: TestDatabase>() {
    for (config, column) in [
        (json!({"mode": "upsert", "key": ["id"], "delete": "soft"}), "_deleted_at"),
        (json!({"mode": "history"}), "_op"),
    ] {
        let db = D::new();
        db.sql("CREATE TABLE s (id bigint PRIMARY KEY, a varchar(99))");
        let mut config = config;
        config["evolve"] = json!("ignore");
        let (mut host, _) = db.start(&config);
        row(&mut host, "insert", &json!({"id": 1, "a": "x"}), &none());
        let error = error_of(&commit(&mut host, 1));
        assert!(error.contains(&format!("no column `{column}`")), "{error}");
    }
}

/// In the schema, rows, keys and what comes later.
pub fn columns_have_the_names_that_the_task_gives_them<D: TestDatabase>() {
    let db = D::new();
    let columns = json!({"id": "the id", "a": "select", "late": "c"});
    let config = json!({"mode": "upsert", "columns": columns});
    let (mut host, _) = db.start(&config);
    let schema = json!({"@schema": {"stream": "s", "key": ["id"], "fields": [
        {"name": "id", "type": "int64"}, {"name": "a", "type": "string"},
        {"name": "b", "type": "string"}, {"name": "late", "type": "int32"}]}});
    host.send_json(&schema).unwrap();
    row(&mut host, "insert", &json!({"id": 1, "a": "x", "b": "big"}), &none());
    row(&mut host, "insert", &json!({"id": 3, "a": "z"}), &none());
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 2);
    assert_eq!(db.columns("s"), ["the id", "select", "b", "c"]);
    let moved = json!({"unchanged": ["a", "b"], "key": {"id": 1}});
    row(&mut host, "update", &json!({"id": 2, "late": 7}), &moved);
    row(&mut host, "delete", &none(), &json!({"key": {"id": 3}}));
    // A column that no schema has named.
    row(&mut host, "insert", &json!({"id": 4, "new": 1}), &none());
    assert_eq!(commit(&mut host, 2)["@committed"]["written"], 3);
    finish(host);
    let names = ["the id", "select", "b", "c", "new"];
    assert_eq!(db.columns("s"), names);
    let names: Vec<_> = names.iter().map(|name| db.quoted(name)).collect();
    let sql = format!("SELECT {} FROM s ORDER BY {}", names.join(", "), names[0]);
    assert_eq!(db.sql(&sql), "2|x|big|7|\n4||||1");
    for (columns, words) in [
        (json!({"ida": "x"}), "renames `ida`, which the stream `s` does not have: it has id, a, b"),
        (json!({"a": "b"}), "`a` and `b` would both be the column `b`"),
        (json!({"a": ""}), "gives `a` no name"),
    ] {
        let (mut host, mut answer) = db.begin(&json!({"table": "other", "columns": columns}));
        if answer["status"] == "ready" {
            crate::schema(&mut host);
            row(&mut host, "insert", &json!({"id": 1}), &none());
            answer = commit(&mut host, 1)["@error"].clone();
        }
        assert_eq!(answer["path"], "columns", "{answer}");
        assert!(answer["message"].as_str().unwrap().contains(words), "{answer}");
    }
}
