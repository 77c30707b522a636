//! `dstream run`: moves data.

use std::sync::Arc;

use clap::Args;
use dstream_config::Select;
use dstream_engine::dead_letter::LocalDeadLetters;
use dstream_engine::mask::Mask;
use dstream_engine::state::StateStore;
use dstream_engine::{Cancel, Event, FailureKind, Outcome, Route, RunReport, RunRequest};
use dstream_protocol::ErrorKind;
use dstream_registry::Policy;
use dstream_task::{Retry, Task};
use futures_util::future::join_all;

use super::validate::unkept;
use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::Context;
use crate::exit::Exit;
use crate::problem::{Problem, Result};
use crate::project::{self, Project};
use crate::report::{Report, summary};
use crate::resolve::resolve;
use crate::signals::Signals;

/// Run tasks until their inputs end. Ctrl-C finishes what is begun; a second one stops at once.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream run orders\n  dstream run --all\n  dstream run orders --json | jq -c 'select(.event == \"stats\")'"
)]
pub(crate) struct Run {
    /// The tasks, all at once. Default: the file's only one.
    #[arg(value_name = "TASK")]
    tasks: Vec<String>,
    /// All tasks of the file.
    #[arg(long, conflicts_with = "tasks")]
    all: bool,
    /// Fail where a provider from a registry is not in the lock file: for CI and production.
    #[arg(long)]
    locked: bool,
    #[command(flatten)]
    vars: Vars,
}

pub(crate) async fn run(context: &Context, args: &Run) -> Result<Answer> {
    let select = match args.tasks.as_slice() {
        _ if args.all => Select::All,
        [one] => project::one(one),
        _ => Select::Nothing,
    };
    let policy = if args.locked { Policy::Locked } else { Policy::Add };
    let project = Project::load(context, &args.vars, select)?.pulling(policy);
    let tasks = chosen(&project, args)?;
    let routes = routes(context, &project, &tasks).await?;
    project.prepare()?;

    let cancel = Cancel::new();
    let signals =
        Signals::listen(&cancel).map_err(|e| Problem::io("cannot listen for signals", &e))?;
    let attempts: Vec<(String, u32)> =
        tasks.iter().map(|t| (t.name.clone(), attempts(t))).collect();
    let report = Arc::new(Report::new(context, &cancel, &attempts));
    let runs = tasks.iter().zip(routes).map(|(task, route)| {
        let events = report.clone();
        dstream_engine::run(RunRequest {
            task: (*task).clone(),
            route,
            secrets: project.loaded.secrets.clone(),
            folder: project.folder.clone(),
            environment: context.environment.clone(),
            state: Arc::new(project.state()),
            dead_letters: Arc::new(LocalDeadLetters::new(&project.state(), &task.name)),
            events: Arc::new(move |event: &Event| {
                dstream_engine::EventSink::emit(events.as_ref(), event);
            }),
            cancel: cancel.clone(),
        })
    });
    let reports = join_all(runs).await;
    report.end();
    let interrupted = signals.interrupted().then_some(Exit::Interrupted);
    let mut exits = Vec::new();
    for (task, report) in tasks.iter().zip(&reports) {
        conclude(context, &project, task, report);
        exits.push(exit(report, interrupted));
    }
    Ok(Answer::printed(Exit::worst(exits.into_iter().chain(interrupted))))
}

/// The tasks that were asked for.
fn chosen<'a>(project: &'a Project, args: &Run) -> Result<Vec<&'a Task>> {
    let loaded = &project.loaded;
    if args.all {
        return Ok(loaded.tasks.iter().collect());
    }
    let mut tasks: Vec<&Task> = Vec::new();
    for name in &args.tasks {
        let task = project.task(name)?;
        if !tasks.iter().any(|t| t.name == task.name) {
            tasks.push(task);
        }
    }
    if !tasks.is_empty() {
        return Ok(tasks);
    }
    match (loaded.tasks.as_slice(), loaded.incomplete.as_slice()) {
        ([task], []) => Ok(vec![task]),
        ([], [(name, _)]) => project.task(name).map(|t| vec![t]),
        (complete, incomplete) => {
            let complete = complete.iter().map(|t| t.name.as_str());
            let names: Vec<&str> =
                complete.chain(incomplete.iter().map(|(n, _)| n.as_str())).collect();
            Err(Problem::usage("which task?")
                .help(format!("{} has: {}", loaded.file.name(), names.join(", ")))
                .help("`--all` runs all of them at once"))
        }
    }
}

/// The routes of all tasks, or everything that is wrong with any of them: nothing starts then.
async fn routes(context: &Context, project: &Project, tasks: &[&Task]) -> Result<Vec<Route>> {
    let (mut routes, mut wrong, mut exit) = (Vec::new(), Vec::new(), Exit::Usage);
    for task in tasks {
        match resolve(context, project, task).await.route(project) {
            Ok(route) => {
                wrong.extend(unkept(project, task, &route));
                routes.push(route);
            }
            Err(problem) => {
                exit = if exit == Exit::Usage { problem.exit } else { exit };
                wrong.extend(problem.diagnostics);
            }
        }
    }
    if wrong.is_empty() {
        return Ok(routes);
    }
    Err(Problem::within(exit, wrong, project.loaded.file.clone()))
}

/// How often a task may start in a row, for messages.
fn attempts(task: &Task) -> u32 {
    task.retry.as_ref().map_or_else(|| Retry::default().max_attempts, |r| r.max_attempts)
}

/// Says how a task ended; with `--json` its last event has said it.
fn conclude(context: &Context, project: &Project, task: &Task, report: &RunReport) {
    if context.global.json {
        return;
    }
    if let Some(failure) = report.outcome.failure() {
        let problem = Problem::failure(&project.loaded, &task.name, failure);
        context.screen.error(&problem.render(context.screen.color_err));
    }
    let state = project.state().read(&task.name).ok().flatten();
    let mask = Mask::new(&project.loaded.secrets);
    context.screen.error(&summary::summary(&task.name, report, state.as_ref(), &mask));
}

/// What a task's end means for the exit code.
fn exit(report: &RunReport, interrupted: Option<Exit>) -> Exit {
    match &report.outcome {
        Outcome::Held(_) => Exit::Held,
        // The task file is wrong, whoever finds it.
        Outcome::Failed(f) if f.kind == FailureKind::Provider(ErrorKind::Config) => Exit::Usage,
        Outcome::Failed(_) => Exit::Failed,
        Outcome::Killed => interrupted.unwrap_or(Exit::Failed),
        Outcome::Completed | Outcome::Stopped if report.totals.rejected > 0 => Exit::DeadLetters,
        Outcome::Completed | Outcome::Stopped => Exit::Done,
    }
}
