//! `dstream validate`: everything that can be checked without starting more than `describe`.

use clap::Args;
use dstream_config::{Diagnostic, Select, render};
use dstream_engine::Route;
use dstream_engine::guarantee;
use dstream_task::Task;
use serde_json::json;

use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::Context;
use crate::diagnostics::to_json;
use crate::exit::Exit;
use crate::problem::Result;
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
    let project = Project::load(context, &args.vars, Select::All)?;
    let mut found = project.loaded.warnings.clone();
    let mut errors = 0;
    for task in &project.loaded.tasks {
        let resolved = resolve(context, &project, task).await;
        errors += resolved.problems.len();
        match resolved.route(&project) {
            Ok(route) => {
                let refused = unkept(&project, task, &route);
                errors += refused.len();
                found.extend(refused);
            }
            Err(_) => found.extend(resolved.problems),
        }
    }
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
            diagnostic.help(format!(
                "use providers that can keep it, or require no more than {}",
                r.guarantee
            ))
        })
        .collect()
}
