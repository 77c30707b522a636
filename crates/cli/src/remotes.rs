//! Which providers a task file takes from registries, and how those are reached.

use std::collections::BTreeMap;
use std::path::Path;

use dstream_config::{Diagnostic, Loaded, TrustSettings};
use dstream_registry::signature::{Pattern, PublicKey, Root, Rule, Trust};
use dstream_registry::{
    Cache, Credentials, Host, Hosts, Policy, Registries, Remote, Store, Wanted,
};
use dstream_task::Task;

use crate::context::Context;
use crate::exit::Exit;
use crate::problem::{Problem, Result};
use crate::project::Project;
use crate::pulls;

/// The registries and the cache of one task file.
pub(crate) fn open(
    context: &Context,
    loaded: &Loaded,
    folder: &Path,
    data: &Path,
) -> Result<Remote> {
    let store =
        Store { trust: trust(loaded, folder)?, ..store(context, hosts(loaded, folder), data) };
    let required = required(loaded)?;
    let listener = pulls::listener(&context.screen, context.global.json);
    Remote::open(store, required, folder, listener).map_err(|error| {
        let mut diagnostic = Diagnostic::error(error.to_string());
        diagnostic.help = error.help();
        Problem::new(Exit::Failed, diagnostic)
    })
}

/// Registries as they are reached, and the user's cache; nobody's signature is wanted. Who has no home has
/// a cache in the project.
pub(crate) fn store(context: &Context, hosts: Hosts, data: &Path) -> Store {
    let environment = &context.environment;
    let folder =
        Cache::folder_of(environment).unwrap_or_else(|| data.join("cache").join("registry"));
    let registries = Registries::new(hosts, Credentials::from_environment(environment));
    Store { registries, cache: Cache::new(folder), trust: Trust::default() }
}

pub(crate) fn hosts(loaded: &Loaded, folder: &Path) -> Hosts {
    let of = |(name, settings): (&String, &dstream_config::RegistrySettings)| {
        let ca_file = settings.ca_file.as_ref().map(|file| folder.join(file));
        let mirror = settings.mirror.clone();
        (name.clone(), Host { plain_http: settings.plain_http, ca_file, mirror })
    };
    loaded.settings.registries.iter().map(of).collect()
}

/// `required_providers`, by the name that blocks use.
fn required(loaded: &Loaded) -> Result<BTreeMap<String, Wanted>> {
    let mut all = BTreeMap::new();
    for (name, required) in &loaded.settings.required_providers {
        let source = required.source.parse().map_err(
            |error: dstream_registry::reference::BadReference| {
                let mut diagnostic = Diagnostic::error(error.to_string()).at(required.span.clone());
                diagnostic.help = error.help();
                Problem::within(Exit::Usage, vec![diagnostic], loaded.file.clone())
            },
        )?;
        all.insert(name.clone(), Wanted::Version { source, constraint: required.version.clone() });
    }
    Ok(all)
}

/// The `trust` blocks, with the files that they name.
pub(crate) fn trust(loaded: &Loaded, folder: &Path) -> Result<Trust> {
    let mut trust = Trust::default();
    for (source, settings) in &loaded.settings.trust {
        rule(settings, folder)
            .and_then(|rule| trust.add(source, rule).map_err(|e| e.to_string()))
            .map_err(|wrong| {
                let diagnostic = Diagnostic::error(wrong).at(settings.span.clone());
                Problem::within(Exit::Usage, vec![diagnostic], loaded.file.clone())
            })?;
    }
    Ok(trust)
}

fn rule(settings: &TrustSettings, folder: &Path) -> std::result::Result<Rule, String> {
    let read = |what: &str, file: &str| {
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path);
        text.map_err(|e| format!("cannot read the {what} {}: {e}", path.display()))
    };
    let key = |given: &String| {
        // A key itself, in the place of a file's name.
        let text = match given.trim_start().starts_with("-----BEGIN") {
            true => given.clone(),
            false => read("public key", given)?,
        };
        PublicKey::from_pem(&text).map_err(|e| format!("a public key cannot be used: {e}"))
    };
    let root = match &settings.trusted_root {
        None => Root::PublicGood,
        Some(file) => Root::from_json(&read("trusted root", file)?)
            .map_err(|e| format!("the trusted root {file} cannot be used: {e}"))?,
    };
    Ok(Rule {
        required: settings.require_signature,
        keys: settings.public_keys.iter().map(key).collect::<std::result::Result<_, _>>()?,
        identities: settings
            .identities
            .iter()
            .map(|identity| identity.parse::<Pattern>().map_err(|e| e.to_string()))
            .collect::<std::result::Result<_, _>>()?,
        issuer: settings.issuer.clone(),
        root,
    })
}

impl Project {
    /// From here on, what is missing is locked and pulled.
    pub(crate) fn pulling(mut self, policy: Policy) -> Self {
        self.registry.remote_mut().set_policy(policy);
        self
    }

    /// What some tasks take from registries, each once.
    pub(crate) fn wanted<'a>(
        &self,
        tasks: impl Iterator<Item = &'a Task>,
    ) -> BTreeMap<String, Wanted> {
        let blocks = |t: &'a Task| t.inputs.iter().chain(&t.transforms).chain(&t.outputs);
        let wanted = |source| self.registry.remote().wanted(source).ok().flatten();
        let all = tasks.flat_map(blocks).filter_map(|block| wanted(&block.source));
        all.map(|wanted| (wanted.key(), wanted)).collect()
    }
}
