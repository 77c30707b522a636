//! `dstream completions`: the script that completes commands in a shell.

use clap::Args;
use clap_complete::Shell;
use serde_json::json;

use crate::answer::Answer;
use crate::cli;
use crate::problem::Result;

/// Print the script that completes dstream's commands in a shell.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dstream completions bash > /etc/bash_completion.d/dstream")]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &Completions) -> Result<Answer> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut shown(), "dstream", &mut script);
    let script = String::from_utf8_lossy(&script).trim_end().to_owned();
    let document = json!({ "shell": args.shell.to_string(), "script": script });
    Ok(Answer::new(script, document))
}

/// The definition without what is hidden: the generator would offer that too.
fn shown() -> clap::Command {
    let all = cli::definition();
    clap::Command::new("dstream")
        .version(env!("CARGO_PKG_VERSION"))
        .args(all.get_arguments().cloned())
        .subcommands(all.get_subcommands().filter(|c| !c.is_hide_set()).cloned())
}
