//! `dstream provider list`.

use std::collections::BTreeMap;

use clap::Args;
use dstream_config::Select;
use dstream_registry::oci::tags::versions;
use dstream_registry::store::here;
use dstream_registry::{Locked, Remote, Wanted};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::Context;
use crate::locks::signer;
use crate::problem::{Problem, Result};
use crate::project::Project;
use crate::report::format::bytes;
use crate::table::Table;

/// List the providers that tasks take from registries: what is locked, pulled, and out of date.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dstream provider list\n  dstream provider list --offline")]
pub(crate) struct List {
    /// Do not ask the registries for newer versions.
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    vars: Vars,
}

pub(crate) async fn run(context: &Context, args: &List) -> Result<Answer> {
    let project = Project::load(context, &args.vars, Select::Nothing)?;
    let remote = project.registry.remote();
    let users = users(&project);
    let mut table =
        Table::new(["PROVIDER", "VERSION", "NEWEST", "PULLED", "SIZE", "SIGNER", "TASKS"]);
    let mut documents: Vec<Value> = Vec::new();
    for (key, wanted) in project.wanted(project.loaded.tasks.iter()) {
        let row = Row::new(context, remote, &wanted, args.offline).await;
        let tasks = users.get(&key).map(|t| t.join(", ")).unwrap_or_default();
        documents.push(json!({
            "provider": key, "version": row.version, "newest": row.newest, "pulled": row.pulled,
            "bytes": row.size, "signer": row.locked.as_ref().map(signer), "tasks": users.get(&key),
        }));
        let dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let pulled = if row.pulled { "yes" } else { "no" }.to_owned();
        table.row([
            key,
            dash(row.version),
            dash(row.newest),
            pulled,
            dash(row.size.map(bytes)),
            dash(row.locked.and_then(|l| l.signer).map(|signer| signer.short())),
            tasks,
        ]);
    }
    let cached = remote.store().cache.entries().map_err(|e| {
        e.help().into_iter().fold(Problem::io(e.to_string(), &e.source), Problem::help)
    })?;
    let total = cached.iter().map(|entry| entry.size).sum();
    let folder = remote.store().cache.folder().display();
    let mut text = match table.is_empty() {
        true => "No task takes a provider from a registry.".to_owned(),
        false => table.render(context.screen.color_out),
    };
    text.push_str(&format!("\n\ncache: {folder}, {}", bytes(total)));
    let document = json!({ "providers": documents, "cache": { "folder": folder.to_string(), "bytes": total } });
    Ok(Answer::new(text, document))
}

struct Row {
    version: Option<String>,
    newest: Option<String>,
    pulled: bool,
    size: Option<u64>,
    locked: Option<Locked>,
}

impl Row {
    async fn new(context: &Context, remote: &Remote, wanted: &Wanted, offline: bool) -> Self {
        let lock = remote.lock();
        let locked = wanted.locked(&lock).ok();
        let store = remote.store();
        let newest = match offline {
            true => None,
            false => match store.registries.tags(wanted.reference()).await {
                Ok(tags) => {
                    let all = versions(&tags);
                    let stable = all.iter().rev().find(|(v, _)| v.pre.is_empty()).or(all.last());
                    stable.map(|(_, tag)| tag.clone())
                }
                Err(error) => {
                    context.screen.error(&format!("warning: no newest version: {error}"));
                    None
                }
            },
        };
        Self {
            version: locked.map(|l| l.version()),
            newest,
            pulled: locked.is_some_and(|l| matches!(store.installed(wanted, l), Ok(Some(_)))),
            size: locked.and_then(|l| here(wanted, l).ok()).map(|b| b.program.size),
            locked: locked.cloned(),
        }
    }
}

/// The tasks that use each.
fn users(project: &Project) -> BTreeMap<String, Vec<String>> {
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for task in &project.loaded.tasks {
        for key in project.wanted(std::iter::once(task)).into_keys() {
            users.entry(key).or_default().push(task.name.clone());
        }
    }
    users
}
