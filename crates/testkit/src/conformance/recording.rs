//! What an input sent.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Subject;
use crate::failure::{Failure, Result, ensure};
use crate::host::FakeHost;

/// One line of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A data line.
    Data(Value),
    /// A checkpoint: its id, and all states so far.
    Checkpoint(u64, BTreeMap<String, Value>),
    /// Another control line.
    Control(Value),
    /// The end.
    End,
}

/// Lines of one run, in order.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// The lines.
    pub items: Vec<Item>,
    states: BTreeMap<String, Value>,
}

impl Recording {
    /// Begins where the states of an earlier run stand.
    pub fn from(states: BTreeMap<String, Value>) -> Self {
        Self { items: Vec::new(), states }
    }

    /// Reads one line; `false` when stdout has ended.
    ///
    /// # Errors
    /// Where none comes in time, or it is no line of an input.
    pub fn take(&mut self, subject: &Subject, host: &mut FakeHost) -> Result<bool> {
        let Some(line) = host.line()? else { return Ok(false) };
        if !line.starts_with(r#"{"@"#) {
            self.items.push(Item::Data(subject.comparable(&line)?));
            return Ok(true);
        }
        let value: Value = serde_json::from_str(&line)?;
        let item = if let Some(checkpoint) = value.get("@checkpoint") {
            let id = checkpoint["id"].as_u64();
            let id = id.ok_or_else(|| Failure(format!("a checkpoint without id: {line}")))?;
            let moved = checkpoint["state"].as_object().cloned().unwrap_or_default();
            self.states.extend(moved);
            Item::Checkpoint(id, self.states.clone())
        } else if value.get("@end").is_some() {
            Item::End
        } else {
            ensure!(
                value.get("@error").is_none(),
                "{}",
                host.failure(format!("it failed: {line}"))
            );
            Item::Control(value)
        };
        self.items.push(item);
        Ok(true)
    }

    /// Reads to `@end`, commits everything, and wants a clean exit.
    ///
    /// # Errors
    /// Where one of these does not come.
    pub fn to_end(mut self, subject: &Subject, host: &mut FakeHost) -> Result<Self> {
        while self.items.last() != Some(&Item::End) {
            let more = self.take(subject, host)?;
            ensure!(more, "{}", host.failure("stdout ended without @end"));
        }
        if let Some(id) = self.last_id() {
            host.send_json(&json!({"@committed": {"id": id}}))?;
        }
        let rest = host.rest()?;
        ensure!(rest.is_empty(), "lines follow @end: {rest:?}");
        host.exits_with(0)?;
        Ok(self)
    }

    /// The data lines.
    pub fn data(&self) -> Vec<&Value> {
        let data = self.items.iter().filter_map(|item| match item {
            Item::Data(value) => Some(value),
            _ => None,
        });
        data.collect()
    }

    /// The newest checkpoint's id.
    pub fn last_id(&self) -> Option<u64> {
        self.checkpoints().last().map(|(_, id, _)| *id)
    }

    /// Each checkpoint: how many data lines stand before it, its id, and all states so far.
    pub fn checkpoints(&self) -> Vec<(usize, u64, BTreeMap<String, Value>)> {
        let mut lines = 0;
        let mut found = Vec::new();
        for item in &self.items {
            match item {
                Item::Data(_) => lines += 1,
                Item::Checkpoint(id, states) => found.push((lines, *id, states.clone())),
                _ => {}
            }
        }
        found
    }
}
