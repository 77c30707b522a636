//! `dstream dlq list` and `dstream dlq show`.

use clap::Args;
use dstream_engine::dead_letter::DeadLetter;
use dstream_engine::route::title;
use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::Context;
use crate::problem::Result;
use crate::table::Table;

/// List the dead letters of a task, oldest first.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream dlq list orders\n  dstream dlq list orders --json | jq '.letters | length'"
)]
pub(crate) struct List {
    /// The task.
    task: String,
    #[command(flatten)]
    vars: Vars,
}

/// Show one dead letter: the error and the whole envelope.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dstream dlq show orders 3f9c2a7b51d0e864")]
pub(crate) struct Show {
    /// The task.
    task: String,
    /// The letter's id, or the beginning of it.
    id: String,
    #[command(flatten)]
    vars: Vars,
}

pub(crate) fn run(context: &Context, args: &List) -> Result<Answer> {
    let project = super::project(context, &args.vars, &args.task)?;
    let letters = super::read(&super::letters(&project, &args.task))?;
    let mut table = Table::new(["ID", "WHEN", "REJECTED BY", "ERROR"]);
    for letter in &letters {
        let error = letter.error.message.lines().next().unwrap_or_default().to_owned();
        table.row([
            letter.id.clone(),
            letter.at.clone(),
            title(letter.role, &letter.provider),
            error,
        ]);
    }
    let text = match table.is_empty() {
        true => format!("Task `{}` has no dead letters.", args.task),
        false => table.render(context.screen.color_out),
    };
    let document = json!({
        "task": args.task,
        "letters": letters.iter().map(summary).collect::<Vec<_>>(),
    });
    Ok(Answer::new(text, document))
}

pub(crate) fn show(context: &Context, args: &Show) -> Result<Answer> {
    let project = super::project(context, &args.vars, &args.task)?;
    let all = super::read(&super::letters(&project, &args.task))?;
    let chosen = super::named(all, std::slice::from_ref(&args.id), &args.task)?;
    let Some(letter) = chosen.first() else { return Ok(Answer::new("", json!({}))) };
    let mut lines = vec![
        format!("id           {}", letter.id),
        format!("when         {}", letter.at),
        format!("rejected by  {}", title(letter.role, &letter.provider)),
        format!("error        {} ({})", letter.error.message, letter.error.kind),
    ];
    lines.extend(letter.error.path.as_ref().map(|p| format!("about        {p}")));
    lines.push(match (&letter.envelope, &letter.raw) {
        (Some(envelope), _) => format!("envelope     {}", envelope.get()),
        (None, Some(raw)) => format!("raw (base64) {raw}"),
        (None, None) => "envelope     (none was sent)".to_owned(),
    });
    Ok(Answer::new(lines.join("\n"), Document { task: &args.task, letter }))
}

#[derive(Serialize)]
struct Document<'a> {
    task: &'a str,
    letter: &'a DeadLetter,
}

/// A letter without its envelope, which may be long.
fn summary(letter: &DeadLetter) -> Value {
    json!({
        "id": letter.id, "at": letter.at, "provider": letter.provider, "role": letter.role,
        "error": letter.error,
    })
}
