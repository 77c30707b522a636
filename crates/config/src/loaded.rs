//! What a task file says: tasks, settings, variables, and where each thing is written.

use std::collections::BTreeMap;

use dstream_protocol::Role;
use dstream_task::{Secrets, Task};

use crate::diagnostic::Diagnostic;
use crate::schema::SchemaProblem;
use crate::source::{SourceFile, Span};
use crate::spans::Spans;
use crate::suggest;
use dstream_task::Constraint;

/// A task file, loaded.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The file.
    pub file: SourceFile,
    /// In the order of the file.
    pub tasks: Vec<Task>,
    /// Tasks that were not asked for and refer to something that is not set, with what is missing.
    pub incomplete: Vec<(String, Vec<Diagnostic>)>,
    /// Tasks with mistakes, without what is in error: only to look for more mistakes in them.
    pub broken: Vec<Task>,
    /// The values of the secrets in all tasks.
    pub secrets: Secrets,
    /// The `dstream` block.
    pub settings: Settings,
    /// In the order of the file.
    pub variables: Vec<VariableInfo>,
    /// Things to know that are no errors.
    pub warnings: Vec<Diagnostic>,
    pub(crate) spans: Spans,
}

/// The `dstream` block.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// `required_version`; already checked.
    pub required_version: Option<Constraint>,
    /// `required_providers`, by the name that `provider = "…"` uses.
    pub required_providers: BTreeMap<String, RequiredProvider>,
    /// `state { path = "…" }`, as written: relative to the task file's folder.
    pub state_dir: Option<String>,
    /// `catalogues`: where `dstream provider search` looks.
    pub catalogues: Vec<String>,
    /// `registry "HOST"` blocks, by host.
    pub registries: BTreeMap<String, RegistrySettings>,
    /// `trust "SOURCE"` blocks, by source.
    pub trust: BTreeMap<String, TrustSettings>,
    /// The original's `plugin_registry`; nothing uses it.
    pub plugin_registry: Option<String>,
}

/// One entry of `required_providers`.
#[derive(Debug, Clone, PartialEq)]
pub struct RequiredProvider {
    /// The repository: `ghcr.io/acme/dstream-in-foo`. No tag.
    pub source: String,
    /// Which versions will do; absent: any.
    pub version: Option<Constraint>,
    /// Where it is written.
    pub span: Span,
}

/// How one registry is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistrySettings {
    /// Whether it speaks plain HTTP. Absent: only where it is on this machine, and has no `ca_file`.
    pub plain_http: Option<bool>,
    /// Another registry that has what is asked of this one, perhaps under a path.
    pub mirror: Option<String>,
    /// PEM certificates that are trusted for it; as written, relative to the task file's folder.
    pub ca_file: Option<String>,
}

/// Whose signature the providers of some sources must bear.
#[derive(Debug, Clone, PartialEq)]
pub struct TrustSettings {
    /// Whether one without a signature is refused. Default: it is.
    pub require_signature: bool,
    /// Files of public keys, relative to the task file's folder; or the keys themselves, in PEM.
    pub public_keys: Vec<String>,
    /// Who signs by certificate; `*` stands for any text.
    pub identities: Vec<String>,
    /// Who vouches for the identity: there whenever identities are.
    pub issuer: Option<String>,
    /// A `trusted_root.json` in the place of Sigstore's public instance; relative to the task file's folder.
    pub trusted_root: Option<String>,
    /// Where the block begins.
    pub span: Span,
}

/// A `variable` block, for people: `dstream validate`, help texts.
#[derive(Debug, Clone, PartialEq)]
pub struct VariableInfo {
    /// The name.
    pub name: String,
    /// The type, as written; `any` where there is none.
    pub type_name: String,
    /// The description.
    pub description: Option<String>,
    /// Whether its value is hidden.
    pub sensitive: bool,
    /// Whether it has no default.
    pub required: bool,
    /// Where the block begins.
    pub span: Span,
}

impl Loaded {
    /// The task of this name.
    ///
    /// # Errors
    /// There is none, or it is incomplete; the diagnostic says which tasks there are.
    pub fn task(&self, name: &str) -> Result<&Task, Box<Diagnostic>> {
        if let Some(task) = self.tasks.iter().find(|t| t.name == name) {
            return Ok(task);
        }
        if let Some((_, missing)) = self.incomplete.iter().find(|(n, _)| n == name)
            && let Some(first) = missing.first()
        {
            return Err(first.clone().into());
        }
        let names = || {
            let complete = self.tasks.iter().map(|t| t.name.as_str());
            complete.chain(self.incomplete.iter().map(|(n, _)| n.as_str()))
        };
        let file = self.file.name();
        let error = Diagnostic::error(format!("there is no task `{name}` in {file}"))
            .maybe_help(suggest::did_you_mean(name, names()));
        let help = if names().next().is_none() {
            "the file has no tasks; add `task \"<name>\" { … }`".to_owned()
        } else {
            format!("the tasks are {}", suggest::list(names()))
        };
        Err(error.help(help).into())
    }

    /// Where a value of a block's `config` is written. The path is such as `tables[1]` or
    /// `lock_config.type`, with or without `config.` before it; of one that is not written there,
    /// the nearest above it; of an empty one, the `config` block.
    pub fn span_of(&self, task: &str, role: Role, block: &str, path: &str) -> Option<Span> {
        self.spans.find(task, role, block, path).map(|s| s.value.clone())
    }

    /// The same for the key of the value.
    pub fn key_span_of(&self, task: &str, role: Role, block: &str, path: &str) -> Option<Span> {
        self.spans.find(task, role, block, path).map(|s| s.key.clone())
    }

    /// Where a block of a task begins.
    pub fn block_span(&self, task: &str, role: Role, block: &str) -> Option<Span> {
        self.spans.block(task, role, block)
    }

    /// What a [schema check](crate::check_against_schema) found, at the place where it is written.
    pub fn config_diagnostic(
        &self,
        task: &str,
        role: Role,
        block: &str,
        problem: &SchemaProblem,
    ) -> Diagnostic {
        let place = if problem.at_key {
            self.key_span_of(task, role, block, &problem.path)
        } else {
            self.span_of(task, role, block, &problem.path)
        };
        let mut diagnostic = Diagnostic::error(problem.message.clone());
        diagnostic.span = place.or_else(|| self.block_span(task, role, block));
        if let Some(suggestion) = &problem.suggestion {
            diagnostic = diagnostic.help(format!("did you mean `{suggestion}`?"));
        }
        if !problem.valid.is_empty() {
            let valid = suggest::list(problem.valid.iter().map(String::as_str));
            diagnostic = diagnostic.help(format!("valid here: {valid}"));
        }
        if let Some(help) = &problem.help {
            diagnostic = diagnostic.help(help.clone());
        }
        diagnostic
    }
}
