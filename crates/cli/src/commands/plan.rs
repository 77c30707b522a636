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
use crate::exit::Exit;
use crate::lifecycle::{ask, builders, describe, report_json};
use crate::problem::{Problem, Result};
use crate::project::{self, Project};
use crate::resolve::resolve;
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
    let mut reports: Vec<Value> = Vec::new();
    text.push_str(&format!("\n\n{}", bold("What `init` would make", color)));
    for provider in builders(&resolved) {
        let answer = ask(context, &project, task, &task_id, provider, Operation::Plan)
            .await
            .map_err(|f| Problem::call(&project.loaded, &task.name, &f))?;
        text.push_str(&format!("\n{}", provider.member.title()));
        let lines = describe(&answer);
        let lines = if lines.is_empty() { vec!["nothing".to_owned()] } else { lines };
        lines.iter().for_each(|l| text.push_str(&format!("\n  {l}")));
        reports.push(report_json(provider, &answer.report));
    }
    if reports.is_empty() {
        text.push_str("\nnothing: no provider of this task makes anything");
    }

    let refused = unkept(&project, task, &route);
    let document = json!({
        "task": task.name,
        "routes": value(&routes),
        "require": task.require,
        "reports": reports,
        "diagnostics": to_json(&refused, &project.loaded.file),
    });
    if refused.is_empty() {
        return Ok(Answer::new(text, document));
    }
    let problem = Problem::within(Exit::Usage, refused, project.loaded.file.clone());
    text.push_str(&format!("\n\n{}", problem.render(color)));
    Ok(Answer::new(text, document).exit(Exit::Usage))
}
