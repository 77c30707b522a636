//! What a test says to the program, and hears.

use dstream_testkit::FakeHost;
use dstream_testkit::serde_json::{self, Value, json};

/// Sends a row of the stream `s`, with more metadata.
pub fn row(host: &mut FakeHost, op: &str, data: &Value, more: &Value) {
    send(host, "s", op, data, more);
}

/// Sends a row of a stream, with more metadata.
pub fn send(host: &mut FakeHost, stream: &str, op: &str, data: &Value, more: &Value) {
    let mut metadata = json!({"stream": stream, "op": op});
    for (key, value) in more.as_object().into_iter().flatten() {
        metadata[key] = value.clone();
    }
    host.send_json(&json!({"data": data, "metadata": metadata})).unwrap();
}

/// Sends the schema of `s`, with key `id` and the columns a and b.
pub fn schema(host: &mut FakeHost) {
    let line = json!({"@schema": {"stream": "s", "key": ["id"], "fields": [
        {"name": "id", "type": "int64", "nullable": false},
        {"name": "a", "type": "string"}, {"name": "b", "type": "string"}]}});
    host.send_json(&line).unwrap();
}

/// Sends a checkpoint.
pub fn checkpoint(host: &mut FakeHost, id: u64, state: &Value) {
    host.send_json(&json!({"@checkpoint": {"id": id, "state": {"": state}}})).unwrap();
}

/// Sends a checkpoint, and gives what is said of it.
pub fn commit(host: &mut FakeHost, id: u64) -> Value {
    checkpoint(host, id, &json!(id));
    let mut line = host.json().unwrap();
    while line.get("@rejected").is_some() || line.get("@progress").is_some() {
        line = host.json().unwrap();
    }
    line
}

/// The message of an `@error`.
pub fn error_of(line: &Value) -> String {
    let message = line["@error"]["message"].as_str();
    message.unwrap_or_else(|| panic!("no error: {line}")).to_owned()
}

/// Ends the stream; what is said until the program has ended well.
pub fn finish(mut host: FakeHost) -> Vec<Value> {
    host.send_json(&json!({"@end": {}})).unwrap();
    host.close();
    let rest = host.rest().unwrap();
    host.exits_with(0).unwrap();
    rest.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}
