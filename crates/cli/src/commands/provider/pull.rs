//! `dstream provider pull`.

use std::collections::BTreeMap;

use clap::Args;
use dstream_config::Select;
use dstream_registry::{Locked, RemoteEvent, Wanted};
use serde_json::{Value, json};

use super::desk;
use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::Context;
use crate::locks::unlocked;
use crate::problem::Result;
use crate::project::Project;
use crate::pulls::listener;

/// Pull providers into the cache: a reference, or everything that the project has locked.
///
/// The lock file is not changed. The cache is shared by all projects of a user.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream provider pull\n  dstream provider pull ghcr.io/acme/dstream-in-foo:v1.2.0"
)]
pub(crate) struct Pull {
    /// What to pull. Default: what the lock file names and a task asks for.
    #[arg(value_name = "REFERENCE")]
    reference: Option<String>,
    #[command(flatten)]
    vars: Vars,
}

pub(crate) async fn run(context: &Context, args: &Pull) -> Result<Answer> {
    let pulled = match &args.reference {
        Some(reference) => vec![one(context, reference).await?],
        None => locked(context, &args.vars).await?,
    };
    let lines: Vec<String> = pulled.iter().map(|p| format!("{}  {}", p.key, p.path)).collect();
    let text = if lines.is_empty() { "Nothing is locked.".to_owned() } else { lines.join("\n") };
    let document: Vec<Value> = pulled
        .iter()
        .map(|p| json!({ "provider": p.key, "digest": p.locked.digest.to_string(), "program": p.path }))
        .collect();
    Ok(Answer::new(text, json!({ "pulled": document })))
}

struct Pulled {
    key: String,
    locked: Locked,
    path: String,
}

/// One that need not belong to any project.
async fn one(context: &Context, text: &str) -> Result<Pulled> {
    let store = desk::store(context)?;
    let wanted = Wanted::Exactly(desk::reference(text)?);
    let locked = store.pin(&wanted).await.map_err(|e| desk::unpinned(&e))?;
    let key = wanted.key();
    let tell = listener(&context.screen, context.global.json);
    let pull = |event| tell(&key, &RemoteEvent::Pull(event));
    let path = store.install(&wanted, &locked, &pull).await.map_err(|e| desk::unpinned(&e))?;
    tell(&key, &RemoteEvent::Pulled);
    store.description(&wanted, &locked).await.map_err(|e| desk::unpinned(&e))?;
    Ok(Pulled { key, locked, path: path.display().to_string() })
}

/// Everything that the project's tasks run, as it is locked.
async fn locked(context: &Context, vars: &Vars) -> Result<Vec<Pulled>> {
    let project = Project::load(context, vars, Select::Nothing)?;
    let remote = project.registry.remote();
    let wanted: BTreeMap<String, Wanted> = project.wanted(project.loaded.tasks.iter());
    let mut all = Vec::new();
    for (key, wanted) in wanted {
        let locked = remote.pinned(&wanted).await.map_err(|e| unlocked(&e))?;
        let path = remote.install(&wanted, &locked).await.map_err(|e| unlocked(&e))?;
        let described = remote.store().description(&wanted, &locked).await;
        described.map_err(|e| desk::unpinned(&e))?;
        all.push(Pulled { key, locked, path: path.display().to_string() });
    }
    Ok(all)
}
