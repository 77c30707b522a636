//! `dstream validate`: everything that can be checked without starting more than `describe`.

use clap::Args;
use dstream_config::{Diagnostic, Diagnostics, Select, render};
use dstream_engine::Route;
use dstream_engine::guarantee;
use dstream_task::{Guarantee, Task};
use serde_json::json;

use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::Context;
use crate::diagnostics::to_json;
use crate::exit::Exit;
use crate::problem::{Problem, Result};
use crate::project::Project;
use crate::resolve::resolve;

/// Check the task file, the providers it names, every config block, and what the tasks require.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dstream validate\n  dstream validate --var region=eu --json")]
pub(crate) struct Validate {
    #[command(flatten)]
    vars: Vars,
}

pub(crate) async fn run(context: &Context, args: &Validate) -> Result<Answer> {
    let project = match Project::read(context, &args.vars, Select::All)? {
        Ok(project) => project,
        Err(mistakes) => return Err(everything(context, mistakes).await?),
    };
    let mut found = project.loaded.warnings.clone();
    let problems = resolve_all(context, &project).await;
    let errors = problems.len();
    found.extend(problems);
    in_order(&mut found);
    let file = &project.loaded.file;
    let tasks: Vec<&str> = project.loaded.tasks.iter().map(|t| t.name.as_str()).collect();
    let mut parts: Vec<String> =
        found.iter().map(|d| render(d, file, context.screen.color_out)).collect();
    parts.push(match (errors, tasks.as_slice()) {
        (0, []) => format!("{}: valid; it has no tasks", file.name()),
        (0, _) => format!("{}: valid; tasks: {}", file.name(), tasks.join(", ")),
        (1, _) => format!("{}: 1 error", file.name()),
        (n, _) => format!("{}: {n} errors", file.name()),
    });
    let document = json!({
        "valid": errors == 0,
        "file": file.name(),
        "tasks": tasks,
        "diagnostics": to_json(&found, file),
    });
    let exit = if errors == 0 { Exit::Done } else { Exit::Usage };
    Ok(Answer::new(parts.join("\n\n"), document).exit(exit))
}

/// What is wrong with the providers of all tasks, and with what they can promise together.
async fn resolve_all(context: &Context, project: &Project) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for task in &project.loaded.tasks {
        let resolved = resolve(context, project, task).await;
        match resolved.route(project) {
            Ok(route) => found.extend(unkept(project, task, &route)),
            Err(_) => found.extend(resolved.problems),
        }
    }
    for task in &project.loaded.broken {
        found.extend(resolve(context, project, task).await.problems);
    }
    found
}

/// A file with mistakes: those, and what else is wrong with what could be read of it.
async fn everything(context: &Context, mistakes: Diagnostics) -> Result<Box<Problem>> {
    let Diagnostics { file, mut list, loaded } = mistakes;
    if let Some(loaded) = loaded {
        let project = Project::of(context, *loaded)?;
        list.extend(resolve_all(context, &project).await);
        in_order(&mut list);
    }
    Ok(Problem::within(Exit::Usage, list, file))
}

/// By their place in the file; those of other files first.
fn in_order(found: &mut [Diagnostic]) {
    let place = |d: &Diagnostic| match (&d.file, &d.span) {
        (None, Some(span)) => span.start,
        _ => 0,
    };
    found.sort_by_key(place);
}

/// The routes of a task that cannot keep what it requires, as errors.
pub(crate) fn unkept(project: &Project, task: &Task, route: &Route) -> Vec<Diagnostic> {
    let Some(required) = task.require else { return Vec::new() };
    guarantee::violations(route, required)
        .into_iter()
        .map(|r| {
            let mut diagnostic = Diagnostic::error(format!(
                "task `{}` requires {required}, and its route from `{}` to `{}` is {}",
                task.name, r.input, r.output, r.guarantee
            ))
            .detail(r.reason);
            let role = dstream_protocol::Role::Output;
            diagnostic.span = project.loaded.block_span(&task.name, role, &r.output);
            let advice = match r.guarantee {
                // That is what is there where nothing is required.
                Guarantee::BestEffort => "leave `require` out".to_owned(),
                other => format!("require no more than {other}"),
            };
            diagnostic.help(format!("use providers that can keep it, or {advice}"))
        })
        .collect()
}
