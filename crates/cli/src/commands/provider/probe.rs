//! `dstream provider check` and `dstream provider discover`.

use clap::Args;
use dstream_config::Diagnostic;
use dstream_engine::lifecycle::LifecycleAnswer;
use dstream_engine::state::StateStore;
use dstream_protocol::{Capability, Operation, StreamSchema};
use dstream_registry::Policy;
use serde_json::json;

use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::Context;
use crate::exit::Exit;
use crate::lifecycle::{Asking, describe, report_json};
use crate::problem::{Problem, Result};
use crate::project::{self, Project};
use crate::resolve::{Provider, Resolved, resolve};

/// Which providers are asked.
#[derive(Debug, Args)]
pub(crate) struct Probe {
    /// The task.
    task: String,
    /// One of its blocks, by its label or role. Default: all of them.
    block: Option<String>,
    #[command(flatten)]
    vars: Vars,
}

pub(crate) async fn run(
    context: &Context,
    args: &Probe,
    operation: Operation,
    capability: Capability,
) -> Result<Answer> {
    let project =
        Project::load(context, &args.vars, project::one(&args.task))?.pulling(Policy::Add);
    let task = project.task(&args.task)?;
    let resolved = resolve(context, &project, task).await;
    resolved.route(&project)?;
    let task_id = project.state().read(&task.name)?.map(|s| s.task_id).unwrap_or_default();
    let asking = Asking { context, project: &project, task, task_id: &task_id };

    let (mut lines, mut reports) = (Vec::new(), Vec::new());
    let mut failed: Option<Box<Problem>> = None;
    for provider in chosen(&resolved, args)? {
        let title = provider.member.title();
        if !provider.can(capability) {
            lines.push(format!("{title}: cannot {operation}"));
            reports.push(json!({ "provider": provider.member.block.name,
                "role": provider.member.role, "supported": false }));
            continue;
        }
        match asking.ask(provider, operation, &[]).await {
            Ok(answer) => {
                lines.push(format!("{title}: ok"));
                lines.extend(said(&answer).into_iter().map(|l| format!("  {l}")));
                reports.push(report_json(provider, &answer.report));
            }
            Err(failure) => {
                let problem = Problem::call(&project.loaded, &task.name, &failure);
                lines.push(format!("{title}: failed"));
                reports.push(json!({ "provider": provider.member.block.name,
                    "role": provider.member.role, "error": problem.to_json() }));
                join(&mut failed, problem);
            }
        }
    }
    let exit = if failed.is_some() { Exit::Failed } else { Exit::Done };
    if let Some(problem) = &failed
        && !context.global.json
    {
        context.screen.error(&problem.render(context.screen.color_err));
    }
    let document = json!({ "task": task.name, "reports": reports });
    Ok(Answer::new(lines.join("\n"), document).exit(exit))
}

/// The providers that were asked for.
fn chosen<'a>(resolved: &'a Resolved, args: &Probe) -> Result<Vec<&'a Provider>> {
    let Some(name) = &args.block else { return Ok(resolved.providers.iter().collect()) };
    let matches = |p: &&Provider| p.member.block.name == *name || p.member.role.as_str() == name;
    let found: Vec<&Provider> = resolved.providers.iter().filter(matches).collect();
    if found.is_empty() {
        let names: Vec<&str> =
            resolved.providers.iter().map(|p| p.member.block.name.as_str()).collect();
        return Err(Problem::new(
            Exit::Usage,
            Diagnostic::error(format!("task `{}` has no block `{name}`", args.task))
                .help(format!("its blocks: {}", names.join(", "))),
        ));
    }
    Ok(found)
}

/// One problem that shows all.
fn join(all: &mut Option<Box<Problem>>, next: Box<Problem>) {
    match all {
        None => *all = Some(next),
        Some(first) => {
            first.diagnostics.extend(next.diagnostics);
            first.stderr.extend(next.stderr);
        }
    }
}

fn said(answer: &LifecycleAnswer) -> Vec<String> {
    let mut lines = describe(answer);
    lines.extend(answer.report.streams.iter().flat_map(stream));
    lines
}

/// A stream and its columns.
fn stream(schema: &StreamSchema) -> Vec<String> {
    let mut lines = vec![schema.stream.clone()];
    let width = schema.fields.iter().map(|f| f.name.chars().count()).max().unwrap_or(0);
    for field in &schema.fields {
        let mut words = vec![format!("{:<width$}", field.name), field.kind.to_string()];
        words.extend(field.source_type.as_ref().map(|t| format!("({t})")));
        words.extend((!field.nullable).then(|| "not null".to_owned()));
        words.extend(schema.key.contains(&field.name).then(|| "key".to_owned()));
        lines.push(format!("  {}", words.join(" ")));
    }
    lines
}
