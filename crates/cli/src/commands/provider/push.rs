//! `dstream provider push`.

use std::path::{Path, PathBuf};

use clap::Args;
use dstream_registry::oci::{Layout, Parts, layout::is_layout};
use dstream_registry::{Digest, Reference, RemoteEvent, Store};
use serde_json::{Value, json};

use super::binaries::{Assembled, Binaries};
use super::desk;
use crate::answer::Answer;
use crate::context::{Context, value};
use crate::problem::{Problem, Result};
use crate::pulls::listener;

/// Publish a provider: its binaries for several platforms, and what it says of itself.
///
/// The binary for this platform is asked to `describe` itself; a version in the tag must be the one that
/// it names. The same files make the same digests. With `--from`: what `package` or `mirror` put into a folder.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream provider push ghcr.io/acme/dstream-in-foo:v1.2.0 linux_amd64=target/release/dstream-in-foo darwin_arm64=mac/dstream-in-foo\n  dstream provider push --from ./mirror --to registry.lan:5000/ghcr"
)]
pub(crate) struct Push {
    /// Where to: registry, repository and tag. With `--from`: only this one of the folder.
    #[arg(value_name = "REFERENCE", required_unless_present = "from")]
    reference: Option<String>,
    #[command(flatten)]
    binaries: Binaries,
    /// Push what is in this folder, an OCI image layout.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["binaries", "description", "annotation", "form"])]
    from: Option<PathBuf>,
    /// Where what is in the folder goes in the place of its own registry: a registry, perhaps with a path.
    #[arg(long, value_name = "REGISTRY", requires = "from")]
    to: Option<String>,
}

pub(crate) async fn run(context: &Context, args: &Push) -> Result<Answer> {
    match (&args.from, &args.reference) {
        (Some(folder), only) => from(context, args, folder, only.as_deref()).await,
        (None, Some(reference)) => binaries(context, args, reference).await,
        (None, None) => Err(Problem::usage("push what, and where to?")),
    }
}

async fn binaries(context: &Context, args: &Push, reference: &str) -> Result<Answer> {
    let reference = desk::reference(reference)?;
    if args.binaries.binaries.is_empty() {
        return Err(Problem::usage("there is no binary to push")
            .help("name them behind the reference: `linux_amd64=FILE darwin_arm64=FILE`"));
    }
    let assembled = args.binaries.assemble(context, &reference).await?;
    let store = desk::store(context)?;
    let digest = send(context, &store, &reference, &assembled.parts).await?;
    let text = format!("pushed {reference}\n{}", assembled.lines());
    let Assembled { description, platforms, .. } = assembled;
    let document = json!({
        "reference": reference.to_string(),
        "digest": digest.to_string(),
        "platforms": platforms,
        "description": value(&description),
    });
    Ok(Answer::new(text, document))
}

/// Everything of a folder, or one reference of it.
async fn from(context: &Context, args: &Push, folder: &Path, only: Option<&str>) -> Result<Answer> {
    if !is_layout(folder) {
        return Err(Problem::usage(format!("{} holds no providers", folder.display())).help(
            "`dstream provider mirror DIR` or `dstream provider package DIR …` makes such a folder",
        ));
    }
    let layout = Layout::new(folder);
    let there = layout.references().map_err(|e| desk::unpulled(&e))?;
    let chosen: Vec<Reference> = match only {
        None => there,
        Some(only) => vec![desk::reference(only)?],
    };
    let store = desk::store(context)?;
    let (mut lines, mut documents): (Vec<String>, Vec<Value>) = (Vec::new(), Vec::new());
    for reference in chosen {
        let parts = layout.read(&reference).map_err(|e| desk::unpulled(&e))?;
        let to = renamed(&reference, args.to.as_deref())?;
        let digest = send(context, &store, &to, &parts).await?;
        lines.push(format!("pushed {to}  {digest}"));
        documents.push(json!({ "from": reference.to_string(), "reference": to.to_string(), "digest": digest.to_string() }));
    }
    Ok(Answer::new(lines.join("\n"), json!({ "pushed": documents })))
}

async fn send(
    context: &Context,
    store: &Store,
    reference: &Reference,
    parts: &Parts,
) -> Result<Digest> {
    let tell = listener(&context.screen, true);
    let push = |name: &str, event| tell(name, &RemoteEvent::Pull(event));
    store.registries.send(reference, parts, &push).await.map_err(|e| desk::unpulled(&e))
}

/// The same path, tag and digest in another registry: what its `mirror` setting looks for.
fn renamed(reference: &Reference, to: Option<&str>) -> Result<Reference> {
    let Some(to) = to else { return Ok(reference.clone()) };
    let mut renamed = desk::reference(&format!("{to}/{}", reference.repository()))?;
    if let Some(tag) = reference.tag() {
        renamed = renamed.with_tag(tag);
    }
    Ok(match reference.digest() {
        Some(digest) => renamed.with_digest(digest.clone()),
        None => renamed,
    })
}
