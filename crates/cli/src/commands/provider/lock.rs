//! `dstream provider lock`.

use clap::Args;
use dstream_config::Select;
use serde_json::json;

use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::Context;
use crate::locks::{Change, NewSigner, renew};
use crate::problem::{Problem, Result};
use crate::project::Project;

/// Ask the registries again which contents are meant, and write them into the lock file.
///
/// The lock file holds the digest of every platform's binary, so that one made on a laptop serves the
/// servers. What no task asks for any more leaves it. Nothing is pulled.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream provider lock\n  dstream provider lock ghcr.io/acme/dstream-in-foo"
)]
pub(crate) struct Lock {
    /// Only these, as the lock file names them. Default: all.
    #[arg(value_name = "PROVIDER")]
    providers: Vec<String>,
    /// Lock a version that somebody else signed than the one that is locked, or nobody.
    #[arg(long)]
    accept_signer: bool,
    #[command(flatten)]
    vars: Vars,
}

pub(crate) async fn run(context: &Context, args: &Lock) -> Result<Answer> {
    let project = Project::load(context, &args.vars, Select::Nothing)?;
    let wanted = project.wanted(project.loaded.tasks.iter());
    let lock = project.registry.remote().lock();
    let known = |key: &String| wanted.contains_key(key) || lock.providers.contains_key(key);
    if let Some(unknown) = args.providers.iter().find(|key| !known(key)) {
        let names: Vec<&str> = wanted.keys().map(String::as_str).collect();
        let problem = Problem::usage(format!("no task takes `{unknown}` from a registry"));
        return Err(problem.help(format!("those that tasks take: {}", names.join(", "))));
    }
    let chosen = |key: &str| args.providers.is_empty() || args.providers.iter().any(|p| p == key);
    let changes = renew(&project, &wanted, &chosen, NewSigner::of(args.accept_signer)).await?;
    let mut lines: Vec<String> = changes.iter().map(Change::line).collect();
    if lines.is_empty() {
        lines.push("Nothing to lock: no task takes a provider from a registry.".to_owned());
    }
    let document = json!({ "changes": changes.iter().map(Change::to_json).collect::<Vec<_>>() });
    Ok(Answer::new(lines.join("\n"), document))
}
