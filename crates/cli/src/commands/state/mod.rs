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

/// Whether an output keeps the checkpoint in its own transactions. A change by hand replaces its
/// copy at the next start.
fn kept_elsewhere(state: &TaskState) -> bool {
    state.outputs.values().any(|o| o.mark.is_some())
}

/// Saves a change.
fn save(handle: &dyn StateHandle, state: &mut TaskState) -> Result<()> {
    state.serial += 1;
    Ok(handle.save(state)?)
}
