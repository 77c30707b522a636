//! `dstream provider show`.

use clap::Args;
use dstream_protocol::Description;
use dstream_registry::oci::Form;
use dstream_registry::signature::{Distrust, Signer};
use dstream_registry::{Digest, Locked, PinError, Store, Wanted};
use serde_json::json;

use super::desk;
use crate::answer::Answer;
use crate::context::{Context, value};
use crate::locks;
use crate::problem::Result;
use crate::report::format::bytes;
use crate::table::{Table, bold};

/// Show what a registry has of a provider: platforms, sizes, digests, settings. Nothing is run.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dstream provider show ghcr.io/acme/dstream-in-foo:v1.2.0")]
pub(crate) struct Show {
    /// What to show.
    #[arg(value_name = "REFERENCE")]
    reference: String,
}

pub(crate) async fn run(context: &Context, args: &Show) -> Result<Answer> {
    let store = desk::store(context)?;
    let reference = desk::reference(&args.reference)?;
    let package = store.package(&reference).await.map_err(|e| desk::unpulled(&e.into()))?;
    let wanted = Wanted::Exactly(reference);
    let (signature, signer) = signature(&store, &wanted, &package.digest).await?;
    let locked = Locked { signer, ..Locked::new(&package, None, None) };
    // What it is does not depend on this machine's being among its platforms.
    let description = match package.binaries.values().find_map(|b| b.description.as_ref()) {
        Some(digest) => {
            let bytes = store.registries.small(wanted.reference(), digest, &store.cache).await;
            let bytes = bytes.map_err(|e| desk::unpulled(&e))?;
            serde_json::from_slice::<Description>(&bytes).ok()
        }
        None => None,
    };
    let color = context.screen.color_out;
    let form = match package.form {
        Form::Index => "index",
        Form::Artifact => "artifact",
    };
    let mut lines = vec![
        bold(&wanted.key(), color),
        format!("digest  {}", package.digest),
        format!("form    {form}"),
        format!("signed  {signature}"),
    ];
    lines.extend(package.annotations.iter().map(|(name, value)| format!("{name}  {value}")));
    let mut table = Table::new(["PLATFORM", "SIZE", "DIGEST"]);
    for (platform, binary) in &locked.platforms {
        let program = &binary.program;
        table.row([platform.to_string(), bytes(program.size), program.digest.to_string()]);
    }
    lines.extend([String::new(), table.render(color), String::new()]);
    lines.push(match &description {
        Some(description) => super::describe::text(description, color),
        None => "It has no description: a version-1 provider.".to_owned(),
    });
    let platforms: serde_json::Map<String, serde_json::Value> = locked
        .platforms
        .iter()
        .map(|(platform, binary)| {
            let program = &binary.program;
            let of = json!({ "digest": program.digest.to_string(), "size": program.size });
            (platform.to_string(), of)
        })
        .collect();
    let document = json!({
        "reference": wanted.key(),
        "digest": package.digest.to_string(),
        "form": form,
        "signer": locks::signer(&locked),
        "annotations": package.annotations,
        "platforms": platforms,
        "description": description.as_ref().map(value),
    });
    Ok(Answer::new(lines.join("\n"), document))
}

/// Who signed it: for people, and for programs.
async fn signature(
    store: &Store,
    wanted: &Wanted,
    digest: &Digest,
) -> Result<(String, Option<Signer>)> {
    match store.signers(wanted, digest).await {
        Ok(signers) => {
            let names: Vec<String> = signers.iter().map(ToString::to_string).collect();
            let said = match names.is_empty() {
                true => "by nobody who is known here".to_owned(),
                false => format!("by {}", names.join(", ")),
            };
            Ok((said, signers.into_iter().next()))
        }
        Err(PinError::Distrusted { distrust: Distrust::Nobody { reasons }, .. }) => {
            Ok((format!("by nobody whom `trust` names: {}", reasons.join("; ")), None))
        }
        Err(PinError::Distrusted { .. }) => Ok(("by nobody".to_owned(), None)),
        Err(error) => Err(desk::unpinned(&error)),
    }
}
