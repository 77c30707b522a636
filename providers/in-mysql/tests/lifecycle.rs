//! `check`, `discover`, `plan`, `init`, `status`, `destroy`.

// Servers are started by programs of Unix.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{config, database, server};
use dstream_testkit::FakeHost;
use serde_json::{Value, json};

fn ask(command: &str, config: &Value) -> Value {
    let mut host = FakeHost::start(env!("CARGO_BIN_EXE_dstream-in-mysql")).unwrap();
    let command = json!({
        "protocol": 2, "command": command, "role": "input", "task": "test", "name": "input",
        "config": config,
    });
    host.send_json(&command).unwrap();
    host.close();
    host.json().unwrap()
}

#[test]
fn the_server_is_looked_at_and_nothing_is_made_in_it() {
    let db = database("lifecycle");
    server().sql(
        &db,
        "CREATE TABLE t (id int PRIMARY KEY, price decimal(8,2) NOT NULL, e enum('a','b')); \
         CREATE TABLE u (a int NOT NULL UNIQUE, b bit(1), v int AS (a + 1) VIRTUAL)",
    );
    let before = server().sql("", "SHOW MASTER STATUS");
    let config = config(&db, json!({}));
    let check = ask("check", &config);
    let message = check["message"].as_str().unwrap();
    assert!(message.contains("MariaDB") && message.contains("2 tables"), "{check}");
    let streams = ask("discover", &config)["streams"].clone();
    assert_eq!(
        streams[0],
        json!({"stream": format!("{db}.t"), "key": ["id"], "system": "mysql", "fields": [
            {"name": "id", "type": "int32", "nullable": false, "source_type": "int(11)"},
            {"name": "price", "type": "decimal(8,2)", "nullable": false, "source_type": "decimal(8,2)"},
            {"name": "e", "type": "enum", "nullable": true, "source_type": "enum('a','b')"},
        ]})
    );
    assert_eq!(streams[1]["key"], json!(["a"]));
    assert_eq!(streams[1]["fields"].as_array().unwrap().len(), 2, "no virtual column");
    for command in ["plan", "init", "destroy"] {
        let report = ask(command, &config);
        assert_eq!(report["status"], "ok", "{report}");
        assert!(report["message"].as_str().unwrap().contains("nothing is made"), "{report}");
    }
    let status = ask("status", &config);
    assert_eq!(status["resources"][0]["type"], "binary log", "{status}");
    assert_eq!(status["resources"].as_array().unwrap().len(), 3, "{status}");
    assert_eq!(server().sql("", "SHOW MASTER STATUS"), before);
}
