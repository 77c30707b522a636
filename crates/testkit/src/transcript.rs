//! A conversation between host and provider as a text file, and its replay.

use std::path::Path;

use serde_json::Value;

use crate::failure::{Failure, Result};
use crate::host::FakeHost;

/// Stands for any string in an expected line.
const ANY: &str = "<any>";

/// One transcript; transcripts/README.md describes the format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// Which reference provider: `input`, `transform` or `output`.
    pub provider: String,
    /// The arguments of its command line.
    pub args: Vec<String>,
    steps: Vec<(usize, Step)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// The host sends this line.
    Host(String),
    /// The provider sends this line, or one that is the same JSON.
    Exact(String),
    /// The provider sends an object that has these fields, and may have others.
    Has(String),
    /// The provider sends this text.
    Text(String),
    /// The host closes the provider's stdin.
    Close,
    /// The host sends SIGTERM.
    Terminate,
    /// stdout ends, and the process exits with this code.
    Exit(i32),
}

impl Transcript {
    /// Reads a file.
    ///
    /// # Errors
    /// Where it cannot be read, or a line is not of the format.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Failure(format!("{}: {e}", path.display())))?;
        Self::parse(&text).map_err(|e| Failure(format!("{}: {e}", path.display())))
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// Where a line is not of the format.
    pub fn parse(text: &str) -> Result<Self> {
        let mut read = Self { provider: String::new(), args: Vec::new(), steps: Vec::new() };
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim_end();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let unknown = || Failure(format!("line {number} is not of the format: {line}"));
            // `host>` alone is a blank line.
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let rest = rest.to_owned();
            let step = match word {
                "provider:" => {
                    read.provider = rest;
                    continue;
                }
                "args:" => {
                    read.args = rest.split(' ').map(str::to_owned).collect();
                    continue;
                }
                "host>" => Step::Host(rest),
                "provider>" => Step::Exact(rest),
                "provider~" => Step::Has(rest),
                "provider|" => Step::Text(rest),
                "host:" if rest == "close" => Step::Close,
                "host:" if rest == "terminate" => Step::Terminate,
                "exit:" => Step::Exit(rest.parse().map_err(|_| unknown())?),
                _ => return Err(unknown()),
            };
            read.steps.push((number, step));
        }
        Ok(read)
    }

    /// The control lines and handshakes that it shows, by name: a test wants every one.
    pub fn messages(&self) -> Vec<String> {
        let lines = self.steps.iter().filter_map(|(_, step)| match step {
            Step::Host(line) => Some(("host", line)),
            Step::Exact(line) | Step::Has(line) => Some(("provider", line)),
            _ => None,
        });
        lines.filter_map(|(who, line)| Some(format!("{who} {}", name_of(line)?))).collect()
    }

    /// Plays the host's part against a provider and compares the provider's.
    ///
    /// # Errors
    /// At the first line that is not as it should be, with its number.
    pub fn replay(&self, program: &str) -> Result {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        let mut host = FakeHost::start_with(program, &args)?;
        for (number, step) in &self.steps {
            play(&mut host, step).map_err(|e| Failure(format!("line {number}: {e}")))?;
        }
        Ok(())
    }
}

fn play(host: &mut FakeHost, step: &Step) -> Result {
    match step {
        Step::Host(line) => host.send(line),
        Step::Close => {
            host.close();
            Ok(())
        }
        #[cfg(unix)]
        Step::Terminate => host.terminate(),
        #[cfg(not(unix))]
        Step::Terminate => Err(Failure::new("there is no SIGTERM here")),
        Step::Exit(code) => {
            let rest = host.rest()?;
            if let Some(line) = rest.first() {
                return Err(host.failure(format!("stdout should end here, and goes on: {line}")));
            }
            host.exits_with(*code)
        }
        Step::Text(text) => {
            let line = host.line()?;
            expect(host, line.as_ref() == Some(text), text, line.as_deref())
        }
        Step::Exact(expected) | Step::Has(expected) => {
            let line = host.line()?;
            let wanted: Value = serde_json::from_str(expected)?;
            let got = line.as_deref().map(serde_json::from_str::<Value>);
            let alike =
                matches!(&got, Some(Ok(got)) if same(&wanted, got, matches!(step, Step::Has(_))));
            expect(host, alike, expected, line.as_deref())
        }
    }
}

fn expect(host: &FakeHost, good: bool, expected: &str, got: Option<&str>) -> Result {
    if good {
        return Ok(());
    }
    let got = got.unwrap_or("the end of stdout");
    Err(host.failure(format!("expected\n  {expected}\nand got\n  {got}")))
}

/// Equal, `<any>` aside; `part`: objects may have more fields than wanted.
fn same(wanted: &Value, got: &Value, part: bool) -> bool {
    match (wanted, got) {
        (Value::String(any), Value::String(_)) if any == ANY => true,
        (Value::Object(wanted), Value::Object(got)) => {
            (part || wanted.len() == got.len())
                && wanted.iter().all(|(k, v)| got.get(k).is_some_and(|g| same(v, g, part)))
        }
        (Value::Array(wanted), Value::Array(got)) => {
            wanted.len() == got.len() && wanted.iter().zip(got).all(|(w, g)| same(w, g, part))
        }
        (wanted, got) => wanted == got,
    }
}

/// `@checkpoint`, `ready`, `error`, `run v1`, `report`, `describe`, `data`.
fn name_of(line: &str) -> Option<String> {
    let value: Value = serde_json::from_str(line).ok()?;
    let object = value.as_object()?;
    if let Some(name) = object.keys().find(|key| key.starts_with('@')) {
        return Some(name.clone());
    }
    if let Some(command) = object.get("command").and_then(Value::as_str) {
        let version = object.get("protocol").and_then(Value::as_u64).unwrap_or(1);
        return Some(format!("{command} v{version}"));
    }
    if object.contains_key("data") {
        return Some("data".into());
    }
    match object.get("status").and_then(Value::as_str) {
        Some("ready") => Some("ready".into()),
        Some("error") if object.contains_key("kind") => Some("error".into()),
        Some(_) => Some("report".into()),
        None => object.contains_key("roles").then(|| "description".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_are_compared_as_json() {
        assert!(same(&json!({"a": "<any>"}), &json!({"a": "x"}), false));
        assert!(!same(&json!({"a": 1}), &json!({"a": 1, "b": 2}), false));
        assert!(same(&json!({"a": 1}), &json!({"a": 1, "b": 2}), true));
        assert!(!same(&json!({"a": 1}), &json!({"a": "1"}), true));
    }

    #[test]
    fn a_line_of_another_form_is_refused_with_its_number() {
        let error = Transcript::parse("provider: input\n\nsays hello\n").unwrap_err();
        assert!(error.to_string().contains("line 3"), "{error}");
    }
}
