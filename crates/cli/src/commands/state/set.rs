//! `dstream state set`.

use clap::{ArgGroup, Args};
use dstream_engine::state::TaskState;
use dstream_protocol::Json;
use serde::Serialize;
use uuid::Uuid;

use super::{open, save};
use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::Context;
use crate::problem::{Problem, Result};

/// Set the checkpoint of an input, or the task's identity in its destinations.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true).args(["input", "task_id"]))]
#[command(
    after_help = "Example:\n  dstream state set orders --input input '{\"offset\":1200}'\n  dstream state set orders --task-id 0d5b34f2-3b5c-4ac5-bb7c-3f0b6f6f4d51"
)]
pub(crate) struct Set {
    /// The task.
    task: String,
    /// The input.
    #[arg(long, value_name = "NAME", requires = "checkpoint")]
    input: Option<String>,
    /// The partition of the input. Default: the only one.
    #[arg(
        long,
        value_name = "PARTITION",
        requires = "input",
        default_value = "",
        hide_default_value = true
    )]
    partition: String,
    /// The identity under which destinations know the task: adopts what they keep of it.
    #[arg(long, value_name = "UUID")]
    task_id: Option<Uuid>,
    /// The checkpoint of the partition, as JSON, in the input's own shape.
    #[arg(value_name = "JSON", requires = "input", value_parser = raw_json)]
    checkpoint: Option<RawJson>,
    #[command(flatten)]
    vars: Vars,
}

/// JSON, byte for byte as it was written.
#[derive(Debug, Clone)]
struct RawJson(Json);

fn raw_json(text: &str) -> std::result::Result<RawJson, String> {
    serde_json::from_str(text).map(RawJson).map_err(|e| format!("that is no JSON: {e}"))
}

pub(crate) fn run(context: &Context, args: &Set) -> Result<Answer> {
    let project = super::project(context, &args.vars, &args.task)?;
    let task = project.loaded.tasks.iter().find(|t| t.name == args.task);
    let (handle, state) = open(&project, &args.task)?;
    let mut state = state.unwrap_or_else(|| TaskState::new(&args.task));
    let mut lines = Vec::new();
    if let (Some(input), Some(RawJson(checkpoint))) = (&args.input, &args.checkpoint) {
        let in_file = task.is_some_and(|t| t.inputs.iter().any(|b| b.name == *input));
        if !in_file && !state.inputs.contains_key(input) {
            let names = task.map(|t| t.inputs.iter().map(|b| b.name.as_str()).collect());
            let names: Vec<&str> =
                names.unwrap_or_else(|| state.inputs.keys().map(String::as_str).collect());
            return Err(Problem::usage(format!("task `{}` has no input `{input}`", args.task))
                .help(format!("its inputs: {}", names.join(", "))));
        }
        let entry = state.inputs.entry(input.clone()).or_default();
        entry.checkpoint.insert(args.partition.clone(), checkpoint.clone());
        entry.by_hand = true;
        // Which letters the new place covers nobody knows: all stay.
        state.dead_letters = None;
        lines.push(format!("Input `{input}` goes on from {}.", checkpoint.get()));
    }
    if let Some(id) = args.task_id {
        state.task_id = id.to_string();
        // What the host knew of the destination was known of another identity.
        state.outputs.values_mut().for_each(|o| o.mark = None);
        lines.push(format!("Destinations know the task as {id}."));
    }
    save(handle.as_ref(), &mut state)?;
    let document = Document {
        task: &args.task,
        input: args.input.as_deref(),
        partition: &args.partition,
        checkpoint: args.checkpoint.as_ref().map(|c| &c.0),
        task_id: &state.task_id,
    };
    Ok(Answer::new(lines.join("\n"), document))
}

#[derive(Serialize)]
struct Document<'a> {
    task: &'a str,
    input: Option<&'a str>,
    partition: &'a str,
    checkpoint: Option<&'a Json>,
    task_id: &'a str,
}
