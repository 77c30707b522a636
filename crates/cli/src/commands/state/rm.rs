//! `dstream state rm`.

use std::time::Duration;

use clap::Args;
use dstream_config::nearest;
use dstream_engine::state::{StateError, StateStore};
use serde_json::json;

use super::{kept_elsewhere, none, open, save};
use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::Context;
use crate::problem::{Problem, Result};
use crate::project::Project;

/// Forget where a task stands, or where one of its inputs does: it begins at the beginning again.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream state rm orders\n  dstream state rm orders --input db --partition dbo.orders"
)]
pub(crate) struct Rm {
    /// The task.
    task: String,
    /// Only the checkpoint of this input.
    #[arg(long, value_name = "NAME")]
    input: Option<String>,
    /// Only this partition of the input.
    #[arg(long, value_name = "PARTITION", requires = "input")]
    partition: Option<String>,
    #[command(flatten)]
    vars: Vars,
}

pub(crate) fn run(context: &Context, args: &Rm) -> Result<Answer> {
    let project = super::project(context, &args.vars, &args.task)?;
    let Some(input) = &args.input else { return whole(&project, &args.task) };
    let (handle, state) = open(&project, &args.task)?;
    let mut state = state.ok_or_else(|| none(&args.task))?;
    let task = project.loaded.tasks.iter().find(|t| t.name == args.task);
    let in_file = task.into_iter().flat_map(|t| &t.inputs).map(|b| b.name.clone());
    let mut names: Vec<String> = state.inputs.keys().cloned().chain(in_file).collect();
    names.sort();
    names.dedup();
    let meant = nearest(input, names.iter().map(String::as_str));
    // A destination may know an input that neither the state nor the file has any more; one that
    // looks like another is misspelt.
    if !names.contains(input) && (!kept_elsewhere(&state) || meant.is_some()) {
        let problem = Problem::usage(format!("task `{}` has no input `{input}`", args.task));
        let problem = match meant {
            Some(meant) => problem.help(format!("did you mean `{meant}`?")),
            None => problem,
        };
        return Err(problem.help(format!("its inputs: {}", names.join(", "))));
    }
    let entry = state.inputs.entry(input.clone()).or_default();
    match &args.partition {
        None => entry.checkpoint.clear(),
        Some(partition) => {
            if entry.checkpoint.remove(partition).is_none() {
                let known: Vec<String> =
                    entry.checkpoint.keys().map(|k| format!("`{k}`")).collect();
                return Err(Problem::usage(format!(
                    "input `{input}` has no partition `{partition}`"
                ))
                .help(format!("its partitions: {}", known.join(", "))));
            }
        }
    }
    entry.by_hand = true;
    // The next run makes letters of its own; those that are there stay.
    state.dead_letters = None;
    save(handle.as_ref(), &mut state)?;
    let what = match &args.partition {
        None => format!("The checkpoint of input `{input}` was removed."),
        Some(p) => format!("The checkpoint of partition `{p}` of input `{input}` was removed."),
    };
    let document = json!({
        "task": args.task, "removed": "checkpoint", "input": input, "partition": args.partition,
    });
    Ok(Answer::new(what, document))
}

/// Removes all of it, also where it cannot be read: that is the way out.
fn whole(project: &Project, task: &str) -> Result<Answer> {
    let handle = project.state().open(task, Duration::ZERO)?;
    match handle.load() {
        Ok(None) => return Err(none(task)),
        Ok(Some(_)) | Err(StateError::Unreadable { .. }) => handle.remove()?,
        Err(other) => return Err(other.into()),
    }
    let text = format!("The state of task `{task}` was removed.");
    Ok(Answer::new(text, json!({ "task": task, "removed": "all" })))
}
