//! `dstream plan`: what `init` would make, and what the task promises.

use clap::Args;
use dstream_engine::guarantee;
use dstream_engine::state::StateStore;
use dstream_protocol::Operation;
use serde_json::{Value, json};

use super::validate::unkept;
use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::{Context, value};
use crate::diagnostics::to_json;
use crate::downloads;
use crate::exit::Exit;
use crate::lifecycle::{Asking, builders, describe, refuses, report_json};
use crate::problem::{Problem, Result};
use crate::project::{self, Project};
use crate::resolve::{Resolved, resolve};
use crate::streams::{self, Streams, Unknown, takes_streams};
use crate::table::{Table, bold};

/// Show what `init TASK` would make, and what every route of the task promises.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream plan orders\n  dstream plan orders --json | jq '.routes'"
)]
pub(crate) struct Plan {
    /// The task.
    task: String,
    #[command(flatten)]
    vars: Vars,
}

pub(crate) async fn run(context: &Context, args: &Plan) -> Result<Answer> {
    let project = Project::load(context, &args.vars, project::one(&args.task))?;
    let task = project.task(&args.task)?;
    let downloads = downloads::find(&project, task).await?;
    if !downloads.is_empty() {
        return Ok(downloads::answer(context, task, &downloads));
    }
    let resolved = resolve(context, &project, task).await;
    let route = resolved.route(&project)?;
    let color = context.screen.color_out;

    let routes = guarantee::compute(&route);
    let mut table = Table::new(["FROM", "TO", "GUARANTEE", "WHY"]);
    for r in &routes {
        let (from, to) = (r.input.clone(), r.output.clone());
        table.row([from, to, r.guarantee.to_string(), r.reason.clone()]);
    }
    let mut text = format!("{}\n{}", bold("What it promises", color), table.render(color));

    let task_id = project.state().read(&task.name)?.map(|s| s.task_id).unwrap_or_default();
    text.push_str(&format!("\n\n{}", bold("What `init` would make", color)));
    let planned =
        ask_all(&Asking { context, project: &project, task, task_id: &task_id }, &resolved).await;
    planned.lines.iter().for_each(|line| text.push_str(&format!("\n{line}")));

    let refused = unkept(&project, task, &route);
    let document = json!({
        "task": task.name,
        "routes": value(&routes),
        "require": task.require,
        "reports": planned.reports,
        "unknown_streams": value(&planned.unknown),
        "failures": planned.failed.iter().map(|p| p.to_json()).collect::<Vec<_>>(),
        "diagnostics": to_json(&refused, &project.loaded.file),
    });
    let mut exit = planned.exit;
    let mut problems = planned.failed;
    if !refused.is_empty() {
        exit = Exit::Usage;
        problems.push(*Problem::within(Exit::Usage, refused, project.loaded.file.clone()));
    }
    problems.iter().for_each(|p| text.push_str(&format!("\n\n{}", p.render(color))));
    Ok(Answer::new(text, document).exit(exit))
}

/// What the providers answered.
struct Planned {
    lines: Vec<String>,
    reports: Vec<Value>,
    failed: Vec<Problem>,
    unknown: Vec<Unknown>,
    exit: Exit,
}

/// Asks every provider that makes something; where one fails the others are still worth asking.
async fn ask_all(asking: &Asking<'_>, resolved: &Resolved) -> Planned {
    let Streams { known, unknown } = streams::find(asking, resolved).await;
    let (mut lines, mut reports) = (Vec::new(), Vec::new());
    let (mut failed, mut exit) = (Vec::new(), Exit::Done);
    for provider in builders(resolved) {
        lines.push(provider.member.title());
        let streams = if takes_streams(provider) { &known[..] } else { &[] };
        match asking.ask(provider, Operation::Plan, streams).await {
            Ok(answer) => {
                let said = describe(&answer);
                let said = if said.is_empty() { vec!["nothing".to_owned()] } else { said };
                lines.extend(said.into_iter().map(|line| format!("  {line}")));
                if refuses(&answer.report) && exit == Exit::Done {
                    exit = Exit::Failed;
                }
                reports.push(report_json(provider, &answer.report));
            }
            Err(failure) => {
                lines.push(format!("  not known: {}", failure.message));
                let problem = Problem::call(&asking.project.loaded, &asking.task.name, &failure);
                exit = if failed.is_empty() { problem.exit } else { exit };
                failed.push(*problem);
            }
        }
    }
    if lines.is_empty() {
        lines.push("nothing: no provider of this task makes anything".to_owned());
    }
    lines.extend(unknown.iter().map(Unknown::line));
    Planned { lines, reports, failed, unknown, exit }
}
