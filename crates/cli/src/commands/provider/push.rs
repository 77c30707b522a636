//! `dstream provider push`.

use std::path::{Path, PathBuf};

use clap::Args;
use dstream_registry::oci::layout::is_layout;
use dstream_registry::oci::signatures::{is_signature, referrers_tag, simple_tag};
use dstream_registry::oci::{Layout, Parts};
use dstream_registry::{Digest, Reference, RemoteEvent, Store};
use serde_json::{Value, json};

use super::binaries::{Assembled, Binaries};
use super::desk;
use super::signing::{Signing, sign};
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
    #[command(flatten)]
    signing: Signing,
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
    let key = args.signing.key(context)?;
    let assembled = args.binaries.assemble(context, &reference).await?;
    let store = desk::store(context)?;
    let digest = send(context, &store, &reference, &assembled.parts).await?;
    let signer = sign(&store, &reference, &digest, key.as_ref()).await?;
    let mut text = format!("pushed {reference}\n{}", assembled.lines());
    if let Some(signer) = &signer {
        text.push_str(&format!("\nsigned by {signer}"));
    }
    let Assembled { description, platforms, .. } = assembled;
    let document = json!({
        "reference": reference.to_string(),
        "digest": digest.to_string(),
        "platforms": platforms,
        "description": value(&description),
        "signer": signer.as_ref().map(ToString::to_string),
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
    let key = args.signing.key(context)?;
    let layout = Layout::new(folder);
    let chosen = chosen(&layout, only)?;
    let store = desk::store(context)?;
    let (mut lines, mut documents, mut pushed) = (Vec::new(), Vec::<Value>::new(), Vec::new());
    for reference in chosen {
        let parts = layout.read(&reference).map_err(|e| desk::unpulled(&e))?;
        let to = renamed(&reference, args.to.as_deref())?;
        if is_signature(&to) {
            let sent = store.registries.send_signatures(&to, &parts).await;
            sent.map_err(|e| desk::unpulled(&e))?;
            lines.push(format!("pushed {to}"));
            continue;
        }
        let digest = send(context, &store, &to, &parts).await?;
        lines.push(format!("pushed {to}  {digest}"));
        documents.push(json!({ "from": reference.to_string(), "reference": to.to_string(), "digest": digest.to_string() }));
        pushed.push((to, digest));
    }
    // Behind all: what the folder has of signatures is there by now, and stays.
    for (to, digest) in &pushed {
        if let Some(signer) = sign(&store, to, digest, key.as_ref()).await? {
            lines.push(format!("signed {to}  by {signer}"));
        }
    }
    Ok(Answer::new(lines.join("\n"), json!({ "pushed": documents })))
}

/// What is pushed from a folder: everything, or one provider and its signatures.
fn chosen(layout: &Layout, only: Option<&str>) -> Result<Vec<Reference>> {
    let there = layout.references().map_err(|e| desk::unpulled(&e))?;
    let Some(only) = only else { return Ok(there) };
    let only = desk::reference(only)?;
    let digest = layout.read(&only).map_err(|e| desk::unpulled(&e))?.digest();
    let signatures = [simple_tag(&digest), referrers_tag(&digest)].map(|tag| only.with_tag(&tag));
    let signatures = signatures.into_iter().filter(|signature| there.contains(signature));
    Ok(std::iter::once(only.clone()).chain(signatures).collect())
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
