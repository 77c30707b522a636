//! `dstream provider push`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use dstream_engine::describe::{Asked, describe};
use dstream_protocol::Description;
use dstream_registry::oci::{Form, Publication};
use dstream_registry::remote::Listener;
use dstream_registry::{Platform, Reference, RemoteEvent};
use serde_json::json;

use super::desk;
use crate::answer::Answer;
use crate::context::{Context, value};
use crate::problem::{Problem, Result};
use crate::pulls::listener;

/// Publish a provider: its binaries for several platforms, and what it says of itself.
///
/// The binary for this platform is asked to `describe` itself; a version in the tag must be the one that
/// it names. The same files make the same digests.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream provider push ghcr.io/acme/dstream-in-foo:v1.2.0 linux_amd64=target/release/dstream-in-foo darwin_arm64=mac/dstream-in-foo"
)]
pub(crate) struct Push {
    /// Where to: registry, repository and tag.
    #[arg(value_name = "REFERENCE")]
    reference: String,
    /// The binaries. Without a platform: for the one that dstream runs on.
    #[arg(value_name = "[PLATFORM=]FILE", required = true)]
    binaries: Vec<String>,
    /// What the provider prints for `describe`, where none of the binaries runs here.
    #[arg(long, value_name = "FILE")]
    description: Option<PathBuf>,
    /// A note for readers, such as `org.opencontainers.image.source=https://…`; may be given several times.
    #[arg(long, value_name = "NAME=VALUE", value_parser = annotation)]
    annotation: Vec<(String, String)>,
    /// How it is stored: an index with a manifest for each platform, or the original tools' one artifact.
    #[arg(long, value_enum, default_value = "index")]
    form: FormName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormName {
    Index,
    Artifact,
}

pub(crate) async fn run(context: &Context, args: &Push) -> Result<Answer> {
    let reference = desk::reference(&args.reference)?;
    if reference.tag().is_none() || reference.digest().is_some() {
        return Err(Problem::usage(format!("{reference} needs a tag to be published under"))
            .help("write it as `ghcr.io/acme/dstream-in-foo:v1.2.0`, without a digest"));
    }
    let programs = binaries(&args.binaries)?;
    let description = described(context, args, &programs).await?;
    fits(&reference, &description)?;
    let publication = Publication {
        programs,
        description: serde_json::to_vec(&description).unwrap_or_default(),
        annotations: args.annotation.iter().cloned().collect(),
    };
    let form = match args.form {
        FormName::Index => Form::Index,
        FormName::Artifact => Form::Artifact,
    };
    let store = desk::store(context)?;
    let tell: Listener = listener(&context.screen, true);
    let push = |platform: &Platform, event| {
        tell(&platform.to_string(), &RemoteEvent::Pull(event));
    };
    let digest = store.registries.publish(&reference, &publication, form, &push).await;
    let digest = digest.map_err(|e| desk::unpulled(&e))?;
    let platforms: Vec<String> = publication.programs.keys().map(ToString::to_string).collect();
    let Description { name, version, .. } = &description;
    let text =
        format!("pushed {reference}\n{name} {version} for {}\n{digest}", platforms.join(", "));
    let document = json!({
        "reference": reference.to_string(),
        "digest": digest.to_string(),
        "platforms": platforms,
        "description": value(&description),
    });
    Ok(Answer::new(text, document))
}

fn annotation(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// The file for each platform.
fn binaries(arguments: &[String]) -> Result<BTreeMap<Platform, PathBuf>> {
    let mut programs = BTreeMap::new();
    for argument in arguments {
        let named = argument.split_once('=').and_then(|(p, file)| Some((p.parse().ok()?, file)));
        let (platform, file): (Platform, &str) = match named {
            Some(named) => named,
            None if argument.contains('=') && !Path::new(argument).is_file() => {
                return Err(Problem::usage(format!("`{argument}` begins with no platform")).help(
                    "write it as `linux_amd64=FILE`, `darwin_arm64=FILE`, `windows_amd64=FILE`",
                ));
            }
            None => (Platform::current(), argument),
        };
        if !Path::new(file).is_file() {
            return Err(Problem::usage(format!("there is no file {file}")));
        }
        if programs.insert(platform.clone(), PathBuf::from(file)).is_some() {
            return Err(Problem::usage(format!("there are two binaries for {platform}")));
        }
    }
    Ok(programs)
}

/// What the provider says of itself: the binary for this machine is asked, and must say the same as a file.
async fn described(
    context: &Context,
    args: &Push,
    programs: &BTreeMap<Platform, PathBuf>,
) -> Result<Description> {
    let stored = args.description.as_deref().map(read).transpose()?;
    let asked = match programs.get(&Platform::current()) {
        None => None,
        Some(path) => {
            let path = std::path::absolute(path)
                .map_err(|e| Problem::io(format!("cannot use {}", path.display()), &e))?;
            let asked = describe(Asked::local(&path, &context.environment)).await;
            Some(asked.map_err(|e| {
                Problem::usage(e.to_string())
                    .help("a provider that is published must answer `describe`; docs/protocol.md says how")
            })?)
        }
    };
    match (asked, stored) {
        (Some(asked), Some(stored)) if asked != stored => Err(Problem::usage(
            "the file given with `--description` is not what the binary says of itself",
        )
        .help("leave it out: the binary for this machine is asked")),
        (Some(description), _) | (None, Some(description)) => Ok(description),
        (None, None) => Err(Problem::usage(format!(
            "none of the binaries is for {}, so none can be asked what it is",
            Platform::current()
        ))
        .help("give what it prints for `describe`: `--description FILE`")),
    }
}

fn read(file: &Path) -> Result<Description> {
    let text = std::fs::read(file)
        .map_err(|e| Problem::io(format!("cannot read {}", file.display()), &e))?;
    serde_json::from_slice(&text).map_err(|e| {
        Problem::usage(format!("{} is no description of a provider: {e}", file.display()))
    })
}

/// A tag that is a version is the provider's own: what is locked by one must be the other.
fn fits(reference: &Reference, description: &Description) -> Result<()> {
    let tag = reference.tag().unwrap_or_default();
    let Ok(tagged) = semver::Version::parse(tag.strip_prefix('v').unwrap_or(tag)) else {
        return Ok(());
    };
    let Description { name, version, .. } = description;
    if semver::Version::parse(version).is_ok_and(|own| own == tagged) {
        return Ok(());
    }
    Err(Problem::usage(format!("the tag is {tag}, and {name} says that it is version {version}"))
        .help(format!(
            "push it as `{}:v{version}`, or build the version that you mean",
            reference.source()
        )))
}
