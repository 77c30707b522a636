//! `dstream dlq drop`.

use std::time::Duration;

use clap::{ArgGroup, Args};
use dstream_engine::state::StateStore;
use serde_json::json;

use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::Context;
use crate::problem::{Problem, Result};

/// Drop dead letters for good.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["ids", "all"]))]
#[command(
    after_help = "Example:\n  dstream dlq drop orders 3f9c2a7b51d0e864\n  dstream dlq drop orders --all"
)]
pub(crate) struct Drop {
    /// The task.
    task: String,
    /// The letters' ids, or the beginnings of them.
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// All of them.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    vars: Vars,
}

pub(crate) fn run(context: &Context, args: &Drop) -> Result<Answer> {
    let project = super::project(context, &args.vars, &args.task)?;
    let letters = super::letters(&project, &args.task);
    let all = super::read(&letters)?;
    let chosen = if args.all { all } else { super::named(all, &args.ids, &args.task)? };
    let _held = project.state().open(&args.task, Duration::ZERO)?;
    let gone = letters
        .remove(|l| chosen.iter().any(|c| c.id == l.id))
        .map_err(|e| Problem::io(format!("cannot write {}", letters.path().display()), &e))?;
    let text = match gone {
        1 => "1 dead letter was dropped.".to_owned(),
        n => format!("{n} dead letters were dropped."),
    };
    Ok(Answer::new(text, json!({ "task": args.task, "dropped": gone })))
}
