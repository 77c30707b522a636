//! `dstream state`: where a task stands; to look at and to correct.

mod rm;
mod set;
mod show;

use std::time::Duration;

use clap::{Args, Subcommand};
use dstream_config::Select;
use dstream_engine::state::{StateHandle, StateStore, TaskState};

use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::Context;
use crate::problem::{Problem, Result};
use crate::project::Project;

pub(crate) use show::{checkpoint as show_checkpoint, lines as show_lines, masked};

/// Show or correct where a task stands: checkpoints, outputs, identity.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dstream state show orders")]
pub(crate) struct State {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(show::Show),
    Rm(rm::Rm),
    Set(set::Set),
}

impl State {
    pub(crate) fn name(&self) -> &'static str {
        match self.command {
            Command::Show(_) => "state show",
            Command::Rm(_) => "state rm",
            Command::Set(_) => "state set",
        }
    }
}

pub(crate) fn run(context: &Context, args: &State) -> Result<Answer> {
    match &args.command {
        Command::Show(args) => show::run(context, args),
        Command::Rm(args) => rm::run(context, args),
        Command::Set(args) => set::run(context, args),
    }
}

/// The project, for a task that the file has or that has a state.
fn project(context: &Context, vars: &Vars, task: &str) -> Result<Project> {
    let project = Project::load(context, vars, Select::Nothing)?;
    project.known_task(task)?;
    Ok(project)
}

/// Takes the right to change a task's state, and the state.
fn open(project: &Project, task: &str) -> Result<(Box<dyn StateHandle>, Option<TaskState>)> {
    let handle = project.state().open(task, Duration::ZERO)?;
    let state = handle.load()?;
    Ok((handle, state))
}

/// The task has no state that could be changed.
fn none(task: &str) -> Box<Problem> {
    Problem::usage(format!("task `{task}` has no state: it never ran, or it was removed"))
}

/// Makes a removed checkpoint count for outputs that keep a copy in their own transactions.
///
/// Such an output finds its copy by the task's identity, and its copy wins. With a new identity the
/// task begins at the beginning there. A place in the middle cannot be given to it.
fn leave_copies_behind(state: &mut TaskState) -> Result<Option<String>> {
    let keepers: Vec<&str> =
        state.outputs.iter().filter(|(_, o)| o.mark.is_some()).map(|(n, _)| n.as_str()).collect();
    if keepers.is_empty() {
        return Ok(None);
    }
    let keepers = keepers.join(", ");
    if state.inputs.values().any(|i| !i.checkpoint.is_empty()) {
        let summary = format!(
            "output `{keepers}` keeps the checkpoint in its destination, and that copy counts"
        );
        return Err(Problem::usage(summary).help(format!(
            "`dstream state rm {}` forgets all of it: the task begins at the beginning",
            state.task
        )));
    }
    let note = format!(
        "Output `{keepers}` keeps the old checkpoint under the identity {}; the task has a new one.",
        state.task_id
    );
    state.task_id = uuid::Uuid::new_v4().to_string();
    state.outputs.values_mut().for_each(|o| o.mark = None);
    Ok(Some(note))
}

/// Saves a change.
fn save(handle: &dyn StateHandle, state: &mut TaskState) -> Result<()> {
    state.serial += 1;
    Ok(handle.save(state)?)
}
