//! `dstream destroy`: removes what `init` made, and the task's state.

use std::io::{BufRead, IsTerminal};

use clap::Args;
use dstream_engine::dead_letter::LocalDeadLetters;
use dstream_engine::state::StateStore;
use dstream_protocol::Operation;
use dstream_registry::Policy;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::Context;
use crate::exit::Exit;
use crate::lifecycle::{Asking, builders, describe, report_json, resource};
use crate::problem::{Problem, Result};
use crate::project::{self, Project};
use crate::resolve::{Resolved, resolve};

/// Remove what `init TASK` or a run of it made, the task's state, and what its outputs keep of it.
///
/// Tables that a run made go too, with their rows and the bookkeeping (`_dstream_…`); tables that
/// were there before stay, and so does a database's file.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream destroy orders\n  dstream destroy orders --auto-approve"
)]
pub(crate) struct Destroy {
    /// The task.
    task: String,
    /// Do not ask.
    #[arg(long)]
    auto_approve: bool,
    #[command(flatten)]
    vars: Vars,
}

pub(crate) async fn run(context: &Context, args: &Destroy) -> Result<Answer> {
    let project =
        Project::load(context, &args.vars, project::one(&args.task))?.pulling(Policy::Add);
    let task = project.task(&args.task)?;
    let resolved = resolve(context, &project, task).await;
    resolved.route(&project)?;
    // Taken before anything is shown: what is shown must still be so when it is removed.
    let handle = project.state().open(&task.name, std::time::Duration::ZERO)?;
    let task_id = handle.load()?.map(|s| s.task_id).unwrap_or_default();
    let asking = Asking { context, project: &project, task, task_id: &task_id };

    if !args.auto_approve {
        if context.global.json {
            return Err(nobody());
        }
        let shown = preview(&asking, &resolved).await;
        context.screen.error(&shown);
        if !approved(context)? {
            let document = json!({ "task": task.name, "destroyed": false });
            return Ok(Answer::new("Nothing was removed.", document).exit(Exit::Failed));
        }
    }
    let (mut lines, mut reports) = (Vec::new(), Vec::<Value>::new());
    // The other way round than init: the source is let go of first.
    for provider in builders(&resolved).into_iter().rev() {
        let answer = asking.ask(provider, Operation::Destroy, &[]).await.map_err(|f| {
            Problem::call(&project.loaded, &task.name, &f)
                .help("the task's state was kept; correct it, then run `destroy` again")
        })?;
        lines.push(provider.member.title());
        lines.extend(describe(&answer).into_iter().map(|l| format!("  {l}")));
        reports.push(report_json(provider, &answer.report));
    }
    handle.remove()?;
    lines.push(format!("The state of task `{}` was removed.", task.name));
    let letters = LocalDeadLetters::new(&project.state(), &task.name).list().unwrap_or_default();
    if !letters.is_empty() {
        let (n, name) = (letters.len(), &task.name);
        lines.push(format!(
            "{n} dead letters were kept: `dstream dlq drop {name} --all` drops them."
        ));
    }
    let document = json!({ "task": task.name, "destroyed": true, "reports": reports });
    Ok(Answer::new(lines.join("\n"), document))
}

/// What is there now, as the providers tell it, and would go.
async fn preview(asking: &Asking<'_>, resolved: &Resolved) -> String {
    let mut lines = vec![format!("This removes, of task `{}`:", asking.task.name)];
    for provider in builders(resolved).into_iter().rev() {
        lines.push(format!("  {}", provider.member.title()));
        match asking.ask(provider, Operation::Status, &[]).await {
            Ok(answer) => lines.extend(goes_and_stays(&answer.report.resources)),
            Err(failure) => {
                lines.push(format!("    - what it made (it cannot say what: {})", failure.message));
            }
        }
    }
    lines.push("  state".to_owned());
    lines.push("    - its checkpoints: a later run begins at the beginning".to_owned());
    lines.join("\n")
}

/// What goes, and below it what stays.
fn goes_and_stays(resources: &[Value]) -> Vec<String> {
    let kept = |r: &&Value| r.get("kept").and_then(Value::as_bool).unwrap_or_default();
    let (stays, goes): (Vec<&Value>, Vec<&Value>) = resources.iter().partition(kept);
    let mut lines: Vec<String> =
        goes.iter().map(|r| format!("    - {}", resource(r).trim())).collect();
    if resources.is_empty() {
        lines.push("    - what it made".to_owned());
    }
    lines.extend(stays.iter().map(|r| format!("    stays: {}", resource(r).trim())));
    lines
}

fn nobody() -> Box<Problem> {
    Problem::usage("nobody can be asked: stdin is not a terminal, or --json is set")
        .help("add `--auto-approve` to remove it without being asked; `dstream status TASK` shows what is there")
}

/// Asks a person.
fn approved(context: &Context) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Err(nobody());
    }
    context.screen.error("Type `yes` to remove it:");
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|e| Problem::io("cannot read the answer", &e))?;
    Ok(answer.trim() == "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_destroy_leaves_is_not_among_what_it_removes() {
        let database =
            json!({"type": "database", "name": "a.db", "action": "exists", "kept": true});
        let table = json!({"type": "table", "name": "t", "action": "exists", "detail": "3 rows"});
        assert_eq!(
            goes_and_stays(&[database, table]),
            ["    - table t  exists  3 rows", "    stays: database a.db  exists"]
        );
        assert_eq!(goes_and_stays(&[]), ["    - what it made"]);
    }
}
