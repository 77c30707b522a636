//! The database under test.

use dstream_testkit::FakeHost;
use dstream_testkit::serde_json::{self, Value, json};

use crate::types::{Case, Native};

/// A database for one test, empty, and the program that writes it.
pub trait TestDatabase: Sized {
    /// The program: `env!("CARGO_BIN_EXE_dstream-out-…")`.
    const PROGRAM: &'static str;

    /// Whose type names `source_type` may hold.
    const SYSTEM: &'static str;

    /// How the program writes a name of a table in a statement, and what tables the reports name.
    const QUOTE: char;

    /// A new one. A server is started with the first.
    fn new() -> Self;

    /// The settings that say where it is.
    fn place(&self) -> Value;

    /// Runs statements; of the last answer the values as text with `|` between them, rows with
    /// newlines, null as nothing.
    fn sql(&self, sql: &str) -> String;

    /// A table of the task, as reports name it; quoted by [`quoted`](Self::quoted).
    fn table(&self, name: &str) -> String;

    /// A table of the bookkeeping, as reports name it and as a statement may.
    fn book(&self, name: &str) -> String;

    /// All its tables, those of the bookkeeping too, in order.
    fn tables(&self) -> Vec<String>;

    /// The type of a column of a table, as the catalog says it.
    fn column_type(&self, table: &str, column: &str) -> String;

    /// The names of a table's columns.
    fn columns(&self, table: &str) -> Vec<String>;

    /// A text in a statement.
    fn literal(&self, text: &str) -> String {
        format!("'{}'", text.replace('\'', "''"))
    }

    /// A column of moments as `2026-03-01 12:00:00`, in UTC.
    fn moment(&self, column: &str) -> String;

    /// The rows of a table as objects; none where there is no table.
    fn objects(&self, table: &str, columns: &[&str]) -> Vec<Value>;

    /// Types of a stream, the types of their columns, values and how the database shows them.
    fn types() -> Vec<Case>;

    /// The same by `source_type`, from such a database.
    fn native() -> Vec<Native> {
        Vec::new()
    }

    /// What has to be there for those.
    fn prepare_native(&self) {}

    /// A column of this type as the text that [`types`](Self::types) and [`native`](Self::native) give.
    fn shown(column: &str, kind: &str) -> String;

    /// A table `s` with id, n below 5 and t of three characters; rows that it refuses, and words
    /// of what is said about each.
    fn refusing() -> (&'static str, Vec<(Value, &'static str)>);

    /// A table `s` whose id may be the database's own, with a, and n, which is a + 2 and which it
    /// makes itself.
    const GENERATED: &'static str;

    /// A table `s` with id and a, without a unique index on id alone; and how the statement ends
    /// that helps.
    const NOT_UNIQUE: (&'static str, &'static str);

    /// Settings of its own that are wrong: the setting that is named, and words of what is said.
    fn wrong(&self) -> Vec<(Value, &'static str, &'static str)>;

    /// The statements by which the first version made the bookkeeping's tables, in the order
    /// checkpoints, rejected, tables.
    fn first_version(&self) -> [String; 3];

    /// Makes the schema that they are in, where there is one.
    fn make_schema(&self) {}

    /// What the statement begins with that makes a table of the bookkeeping, given its quoted name.
    fn create_missing(&self, table: &str) -> String {
        format!("CREATE TABLE IF NOT EXISTS {table}")
    }

    /// A table's name, as the program quotes it.
    fn quoted(&self, table: &str) -> String {
        let quote = Self::QUOTE;
        table.split('.').map(|part| format!("{quote}{part}{quote}")).collect::<Vec<_>>().join(".")
    }

    /// The whole config.
    fn config(&self, more: &Value) -> Value {
        let mut config = self.place();
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        config
    }

    /// The command line of an operation.
    fn command(&self, operation: &str, config: &Value) -> Value {
        json!({
            "protocol": 2, "command": operation, "role": "output", "task": "t", "task_id": "u-1",
            "name": "out", "inputs": ["in"], "dead_letter": true, "commit_within_ms": 200,
            "config": self.config(config),
        })
    }

    /// Starts a run; its first line, whatever it says.
    fn begin(&self, config: &Value) -> (FakeHost, Value) {
        let mut host = FakeHost::start(Self::PROGRAM).unwrap();
        host.send_json(&self.command("run", config)).unwrap();
        let said = host.json().unwrap();
        (host, said)
    }

    /// Starts a run that is ready; its ready line.
    fn start(&self, config: &Value) -> (FakeHost, Value) {
        let (host, ready) = self.begin(config);
        assert_eq!(ready["status"], "ready", "{ready}");
        (host, ready)
    }

    /// The answer of an operation beside `run`.
    fn ask(&self, operation: &str, config: &Value) -> Value {
        self.ask_about(operation, config, &json!([]))
    }

    /// The same, where these streams are known to come.
    fn ask_about(&self, operation: &str, config: &Value, streams: &Value) -> Value {
        let mut command = self.command(operation, config);
        command["streams"] = streams.clone();
        let mut host = FakeHost::start(Self::PROGRAM).unwrap();
        host.send_json(&command).unwrap();
        host.close();
        let said = host.rest().unwrap();
        serde_json::from_str(said.first().expect("an answer")).unwrap()
    }
}

/// One that is a server, with users, schemas and other sessions.
pub trait TestServer: TestDatabase {
    /// A query that answers 1 while a run has a transaction open that has written rows.
    const OPEN_TRANSACTION: &'static str;

    /// A name that is too long for a column, and words of what is said.
    fn too_long() -> (String, &'static str);

    /// Ends the program's connections.
    fn disconnect(&self);

    /// The settings of somebody whom the server does not know.
    fn stranger(&self) -> Value {
        json!({"user": "nobody"})
    }

    /// How the bookkeeping's schema is made, in `plan`.
    fn make_books(&self) -> String;

    /// Whether that schema is there.
    fn has_books(&self) -> bool;
}
