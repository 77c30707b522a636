//! `dstream state show`.

use clap::Args;
use dstream_engine::mask::Mask;
use dstream_engine::state::{StateStore, TaskState};
use dstream_protocol::{Json, PartitionStates};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::Context;
use crate::problem::Result;

/// Show where a task stands.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream state show orders\n  dstream state show orders --json | jq '.state.inputs'"
)]
pub(crate) struct Show {
    /// The task.
    task: String,
    #[command(flatten)]
    vars: Vars,
}

pub(crate) fn run(context: &Context, args: &Show) -> Result<Answer> {
    let project = super::project(context, &args.vars, &args.task)?;
    let Some(state) = project.state().read(&args.task)? else {
        return Err(super::none(&args.task));
    };
    // A checkpoint is the provider's own; a careless one may have put a password in.
    let mask = Mask::new(&project.loaded.secrets);
    let text = mask.apply(&lines(&state).join("\n"));
    let document = Document { task: &args.task, state: masked(&state, &mask) };
    Ok(Answer::new(text, document))
}

#[derive(Serialize)]
struct Document<'a> {
    task: &'a str,
    state: Json,
}

/// The state as JSON without the secrets that are known.
pub(crate) fn masked(state: &TaskState, mask: &Mask) -> Json {
    let text = serde_json::to_string(state).map(|t| mask.apply(&t)).unwrap_or_default();
    // Where a number was a secret, what is left is no JSON, and nothing of it is shown.
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// The state for people.
pub(crate) fn lines(state: &TaskState) -> Vec<String> {
    let mut lines = vec![
        format!("task        {}", state.task),
        format!("identity    {}", state.task_id),
        format!("saved       {} (save {})", or_never(&state.saved_at), state.serial),
        format!("written     {}", state.totals.written),
        format!("rejected    {}", state.totals.rejected),
    ];
    for (name, input) in &state.inputs {
        lines.push(format!("input       {name} ({})", input.provider));
        lines.extend(fingerprint(input.fingerprint.as_deref()));
        lines.extend(checkpoint(&input.checkpoint).into_iter().map(|l| format!("  {l}")));
        lines.extend(input.by_hand.then(|| "  set by hand: counts at the next start".to_owned()));
    }
    for (name, output) in &state.outputs {
        lines.push(format!("output      {name} ({})", output.provider));
        lines.extend(fingerprint(output.fingerprint.as_deref()));
        if let Some(state) = &output.state {
            lines.push(format!("  state {}", state.get()));
        }
        if let Some(mark) = output.mark {
            let (epoch, id) = (mark.epoch, mark.id);
            lines.push(format!("  last commit known: epoch {epoch}, checkpoint {id}"));
        }
    }
    lines
}

/// A checkpoint, one line a partition.
pub(crate) fn checkpoint(partitions: &PartitionStates) -> Vec<String> {
    if partitions.is_empty() {
        return vec!["no checkpoint: it begins at the beginning".to_owned()];
    }
    let line = |(name, state): (&String, &dstream_protocol::Json)| match name.as_str() {
        "" => format!("checkpoint {}", state.get()),
        name => format!("checkpoint of {name}: {}", state.get()),
    };
    partitions.iter().map(line).collect()
}

fn fingerprint(of: Option<&str>) -> Option<String> {
    of.map(|f| format!("  is {f}"))
}

fn or_never(text: &str) -> &str {
    if text.is_empty() { "never" } else { text }
}
