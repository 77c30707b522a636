//! What a person gives to publish: programs for platforms, notes, and what the provider says of itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use dstream_engine::describe::{Asked, describe};
use dstream_protocol::Description;
use dstream_registry::oci::{Form, Parts, Publication};
use dstream_registry::{Platform, Reference};

use crate::context::Context;
use crate::problem::{Problem, Result};

/// What `push` and `package` take.
#[derive(Debug, Args)]
pub(crate) struct Binaries {
    /// The binaries. Without a platform: for the one that dstream runs on.
    #[arg(value_name = "[PLATFORM=]FILE")]
    pub(super) binaries: Vec<String>,
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

/// Ready to be sent somewhere.
pub(super) struct Assembled {
    pub(super) parts: Parts,
    pub(super) description: Description,
    pub(super) platforms: Vec<String>,
}

impl Assembled {
    /// For people: what it is, for which platforms, and its digest.
    pub(super) fn lines(&self) -> String {
        let Description { name, version, .. } = &self.description;
        format!("{name} {version} for {}\n{}", self.platforms.join(", "), self.parts.digest())
    }
}

impl Binaries {
    /// Checks everything and puts it together for a reference.
    pub(super) async fn assemble(
        &self,
        context: &Context,
        reference: &Reference,
    ) -> Result<Assembled> {
        if reference.tag().is_none() || reference.digest().is_some() {
            return Err(Problem::usage(format!("{reference} needs a tag to be published under"))
                .help("write it as `ghcr.io/acme/dstream-in-foo:v1.2.0`, without a digest"));
        }
        let programs = programs(&self.binaries)?;
        let description = self.described(context, &programs).await?;
        fits(reference, &description)?;
        let platforms = programs.keys().map(ToString::to_string).collect();
        let publication = Publication {
            name: reference.name().to_owned(),
            programs,
            description: serde_json::to_vec(&description).unwrap_or_default(),
            annotations: self.annotation.iter().cloned().collect(),
        };
        let form = match self.form {
            FormName::Index => Form::Index,
            FormName::Artifact => Form::Artifact,
        };
        let parts =
            publication.assemble(form).map_err(|e| Problem::io(e.to_string(), &e.source))?;
        Ok(Assembled { parts, description, platforms })
    }

    /// What the provider says of itself: the binary for this machine is asked, and must say the same as a file.
    async fn described(
        &self,
        context: &Context,
        programs: &BTreeMap<Platform, PathBuf>,
    ) -> Result<Description> {
        let stored = self.description.as_deref().map(read).transpose()?;
        let asked = match programs.get(&Platform::current()) {
            None => None,
            Some(path) => Some(ask(context, path).await?),
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
}

fn annotation(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// The file for each platform.
fn programs(arguments: &[String]) -> Result<BTreeMap<Platform, PathBuf>> {
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

async fn ask(context: &Context, path: &Path) -> Result<Description> {
    let path = std::path::absolute(path)
        .map_err(|e| Problem::io(format!("cannot use {}", path.display()), &e))?;
    describe(Asked::local(&path, &context.environment)).await.map_err(|e| {
        Problem::usage(e.to_string())
            .help("a provider that is published must answer `describe`; docs/protocol.md says how")
    })
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
    let tagged = semver::Version::parse(tag.strip_prefix('v').unwrap_or(tag));
    let Ok(tagged) = tagged else { return Ok(()) };
    let Description { name, version, .. } = description;
    if semver::Version::parse(version).is_ok_and(|own| own == tagged) {
        return Ok(());
    }
    let summary = format!("the tag is {tag}, and {name} says that it is version {version}");
    let source = reference.source();
    Err(Problem::usage(summary)
        .help(format!("push it as `{source}:v{version}`, or build the version that you mean")))
}
