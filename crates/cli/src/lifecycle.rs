//! Calls providers for everything but `run`.

use std::time::Duration;

use dstream_engine::lifecycle::{LifecycleAnswer, LifecycleRequest, call};
use dstream_engine::mask::Mask;
use dstream_engine::state::StateStore as _;
use dstream_engine::{Failure, Protocol};
use dstream_protocol::{Capability, LifecycleReport, Operation, Role, StreamSchema};
use dstream_task::Task;
use dstream_task::secret::MASK;
use serde_json::{Value, json};

use crate::context::Context;
use crate::project::Project;
use crate::report::format::short;
use crate::report::log;
use crate::resolve::{Provider, Resolved};

/// How long one call may take: making an index on a large table takes its time.
const TIMEOUT: Duration = Duration::from_secs(600);

/// The action of a resource that cannot be made as the task has it.
const REFUSED: &str = "refused";

/// How much of a resource's detail is shown; `--json` has all of it.
const MAX_DETAIL: usize = 160;

/// What the calls for one task share.
pub(crate) struct Asking<'a> {
    pub(crate) context: &'a Context,
    pub(crate) project: &'a Project,
    pub(crate) task: &'a Task,
    pub(crate) task_id: &'a str,
}

impl Asking<'_> {
    /// Calls one provider, for people: secrets are masked. `streams`: what is known to come, for an
    /// output's `plan` and `init`.
    pub(crate) async fn ask(
        &self,
        provider: &Provider,
        operation: Operation,
        streams: &[StreamSchema],
    ) -> Result<LifecycleAnswer, Failure> {
        let answer = self.ask_plainly(provider, operation, streams).await;
        answer.map(|answer| masked(answer, &Mask::new(&self.project.loaded.secrets)))
    }

    /// The same, for another provider: a column's name may look like a secret.
    pub(crate) async fn ask_plainly(
        &self,
        provider: &Provider,
        operation: Operation,
        streams: &[StreamSchema],
    ) -> Result<LifecycleAnswer, Failure> {
        let Self { context, project, task, task_id } = *self;
        // A state that cannot be read has ended the command before.
        let saved = project.state().read(&task.name).ok().flatten();
        let name = &provider.member.block.name;
        let checkpoint = match provider.member.role {
            Role::Input => {
                saved.and_then(|mut state| state.inputs.remove(name)).map(|i| i.checkpoint)
            }
            _ => None,
        };
        call(LifecycleRequest {
            task: &task.name,
            task_id,
            inputs: task.inputs.iter().map(|b| b.name.clone()).collect(),
            checkpoint: checkpoint.unwrap_or_default(),
            streams,
            member: &provider.member,
            operation,
            secrets: &project.loaded.secrets,
            folder: &project.folder,
            environment: &context.environment,
            timeout: TIMEOUT,
            events: std::sync::Arc::new(log::event),
        })
        .await
    }
}

/// A careless provider may answer with its own config.
fn masked(mut answer: LifecycleAnswer, mask: &Mask) -> LifecycleAnswer {
    let text = serde_json::to_string(&answer.report).map(|t| mask.apply(&t)).unwrap_or_default();
    // Where a number was a secret, what is left is no JSON, and nothing of it is shown.
    answer.report = serde_json::from_str(&text).unwrap_or_else(|_| LifecycleReport {
        status: answer.report.status,
        message: Some(MASK.to_owned()),
        ..LifecycleReport::default()
    });
    answer
}

/// The providers that take part in init, plan, status and destroy: of version 2 those that declare
/// infrastructure, of version 1 only outputs. Outputs first: what a source keeps for its reader
/// (a slot) should not wait for its destination.
pub(crate) fn builders(resolved: &Resolved) -> Vec<&Provider> {
    let takes_part = |p: &&Provider| match p.member.program.protocol {
        Protocol::V1 => p.member.role == Role::Output,
        Protocol::V2 => p.can(Capability::Infrastructure),
    };
    resolved.providers.iter().filter(takes_part).rev().collect()
}

/// What a provider answered, for people.
pub(crate) fn describe(answer: &LifecycleAnswer) -> Vec<String> {
    let mut lines = answer.output.clone();
    lines.extend(answer.report.message.clone());
    lines.extend(answer.report.resources.iter().map(resource));
    for (key, value) in &answer.report.metadata {
        lines.push(format!("{key}: {}", plain(value)));
    }
    lines
}

/// A resource in one line: sign, kind, name, action, detail; a detail of several lines (a statement),
/// and why something is refused, stand whole below it. One of another shape is shown as it is.
pub(crate) fn resource(value: &Value) -> String {
    let field = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let name = if field("name").is_empty() { field("id") } else { field("name") };
    if field("type").is_empty() || name.is_empty() {
        return format!("  {}", plain(value));
    }
    let sign = match field("action") {
        "create" | "created" => '+',
        "update" | "updated" => '~',
        "delete" | "deleted" | "remove" | "removed" => '-',
        REFUSED => '!',
        _ => ' ',
    };
    let mut line = format!("{sign} {} {name}", field("type"));
    let action = if field("action") == "none" { "no change" } else { field("action") };
    let (detail, statement) = match field("detail") {
        text if text.contains('\n') || action == REFUSED => ("", text),
        text => (text, ""),
    };
    for extra in [action, detail].iter().filter(|e| !e.is_empty()) {
        line.push_str(&format!("  {}", short(extra, MAX_DETAIL)));
    }
    for part in statement.lines() {
        line.push_str(&format!("\n        {part}"));
    }
    line
}

/// Whether a report says that something cannot be made as the task has it.
pub(crate) fn refuses(report: &LifecycleReport) -> bool {
    report.resources.iter().any(|resource| resource["action"] == REFUSED)
}

/// A report as it stands in JSON documents.
pub(crate) fn report_json(provider: &Provider, report: &LifecycleReport) -> Value {
    json!({
        "provider": provider.member.block.name,
        "role": provider.member.role,
        "report": report,
    })
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_shown_whole_and_a_long_detail_cut_short() {
        let table = json!({"type": "table", "name": "t", "action": "create", "detail": "CREATE TABLE t (\n  a text\n)"});
        assert_eq!(
            resource(&table),
            "+ table t  create\n        CREATE TABLE t (\n          a text\n        )"
        );
        let file =
            json!({"type": "file", "name": "f", "action": "exists", "detail": "x".repeat(999)});
        assert_eq!(resource(&file).chars().count(), "  file f  exists  ".len() + MAX_DETAIL);
        let why = "x".repeat(999);
        let refused = json!({"type": "table", "name": "t", "action": "refused", "detail": why});
        assert_eq!(resource(&refused), format!("! table t  refused\n        {why}"));
    }
}
