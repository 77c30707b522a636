//! What a command answers: a text for people and a document for programs.

use serde_json::{Map, Value};

use crate::exit::Exit;

/// The version of every JSON document: grows when a field changes its meaning or goes away.
pub(crate) const VERSION: u32 = 1;

/// A command's result. One of the two forms is printed.
#[derive(Debug)]
pub(crate) struct Answer {
    /// For people; no newline at the end. Empty: nothing is printed.
    pub(crate) text: String,
    /// For `--json`; `None`: the command has printed its lines already.
    pub(crate) json: Option<Map<String, Value>>,
    pub(crate) exit: Exit,
}

impl Answer {
    /// `document` must be an object.
    pub(crate) fn new(text: impl Into<String>, document: Value) -> Self {
        let json = match document {
            Value::Object(map) => map,
            other => Map::from_iter([("value".to_owned(), other)]),
        };
        Self { text: text.into(), json: Some(json), exit: Exit::Done }
    }

    /// Everything is printed already.
    pub(crate) fn printed(exit: Exit) -> Self {
        Self { text: String::new(), json: None, exit }
    }

    pub(crate) fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

/// The document as it is printed: version and command first.
pub(crate) fn document(command: &str, fields: Map<String, Value>) -> String {
    #[derive(serde::Serialize)]
    struct Document<'a> {
        v: u32,
        command: &'a str,
        #[serde(flatten)]
        fields: Map<String, Value>,
    }
    serde_json::to_string(&Document { v: VERSION, command, fields }).unwrap_or_default()
}
