//! `dstream dlq replay`.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use dstream_engine::dead_letter::LocalDeadLetters;
use dstream_engine::route::title;
use dstream_engine::state::{InheritedLock, StateStore, TaskState};
use dstream_engine::{Cancel, Outcome, Route, RunRequest};
use dstream_task::Task;
use serde_json::{Value, json};
use uuid::Uuid;

use super::memory::{MemoryState, Noting};
use super::route::{Group, Replayed, build, groups, refusal};
use crate::answer::Answer;
use crate::cli::Vars;
use crate::commands::internal;
use crate::context::Context;
use crate::exit::Exit;
use crate::problem::{Problem, Result};
use crate::project::{self, Project};
use crate::report::log;
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

/// Everything that the replay of each group needs.
struct Bench<'a> {
    context: &'a Context,
    project: &'a Project,
    task: &'a Task,
    route: Route,
    /// Under which destinations know the replays of this task.
    task_id: String,
    lock: Option<InheritedLock>,
    cancel: Cancel,
}

#[derive(Default)]
struct Sums {
    taken: usize,
    rejected: usize,
    skipped: Vec<(usize, String)>,
}

pub(crate) async fn run(context: &Context, args: &Replay) -> Result<Answer> {
    let project = Project::load(context, &args.vars, project::one(&args.task))?;
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

impl Bench<'_> {
    /// Replays the letters of one block, and removes those that were taken.
    async fn replay(&self, mut group: Group, sums: &mut Sums) -> Result<()> {
        let readable = group.letters.len();
        group.letters.retain(|l| l.envelope.is_some());
        if group.letters.len() < readable {
            let whose = title(group.role, &group.provider);
            let why = format!("{whose} rejected lines that are no envelopes; drop them");
            sums.skipped.push((readable - group.letters.len(), why));
        }
        if group.letters.is_empty() {
            return Ok(());
        }
        let state = self.state();
        let letters = super::letters(self.project, &self.task.name);
        let noting = Arc::new(Noting::new(super::letters(self.project, &self.task.name)));
        let id = Uuid::new_v4().to_string();
        let request = self.request(&group, &id, letters.path(), &state, &noting)?;
        let report = dstream_engine::run(request).await;
        let committed = internal::done(state.get().as_ref(), &id).min(group.letters.len());
        let back = noting.taken();
        self.forget(&letters, &group, committed, &back)?;
        // Also those that came back from further on, under an id of their own.
        let rejected = back.len().min(committed);
        sums.rejected += rejected;
        sums.taken += committed - rejected;
        match report.outcome {
            Outcome::Failed(failure) | Outcome::Held(failure) => {
                Err(Problem::failure(&self.project.loaded, &self.task.name, &failure)
                    .help("the letters that were not sent are still there"))
            }
            Outcome::Completed | Outcome::Stopped | Outcome::Killed => Ok(()),
        }
    }

    /// The first letters of the group are durable in the destination, or dead letters again.
    fn forget(
        &self,
        letters: &LocalDeadLetters,
        group: &Group,
        committed: usize,
        back: &BTreeSet<String>,
    ) -> Result<()> {
        let taken: BTreeSet<&str> = group.letters[..committed]
            .iter()
            .map(|l| l.id.as_str())
            .filter(|id| !back.contains(*id))
            .collect();
        letters
            .remove(|l| taken.contains(l.id.as_str()))
            .map(|_| ())
            .map_err(|e| Problem::io(format!("cannot write {}", letters.path().display()), &e))
    }

    fn request(
        &self,
        group: &Group,
        id: &str,
        file: &Path,
        state: &MemoryState,
        noting: &Arc<Noting>,
    ) -> Result<RunRequest> {
        let dstream =
            std::env::current_exe().map_err(|e| Problem::io("cannot find dstream", &e))?;
        let replay = Replayed { dstream, file: file.to_owned(), id: id.to_owned() };
        let (task, route) = build(self.task, &self.route, group, &replay);
        Ok(RunRequest {
            task,
            route,
            secrets: self.project.loaded.secrets.clone(),
            folder: self.project.folder.clone(),
            environment: self.context.environment.clone(),
            state: Arc::new(state.clone()),
            dead_letters: noting.clone(),
            events: Arc::new(log::event),
            cancel: self.cancel.clone(),
        })
    }

    /// Nothing is remembered from one replay to the next.
    fn state(&self) -> MemoryState {
        let mut state = TaskState::new(&self.task.name);
        state.task_id.clone_from(&self.task_id);
        MemoryState::new(state, self.lock.clone())
    }
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
