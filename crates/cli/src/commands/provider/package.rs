//! `dstream provider package`.

use std::path::PathBuf;

use clap::Args;
use dstream_registry::oci::Layout;
use serde_json::json;

use super::binaries::{Assembled, Binaries};
use super::desk;
use crate::answer::Answer;
use crate::context::{Context, value};
use crate::problem::{Problem, Result};

/// Put a provider into a folder as `push` would put it into a registry; `push --from` sends it later.
///
/// The folder is an OCI image layout, which other tools read as well.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream provider package ./dist ghcr.io/acme/dstream-in-foo:v1.2.0 linux_amd64=target/release/dstream-in-foo"
)]
pub(crate) struct Package {
    /// The folder; what is in it already stays.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// What it will be called: registry, repository and tag.
    #[arg(value_name = "REFERENCE")]
    reference: String,
    #[command(flatten)]
    binaries: Binaries,
}

pub(crate) async fn run(context: &Context, args: &Package) -> Result<Answer> {
    let reference = desk::reference(&args.reference)?;
    if args.binaries.binaries.is_empty() {
        return Err(Problem::usage("there is no binary to package")
            .help("name them behind the reference: `linux_amd64=FILE darwin_arm64=FILE`"));
    }
    let assembled = args.binaries.assemble(context, &reference).await?;
    let layout = Layout::new(&args.folder);
    layout.write(&reference, &assembled.parts).map_err(|e| desk::unpulled(&e))?;
    let folder = args.folder.display();
    let text = format!("packaged {reference} in {folder}\n{}", assembled.lines());
    let Assembled { parts, description, platforms } = assembled;
    let digest = parts.digest();
    let document = json!({
        "reference": reference.to_string(),
        "folder": folder.to_string(),
        "digest": digest.to_string(),
        "platforms": platforms,
        "description": value(&description),
    });
    Ok(Answer::new(text, document))
}
