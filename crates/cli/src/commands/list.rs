//! `dstream list`: the tasks of the file.

use clap::Args;
use dstream_config::{Diagnostic, Loaded, Select};
use dstream_task::{Block, Task};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::Context;
use crate::problem::Result;
use crate::project::Project;
use crate::table::Table;

/// List the tasks of the file.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dstream list\n  dstream list --json | jq -r '.tasks[].name'")]
pub(crate) struct List {
    #[command(flatten)]
    vars: Vars,
}

pub(crate) fn run(context: &Context, args: &List) -> Result<Answer> {
    let project = Project::load(context, &args.vars, Select::Nothing)?;
    let loaded = &project.loaded;
    let mut table = Table::new(["TASK", "INPUTS", "TRANSFORMS", "OUTPUTS", "SCHEDULE"]);
    for task in &loaded.tasks {
        let schedule = task.schedule.as_ref().map(|s| s.cron.clone()).unwrap_or_default();
        let blocks = [&task.inputs, &task.transforms, &task.outputs].map(|b| names(b));
        let [inputs, transforms, outputs] = blocks;
        table.row([task.name.clone(), inputs, transforms, outputs, schedule]);
    }
    let mut text = match table.is_empty() {
        true => format!("{} has no tasks that can be run as it is", loaded.file.name()),
        false => table.render(context.screen.color_out),
    };
    for line in not_yet(loaded) {
        text.push_str(&format!("\n{line}"));
    }
    let document = json!({
        "file": loaded.file.name(),
        "tasks": loaded.tasks.iter().map(task_json).collect::<Vec<_>>(),
        "incomplete": incomplete(loaded),
    });
    Ok(Answer::new(text, document))
}

/// Tasks that refer to something that is not set, in a line each.
pub(super) fn not_yet(loaded: &Loaded) -> Vec<String> {
    let line = |(name, missing): &(String, Vec<Diagnostic>)| {
        let why = missing.first().map(ToString::to_string).unwrap_or_default();
        format!("{name}: cannot be run yet: {why}")
    };
    loaded.incomplete.iter().map(line).collect()
}

/// The same for programs.
pub(super) fn incomplete(loaded: &Loaded) -> Vec<Value> {
    let one = |(name, missing): &(String, Vec<Diagnostic>)| {
        let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
        json!({ "name": name, "missing": missing })
    };
    loaded.incomplete.iter().map(one).collect()
}

/// `file`, or `orders=file` where the block has a label.
fn names(blocks: &[Block]) -> String {
    let name = |b: &Block| match b.name.as_str() {
        "input" | "transform" | "output" => b.source.to_string(),
        label => format!("{label}={}", b.source),
    };
    blocks.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn task_json(task: &Task) -> Value {
    let blocks = |all: &[Block]| -> Vec<Value> {
        all.iter().map(|b| json!({ "name": b.name, "source": b.source })).collect()
    };
    json!({
        "name": task.name,
        "inputs": blocks(&task.inputs),
        "transforms": blocks(&task.transforms),
        "outputs": blocks(&task.outputs),
        "require": task.require,
        "schedule": task.schedule,
    })
}
