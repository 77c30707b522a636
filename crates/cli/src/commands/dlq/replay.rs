//! `dstream dlq replay`.

use std::time::Duration;

use clap::Args;
use dstream_engine::Cancel;
use dstream_engine::state::{StateStore, TaskState};
use serde_json::{Value, json};
use uuid::Uuid;

use super::bench::{Bench, Sums};
use super::route::{groups, refusal};
use dstream_registry::Policy;

use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::Context;
use crate::exit::Exit;
use crate::problem::{Problem, Result};
use crate::project::{self, Project};
use crate::resolve::resolve;
use crate::signals::Signals;

/// Send dead letters again to whoever rejected them. Those that are taken are removed.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream dlq replay orders\n  dstream dlq replay orders 3f9c2a7b51d0e864"
)]
pub(crate) struct Replay {
    /// The task.
    task: String,
    /// The letters' ids, or the beginnings of them. Default: all of them.
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    vars: Vars,
}

pub(crate) async fn run(context: &Context, args: &Replay) -> Result<Answer> {
    let project =
        Project::load(context, &args.vars, project::one(&args.task))?.pulling(Policy::Add);
    let task = project.task(&args.task)?;
    let letters = super::letters(&project, &args.task);
    let all = super::read(&letters)?;
    let chosen = match args.ids.as_slice() {
        [] => all,
        ids => super::named(all, ids, &args.task)?,
    };
    let route = resolve(context, &project, task).await.route(&project)?;
    // The task must not run meanwhile: both would write its dead letters and its destination.
    let held = project.state().open(&task.name, Duration::ZERO)?;
    let state = held.load()?.unwrap_or_else(|| TaskState::new(&task.name));
    let task_id = replay_identity(&state.task_id);
    let cancel = Cancel::new();
    let signals =
        Signals::listen(&cancel).map_err(|e| Problem::io("cannot listen for signals", &e))?;
    let lock = held.inherited_lock();
    let bench = Bench { context, project: &project, task, route, task_id, lock, cancel };

    let mut sums = Sums::default();
    let mut failed = None;
    for group in groups(chosen) {
        if let Some(why) = refusal(&group, &bench.route) {
            sums.skipped.push((group.letters.len(), why));
            continue;
        }
        if let Err(problem) = bench.replay(group, &mut sums).await {
            failed = Some(problem);
            break;
        }
    }
    let exit = match &failed {
        Some(problem) => problem.exit,
        None if signals.interrupted() => Exit::Interrupted,
        None if sums.rejected > 0 => Exit::DeadLetters,
        None if !sums.skipped.is_empty() && sums.taken == 0 => Exit::Failed,
        None => Exit::Done,
    };
    if let Some(problem) = &failed
        && !context.global.json
    {
        context.screen.error(&problem.render(context.screen.color_err));
    }
    Ok(answer(&args.task, &sums, failed.as_deref()).exit(exit))
}

/// The identity of a task's replays in its destinations: always the same for the same task.
fn replay_identity(task_id: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{task_id}:dlq").as_bytes()).to_string()
}

fn answer(task: &str, sums: &Sums, failed: Option<&Problem>) -> Answer {
    let mut lines = vec![format!("{} taken, {} rejected again", sums.taken, sums.rejected)];
    lines.extend(sums.skipped.iter().map(|(n, why)| format!("{n} not sent: {why}")));
    let skipped: Vec<Value> =
        sums.skipped.iter().map(|(n, why)| json!({ "letters": n, "why": why })).collect();
    let document = json!({
        "task": task, "taken": sums.taken, "rejected": sums.rejected, "skipped": skipped,
        "error": failed.map(Problem::to_json),
    });
    Answer::new(lines.join("\n"), document)
}
