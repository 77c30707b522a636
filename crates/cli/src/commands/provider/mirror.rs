//! `dstream provider mirror`.

use std::path::PathBuf;

use clap::Args;
use dstream_config::Select;
use dstream_registry::oci::Layout;
use dstream_registry::{Reference, RemoteEvent};
use serde_json::{Value, json};

use super::desk;
use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::Context;
use crate::locks::unlocked;
use crate::problem::Result;
use crate::project::Project;
use crate::pulls::listener;
use crate::report::format::bytes;

/// Copy providers into a folder, all platforms, with their signatures, to carry them into a closed network.
///
/// There, `push --from DIR --to REGISTRY` fills a registry, and the setting `mirror` of a `registry` block has it
/// asked in the place of the others: task and lock file stay as they are.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream provider mirror ./mirror\n  dstream provider mirror ./mirror ghcr.io/acme/dstream-in-foo:v1.2.0"
)]
pub(crate) struct Mirror {
    /// The folder; what is in it already stays.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// What to copy. Default: what the lock file names and a task asks for.
    #[arg(value_name = "REFERENCE")]
    references: Vec<String>,
    #[command(flatten)]
    vars: Vars,
}

pub(crate) async fn run(context: &Context, args: &Mirror) -> Result<Answer> {
    let store = desk::store(context)?;
    let layout = Layout::new(&args.folder);
    let tell = listener(&context.screen, true);
    let (mut lines, mut documents): (Vec<String>, Vec<Value>) = (Vec::new(), Vec::new());
    for Chosen { from, name } in chosen(context, args).await? {
        let pull = |what: &str, event| tell(what, &RemoteEvent::Pull(event));
        let parts = store.registries.collect(&from, &layout, &pull).await;
        let parts = parts.map_err(|e| desk::unpulled(&e))?;
        layout.write(&name, &parts).map_err(|e| desk::unpulled(&e))?;
        let signatures = store.registries.collect_signatures(&from, &parts.digest()).await;
        for (name, signatures) in signatures.map_err(|e| desk::unpulled(&e.into()))? {
            layout.write(&name, &signatures).map_err(|e| desk::unpulled(&e))?;
        }
        lines.push(format!("{name}  {}, {}", parts.digest(), bytes(parts.size())));
        let (reference, digest) = (name.to_string(), parts.digest().to_string());
        documents.push(json!({ "reference": reference, "digest": digest, "bytes": parts.size() }));
    }
    if lines.is_empty() {
        lines.push("Nothing is locked.".to_owned());
    }
    let folder = args.folder.display().to_string();
    Ok(Answer::new(lines.join("\n"), json!({ "folder": folder, "copied": documents })))
}

/// What is fetched, and what it is called in the folder.
struct Chosen {
    from: Reference,
    name: Reference,
}

async fn chosen(context: &Context, args: &Mirror) -> Result<Vec<Chosen>> {
    if !args.references.is_empty() {
        let each = args.references.iter().map(|text| {
            let reference = desk::reference(text)?;
            Ok(Chosen { from: reference.clone(), name: reference })
        });
        return each.collect();
    }
    let project = Project::load(context, &args.vars, Select::Nothing)?;
    let remote = project.registry.remote();
    let mut chosen = Vec::new();
    for wanted in project.wanted(project.loaded.tasks.iter()).into_values() {
        let locked = remote.pinned(&wanted).await.map_err(|e| unlocked(&e))?;
        let source = wanted.reference();
        let name = match &locked.tag {
            Some(tag) => source.with_tag(tag),
            None => source.clone(),
        };
        // What is locked, wherever its tag leads to by now.
        chosen.push(Chosen { from: name.with_digest(locked.digest), name });
    }
    Ok(chosen)
}
