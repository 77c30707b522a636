//! `dstream provider catalogue` and `dstream provider search`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use dstream_config::Select;
use dstream_registry::oci::{Catalogue, Listed};
use serde_json::json;

use super::desk;
use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::{Context, value};
use crate::problem::{Problem, Result};
use crate::project::Project;
use crate::table::Table;

/// Catalogues: make one from a folder of descriptions, publish one.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream provider catalogue build ./descriptions --source ghcr.io/acme"
)]
pub(crate) struct Catalogues {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Build(Build),
    Push(Push),
}

/// Make a catalogue from a folder of descriptions, what providers print for `describe`, and print it.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream provider catalogue build ./descriptions --source ghcr.io/acme > catalogue.json"
)]
pub(crate) struct Build {
    /// The folder; every `*.json` in it is one description.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Where they are published: `PREFIX/dstream-NAME`.
    #[arg(long, value_name = "PREFIX")]
    source: String,
}

/// Publish a catalogue.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream provider catalogue push ghcr.io/acme/catalogue:latest catalogue.json"
)]
pub(crate) struct Push {
    /// Where to: registry, repository and tag.
    #[arg(value_name = "REFERENCE")]
    reference: String,
    /// What `build` printed.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Find providers in catalogues.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream provider search postgres\n  dstream provider search --catalogue ghcr.io/acme/catalogue:latest input"
)]
pub(crate) struct Search {
    /// What they must have in their name, roles or description; all of them.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// Look in this one, or in a file; may be given several times. Default: `catalogues` of the task file.
    #[arg(long, value_name = "REFERENCE")]
    catalogue: Vec<String>,
    #[command(flatten)]
    vars: Vars,
}

impl Catalogues {
    pub(crate) fn name(&self) -> &'static str {
        match self.command {
            Command::Build(_) => "provider catalogue build",
            Command::Push(_) => "provider catalogue push",
        }
    }
}

pub(crate) async fn run(context: &Context, args: &Catalogues) -> Result<Answer> {
    match &args.command {
        Command::Build(args) => build(args),
        Command::Push(args) => push(context, args).await,
    }
}

fn build(args: &Build) -> Result<Answer> {
    let prefix = args.source.trim_end_matches('/');
    // A source must be a reference when a name is put behind it.
    desk::reference(&format!("{prefix}/dstream-x"))?;
    let catalogue =
        Catalogue::of_folder(&args.folder, prefix).map_err(|e| Problem::usage(e.to_string()))?;
    let text = serde_json::to_string_pretty(&catalogue).unwrap_or_default();
    Ok(Answer::new(text, json!({ "catalogue": value(&catalogue) })))
}

async fn push(context: &Context, args: &Push) -> Result<Answer> {
    let reference = desk::reference(&args.reference)?;
    let catalogue = read(&args.file)?;
    let store = desk::store(context)?;
    let sent = store.registries.send(&reference, &catalogue.parts(), &|_, _| {}).await;
    let digest = sent.map_err(|e| desk::unpulled(&e))?;
    let count = catalogue.providers.len();
    let text = format!("pushed {reference}: {count} providers\n{digest}");
    let document = json!({ "reference": reference.to_string(), "digest": digest.to_string(), "providers": count });
    Ok(Answer::new(text, document))
}

pub(crate) async fn search(context: &Context, args: &Search) -> Result<Answer> {
    let mut found: Vec<Listed> = Vec::new();
    for place in places(context, args)? {
        let catalogue = match Path::new(&place).is_file() {
            true => read(Path::new(&place))?,
            false => {
                let (reference, store) = (desk::reference(&place)?, desk::store(context)?);
                let pulled = store.registries.catalogue(&reference, &store.cache).await;
                pulled.map_err(|e| desk::unpulled(&e))?
            }
        };
        found.extend(catalogue.search(&args.words).into_iter().cloned());
    }
    let mut table = Table::new(["NAME", "ROLES", "VERSION", "SOURCE", "WHAT"]);
    for Listed { name, roles, description, source, versions } in &found {
        let roles = roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
        let newest = versions.last().cloned().unwrap_or_default();
        table.row([name.clone(), roles, newest, source.clone(), description.clone()]);
    }
    let text = match table.is_empty() {
        true => "No provider has these words.".to_owned(),
        false => table.render(context.screen.color_out),
    };
    Ok(Answer::new(text, json!({ "providers": value(&found) })))
}

/// The catalogues that are looked in.
fn places(context: &Context, args: &Search) -> Result<Vec<String>> {
    if !args.catalogue.is_empty() {
        return Ok(args.catalogue.clone());
    }
    let known = match context.global.config.exists() {
        true => Project::load(context, &args.vars, Select::Nothing)?.loaded.settings.catalogues,
        false => Vec::new(),
    };
    if known.is_empty() {
        return Err(Problem::usage("there is no catalogue to look in")
            .help("name one: `dstream provider search --catalogue ghcr.io/acme/catalogue:latest …`")
            .help("or in the task file: `dstream { catalogues = [\"ghcr.io/acme/catalogue:latest\"] }`"));
    }
    Ok(known)
}

fn read(file: &Path) -> Result<Catalogue> {
    let text = std::fs::read(file)
        .map_err(|e| Problem::io(format!("cannot read {}", file.display()), &e))?;
    serde_json::from_slice(&text)
        .map_err(|e| Problem::usage(format!("{} is no catalogue: {e}", file.display())))
}
