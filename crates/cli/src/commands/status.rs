//! `dstream status`: what is there, and where the task stands.

use clap::Args;
use dstream_engine::mask::Mask;
use dstream_engine::state::{Holder, StateStore, TaskState};
use dstream_protocol::{Json, Operation};
use dstream_registry::Policy;
use serde::Serialize;
use serde_json::Value;

use super::state::{masked, show_lines};
use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::Context;
use crate::exit::Exit;
use crate::lifecycle::{Asking, builders, describe, report_json};
use crate::problem::{Problem, Result};
use crate::project::{self, Project, holder};
use crate::resolve::resolve;
use crate::table::bold;

/// Show what a task's providers report, where the task stands, and who runs it.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream status orders\n  dstream status orders --json | jq '.held_by'"
)]
pub(crate) struct Status {
    /// The task.
    task: String,
    #[command(flatten)]
    vars: Vars,
}

pub(crate) async fn run(context: &Context, args: &Status) -> Result<Answer> {
    let project =
        Project::load(context, &args.vars, project::one(&args.task))?.pulling(Policy::Add);
    let task = project.task(&args.task)?;
    let resolved = resolve(context, &project, task).await;
    resolved.route(&project)?;
    let color = context.screen.color_out;
    let state = project.state().read(&task.name)?;
    let held_by = holder(&project.state().folder(&task.name));

    let mut lines = vec![bold("State", color)];
    let mask = Mask::new(&project.loaded.secrets);
    lines.extend(state_lines(state.as_ref()).iter().map(|l| mask.apply(l)));
    lines.push(match &held_by {
        Some(holder) => format!("  held by {holder}"),
        None => "  held by nobody".to_owned(),
    });
    let task_id = state.as_ref().map(|s| s.task_id.clone()).unwrap_or_default();
    let asking = Asking { context, project: &project, task, task_id: &task_id };
    let mut reports: Vec<Value> = Vec::new();
    let mut failed = Vec::new();
    for provider in builders(&resolved) {
        lines.extend([String::new(), bold(&provider.member.title(), color)]);
        match asking.ask(provider, Operation::Status, &[]).await {
            Ok(answer) => {
                lines.extend(describe(&answer).into_iter().map(|l| format!("  {l}")));
                reports.push(report_json(provider, &answer.report));
            }
            // The others are still worth asking.
            Err(failure) => {
                lines.push(format!("  {}", failure.message));
                failed.push(Problem::call(&project.loaded, &task.name, &failure));
            }
        }
    }
    let document = Document {
        task: &task.name,
        state: state.as_ref().map(|s| masked(s, &mask)),
        held_by,
        reports,
        failures: failed.iter().map(|p| p.to_json()).collect(),
    };
    let exit = if failed.is_empty() { Exit::Done } else { Exit::Failed };
    Ok(Answer::new(lines.join("\n"), document).exit(exit))
}

#[derive(Serialize)]
struct Document<'a> {
    task: &'a str,
    state: Option<Json>,
    held_by: Option<Holder>,
    reports: Vec<Value>,
    failures: Vec<Value>,
}

fn state_lines(state: Option<&TaskState>) -> Vec<String> {
    match state {
        None => vec!["  none: it never ran, or its state was removed".to_owned()],
        Some(state) => show_lines(state).into_iter().map(|l| format!("  {l}")).collect(),
    }
}
