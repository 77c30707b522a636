//! `dstream graph`: what flows where.

use clap::{Args, ValueEnum};
use dstream_config::Select;
use dstream_task::{Block, Task};
use serde_json::{Value, json};

use super::list::{incomplete, not_yet};
use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::Context;
use crate::problem::Result;
use crate::project::{self, Project};

/// Draw what flows where.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream graph orders\n  dstream graph --format dot | dot -Tsvg > tasks.svg"
)]
pub(crate) struct Graph {
    /// The task. Default: all of them.
    task: Option<String>,
    /// The language of the drawing: for a terminal, for Graphviz, for Markdown.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    vars: Vars,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Dot,
    Mermaid,
}

pub(crate) fn run(context: &Context, args: &Graph) -> Result<Answer> {
    let select = args.task.as_deref().map_or(Select::Nothing, project::one);
    let project = Project::load(context, &args.vars, select)?;
    let tasks: Vec<&Task> = match &args.task {
        Some(name) => vec![project.task(name)?],
        None => project.loaded.tasks.iter().collect(),
    };
    let text = match args.format {
        Format::Text => {
            let mut parts: Vec<String> = tasks.iter().map(|t| text(t)).collect();
            if args.task.is_none() {
                parts.extend(not_yet(&project.loaded));
            }
            parts.join("\n\n")
        }
        Format::Dot => format!("digraph dstream {{\n  rankdir=LR;\n{}}}", dot(&tasks)),
        Format::Mermaid => format!("flowchart LR\n{}", mermaid(&tasks)).trim_end().to_owned(),
    };
    let document = json!({
        "tasks": tasks.iter().map(|t| task_json(t)).collect::<Vec<_>>(),
        "incomplete": incomplete(&project.loaded),
    });
    Ok(Answer::new(text, document))
}

/// The blocks that lines pass, in order; those of one stage side by side.
fn stages(task: &Task) -> Vec<Vec<(&'static str, &Block)>> {
    let inputs = task.inputs.iter().map(|b| ("input", b)).collect();
    let transforms = task.transforms.iter().map(|b| vec![("transform", b)]);
    let outputs = task.outputs.iter().map(|b| ("output", b)).collect();
    [inputs].into_iter().chain(transforms).chain([outputs]).collect()
}

/// Pairs of blocks, by their number over all stages, that lines pass directly.
fn edges(task: &Task) -> Vec<(usize, usize)> {
    let mut edges = Vec::new();
    let mut first = 0;
    for pair in stages(task).windows(2) {
        let (here, there) = (pair[0].len(), pair[1].len());
        edges
            .extend((0..here).flat_map(|a| (0..there).map(move |b| (first + a, first + here + b))));
        first += here;
    }
    edges
}

fn text(task: &Task) -> String {
    let name = |(role, block): &(&str, &Block)| match block.name == *role {
        true => format!("{role} {}", block.source),
        false => format!("{role} {} {}", block.name, block.source),
    };
    let mut lines = vec![task.name.clone()];
    for (i, stage) in stages(task).iter().enumerate() {
        let arrow = if i == 0 { "   " } else { "-> " };
        lines.extend(stage.iter().map(|b| format!("  {}{arrow}{}", "   ".repeat(i), name(b))));
    }
    lines.join("\n")
}

fn dot(tasks: &[&Task]) -> String {
    let mut out = String::new();
    for (t, task) in tasks.iter().enumerate() {
        out.push_str(&format!("  subgraph cluster_{t} {{\n    label={};\n", quoted(&task.name)));
        for (i, (role, block)) in stages(task).concat().iter().enumerate() {
            let label = quoted(&format!("{role} {}\n{}", block.name, block.source));
            out.push_str(&format!("    t{t}_{i} [shape=box, label={label}];\n"));
        }
        for (a, b) in edges(task) {
            out.push_str(&format!("    t{t}_{a} -> t{t}_{b};\n"));
        }
        out.push_str("  }\n");
    }
    out
}

fn mermaid(tasks: &[&Task]) -> String {
    // Mermaid has no escape for a quotation mark but this one.
    let label = |text: String| format!("\"{}\"", text.replace('"', "#quot;"));
    let mut out = String::new();
    for (t, task) in tasks.iter().enumerate() {
        out.push_str(&format!("  subgraph t{t}[{}]\n", label(task.name.clone())));
        for (i, (role, block)) in stages(task).concat().iter().enumerate() {
            let text = label(format!("{role} {}<br/>{}", block.name, block.source));
            out.push_str(&format!("    t{t}_{i}[{text}]\n"));
        }
        for (a, b) in edges(task) {
            out.push_str(&format!("    t{t}_{a} --> t{t}_{b}\n"));
        }
        out.push_str("  end\n");
    }
    out
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

fn task_json(task: &Task) -> Value {
    let nodes: Vec<Value> = stages(task)
        .concat()
        .iter()
        .map(|(role, block)| json!({ "role": role, "name": block.name, "source": block.source }))
        .collect();
    json!({ "name": task.name, "nodes": nodes, "edges": edges(task) })
}
