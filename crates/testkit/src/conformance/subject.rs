//! The provider under test.

use std::path::Path;

use dstream_protocol::Role;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::failure::{Failure, Result, ensure};
use crate::host::FakeHost;

/// A provider, a config that works, and a folder of its own for this test.
#[derive(Debug)]
pub struct Subject {
    program: String,
    role: Role,
    config: Value,
    ignored: Vec<String>,
    _folder: TempDir,
}

impl Subject {
    /// `config` gets the folder, for a provider that reads or writes files.
    ///
    /// # Errors
    /// Where the folder cannot be made.
    pub fn new(program: &str, role: Role, config: impl FnOnce(&Path) -> Value) -> Result<Self> {
        let folder = TempDir::new()?;
        let config = config(folder.path());
        Ok(Self { program: program.into(), role, config, ignored: Vec::new(), _folder: folder })
    }

    /// JSON pointers into an envelope (`/data/timestamp`) whose values differ from run to run.
    pub fn ignoring(mut self, pointers: &[&str]) -> Self {
        self.ignored = pointers.iter().map(|&pointer| pointer.to_owned()).collect();
        self
    }

    /// The program's path.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// The role that it is tested in.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The config that works.
    pub fn config(&self) -> &Value {
        &self.config
    }

    /// The `run` command, with other fields replaced or added.
    pub fn command(&self, more: &Value) -> Value {
        let mut command = json!({
            "protocol": 2, "command": "run", "role": self.role, "task": "conformance",
            "task_id": "5e0a1c0e-6f0f-4d57-9f43-0f6f2f4f9b11", "name": self.role,
            "config": self.config, "dead_letter": true,
        });
        if self.role == Role::Output {
            command["inputs"] = json!(["input"]);
            command["commit_within_ms"] = json!(500);
        }
        for (key, value) in more.as_object().into_iter().flatten() {
            command[key] = value.clone();
        }
        command
    }

    /// Starts it with [`command`](Self::command); does not wait for its first line.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn begin(&self, more: &Value) -> Result<FakeHost> {
        let mut host = FakeHost::start(&self.program)?;
        host.send_json(&self.command(more))?;
        Ok(host)
    }

    /// Starts it and wants it ready.
    ///
    /// # Errors
    /// Where it is not.
    pub fn ready(&self, more: &Value) -> Result<FakeHost> {
        let mut host = self.begin(more)?;
        let first = host.json()?;
        ensure!(
            first["status"] == "ready" && first["protocol"] == 2,
            "{}",
            host.failure(format!("the first line should be ready, and is {first}"))
        );
        Ok(host)
    }

    /// The envelope without what differs from run to run.
    pub(super) fn comparable(&self, line: &str) -> Result<Value> {
        let mut value: Value = serde_json::from_str(line)
            .map_err(|e| Failure(format!("a data line is no JSON: {e}: {line}")))?;
        for pointer in &self.ignored {
            if let Some(ignored) = value.pointer_mut(pointer) {
                *ignored = Value::Null;
            }
        }
        Ok(value)
    }
}
