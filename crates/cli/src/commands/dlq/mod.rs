//! `dstream dlq`: rejected envelopes: look at them, send them again, drop them.

mod bench;
mod drop;
mod list;
mod memory;
mod replay;
mod route;

use clap::{Args, Subcommand};
use dstream_config::Select;
use dstream_engine::dead_letter::{DeadLetter, LocalDeadLetters};

use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::Context;
use crate::problem::{Problem, Result};
use crate::project::Project;

/// Dead letters: list, show, replay or drop rejected envelopes.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dstream dlq list orders")]
pub(crate) struct Dlq {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::List),
    Show(list::Show),
    Replay(replay::Replay),
    Drop(drop::Drop),
}

impl Dlq {
    pub(crate) fn name(&self) -> &'static str {
        match self.command {
            Command::List(_) => "dlq list",
            Command::Show(_) => "dlq show",
            Command::Replay(_) => "dlq replay",
            Command::Drop(_) => "dlq drop",
        }
    }
}

pub(crate) async fn run(context: &Context, args: &Dlq) -> Result<Answer> {
    match &args.command {
        Command::List(args) => list::run(context, args),
        Command::Show(args) => list::show(context, args),
        Command::Replay(args) => replay::run(context, args).await,
        Command::Drop(args) => drop::run(context, args),
    }
}

/// The project, for a task that the file has or that has a state.
fn project(context: &Context, vars: &Vars, task: &str) -> Result<Project> {
    let project = Project::load(context, vars, Select::Nothing)?;
    project.known_task(task)?;
    Ok(project)
}

fn letters(project: &Project, task: &str) -> LocalDeadLetters {
    LocalDeadLetters::new(&project.state(), task)
}

fn read(letters: &LocalDeadLetters) -> Result<Vec<DeadLetter>> {
    let unreadable = |e| Problem::io(format!("cannot read {}", letters.path().display()), &e);
    letters.list().map_err(unreadable)
}

/// Those of `all` that `ids` name, each by its id or the beginning of it.
fn named(all: Vec<DeadLetter>, ids: &[String], task: &str) -> Result<Vec<DeadLetter>> {
    let mut chosen: Vec<DeadLetter> = Vec::new();
    for id in ids {
        let exact = all.iter().find(|l| l.id == *id);
        let begins: Vec<&DeadLetter> =
            all.iter().filter(|l| l.id.starts_with(id.as_str())).collect();
        let letter = match (exact, begins.as_slice()) {
            (Some(letter), _) => letter,
            (None, [letter]) => *letter,
            (None, []) => {
                return Err(Problem::usage(format!("task `{task}` has no dead letter `{id}`"))
                    .help(format!("`dstream dlq list {task}` lists them")));
            }
            (None, several) => {
                return Err(Problem::usage(format!(
                    "{} dead letters begin with `{id}`",
                    several.len()
                ))
                .help("give more of the id"));
            }
        };
        if !chosen.iter().any(|l| l.id == letter.id) {
            chosen.push(letter.clone());
        }
    }
    Ok(chosen)
}
