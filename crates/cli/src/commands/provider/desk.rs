//! Registries and cache for commands that need no task file, and heed one that is there.

use std::path::Path;

use dstream_config::{Diagnostic, Select};
use dstream_registry::reference::BadReference;
use dstream_registry::{PinError, PullError, Reference, Store};

use crate::cli::Vars;
use crate::context::Context;
use crate::exit::Exit;
use crate::problem::{Problem, Result};
use crate::project::Project;
use crate::remotes;

/// The store, with the `registry` and `trust` blocks of the task file where there is one.
pub(super) fn store(context: &Context) -> Result<Store> {
    if !context.global.config.exists() {
        return Ok(remotes::store(context, Default::default(), Path::new(".dstream")));
    }
    let project = Project::load(context, &Vars::default(), Select::Nothing)?;
    let hosts = remotes::hosts(&project.loaded, &project.folder);
    let trust = remotes::trust(&project.loaded, &project.folder)?;
    Ok(Store { trust, ..remotes::store(context, hosts, &project.data) })
}

/// An argument that must be a reference.
pub(super) fn reference(text: &str) -> Result<Reference> {
    text.parse().map_err(|error: BadReference| {
        error.help().into_iter().fold(Problem::usage(error.to_string()), Problem::help)
    })
}

pub(super) fn unpulled(error: &PullError) -> Box<Problem> {
    failed(error.to_string(), error.help())
}

pub(super) fn unpinned(error: &PinError) -> Box<Problem> {
    failed(error.to_string(), error.help())
}

fn failed(summary: String, help: Vec<String>) -> Box<Problem> {
    let mut diagnostic = Diagnostic::error(summary);
    diagnostic.help = help;
    Problem::new(Exit::Failed, diagnostic)
}
