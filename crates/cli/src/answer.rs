//! What a command answers: a text for people and a document for programs.

use serde::Serialize;

use crate::exit::Exit;

/// The version of every JSON document: grows when a field changes its meaning or goes away.
pub(crate) const VERSION: u32 = 1;

/// A command's result. One of the two forms is printed.
#[derive(Debug)]
pub(crate) struct Answer {
    /// For people; no newline at the end. Empty: nothing is printed.
    pub(crate) text: String,
    /// For `--json`: an object. `None`: the command has printed its lines already.
    pub(crate) json: Option<String>,
    pub(crate) exit: Exit,
}

impl Answer {
    /// `document` must serialise as an object. Raw JSON in it stays as it is, byte for byte.
    pub(crate) fn new(text: impl Into<String>, document: impl Serialize) -> Self {
        let json = serde_json::to_string(&document).unwrap_or_else(|_| "{}".to_owned());
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

/// The document as it is printed: version and command before the fields of `object`.
pub(crate) fn document(command: &str, object: &str) -> String {
    let fields = object.strip_prefix('{').unwrap_or("}");
    let comma = if fields == "}" { "" } else { "," };
    format!("{{\"v\":{VERSION},\"command\":\"{command}\"{comma}{fields}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_begins_with_its_version_and_command_and_keeps_raw_json_as_it_is() {
        assert_eq!(document("list", "{}"), r#"{"v":1,"command":"list"}"#);
        let raw = serde_json::value::RawValue::from_string("2.50".into()).unwrap();
        let answer = Answer::new("", std::collections::BTreeMap::from([("n", raw)]));
        let json = answer.json.unwrap();
        assert_eq!(document("x y", &json), r#"{"v":1,"command":"x y","n":2.50}"#);
    }
}
