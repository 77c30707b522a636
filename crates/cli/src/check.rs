//! A block against what its provider says of itself.

use dstream_config::{Diagnostic, check_against_schema};
use dstream_protocol::Description;
use dstream_task::{Block, Source, Task};

use crate::project::Project;
use crate::resolve::Provider;

/// What is wrong with a block, given what its provider says of itself.
/// In a broken task what is in error is not there, and so is not missing.
pub(crate) fn check(project: &Project, task: &Task, provider: &Provider) -> Vec<Diagnostic> {
    let broken = project.loaded.broken.iter().any(|t| t.name == task.name);
    let Some(description) = &provider.description else { return Vec::new() };
    let (role, block) = (provider.member.role, &provider.member.block);
    let span = project.loaded.block_span(&task.name, role, &block.name);
    let here = |mut diagnostic: Diagnostic| {
        diagnostic.span = span.clone();
        diagnostic
    };
    let mut found = Vec::new();
    if !description.roles.contains(&role) {
        let roles: Vec<&str> = description.roles.iter().map(|r| r.as_str()).collect();
        let summary = format!("{} cannot stand in an `{role}` block", description.name);
        let help = format!("it can stand in: {}", roles.join(", "));
        found.push(here(Diagnostic::error(summary).help(help)));
    }
    found.extend(required_version(project, block, description).map(here));
    let loaded = &project.loaded;
    let problems = check_against_schema(&description.config, &block.config, &loaded.secrets);
    found.extend(
        problems
            .iter()
            .filter(|p| !(broken && p.missing))
            .map(|p| loaded.config_diagnostic(&task.name, role, &block.name, p)),
    );
    found
}

/// `required_providers` against the version that is there.
fn required_version(
    project: &Project,
    block: &Block,
    description: &Description,
) -> Option<Diagnostic> {
    let Source::Name(name) = &block.source else { return None };
    let required = project.loaded.settings.required_providers.get(name)?;
    let condition = required.version.as_ref()?;
    let version = semver::Version::parse(&description.version).ok();
    if version.is_some_and(|v| condition.matches(&v)) {
        return None;
    }
    let summary = format!(
        "provider `{name}` is version {}, and {condition} is required",
        description.version
    );
    Some(
        Diagnostic::error(summary)
            .related(required.span.clone(), "required here")
            .help("install another version, or change `required_providers`"),
    )
}
