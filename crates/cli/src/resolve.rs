//! Blocks become programs, checked against what their providers say of themselves.

use dstream_config::Diagnostic;
use dstream_engine::describe::{Asked, DescribeError, describe_cached};
use dstream_engine::{Member, Program, Protocol, Route};
use dstream_protocol::{Capability, Description, Role, VERSION};
use dstream_registry::Declared;
use dstream_task::{Block, Task};

use crate::check::check;
use crate::context::Context;
use crate::exit::Exit;
use crate::problem::{Problem, Result};
use crate::project::Project;

/// The providers of one task, as far as they were found, and everything that is wrong with them.
pub(crate) struct Resolved {
    pub(crate) providers: Vec<Provider>,
    pub(crate) problems: Vec<Diagnostic>,
    /// Whether a registry or a disk failed: then nothing need be wrong with the task file.
    failed: bool,
}

/// One provider of a task.
#[derive(Debug, Clone)]
pub(crate) struct Provider {
    pub(crate) member: Member,
    /// What it says of itself; version 1 says nothing.
    pub(crate) description: Option<Description>,
}

impl Provider {
    pub(crate) fn can(&self, capability: Capability) -> bool {
        self.description.as_ref().is_some_and(|d| d.capabilities.contains(&capability))
    }
}

impl Resolved {
    /// How a command ends that cannot go on with these problems.
    pub(crate) fn exit(&self) -> Exit {
        if self.failed { Exit::Failed } else { Exit::Usage }
    }

    /// The route, where nothing is wrong.
    pub(crate) fn route(&self, project: &Project) -> Result<Route> {
        if !self.problems.is_empty() {
            let file = project.loaded.file.clone();
            return Err(Problem::within(self.exit(), self.problems.clone(), file));
        }
        let of = |role| {
            let members = self.providers.iter().map(|p| &p.member).filter(move |m| m.role == role);
            members.cloned().collect()
        };
        Ok(Route {
            inputs: of(Role::Input),
            transforms: of(Role::Transform),
            outputs: of(Role::Output),
        })
    }
}

/// Finds every provider of a task, asks those that may be asked, and checks every block.
pub(crate) async fn resolve(context: &Context, project: &Project, task: &Task) -> Resolved {
    let blocks = [
        (Role::Input, &task.inputs),
        (Role::Transform, &task.transforms),
        (Role::Output, &task.outputs),
    ];
    let mut resolved = Resolved { providers: Vec::new(), problems: Vec::new(), failed: false };
    for (role, block) in blocks.into_iter().flat_map(|(r, all)| all.iter().map(move |b| (r, b))) {
        match provider(context, project, role, block).await {
            Ok(provider) => {
                let found = check(project, task, &provider);
                resolved.problems.extend(found);
                resolved.providers.push(provider);
            }
            Err(mut unfit) => {
                unfit.diagnostic.span = project.loaded.block_span(&task.name, role, &block.name);
                resolved.problems.push(unfit.diagnostic);
                resolved.failed |= unfit.outside;
            }
        }
    }
    resolved
}

/// Finds the provider of one block, and asks what it is.
async fn provider(
    context: &Context,
    project: &Project,
    role: Role,
    block: &Block,
) -> std::result::Result<Provider, Box<Unfit>> {
    let found = project.registry.find(role, &block.source, block.protocol).await;
    let found = found.map_err(|error| {
        let mut diagnostic = Diagnostic::error(error.to_string());
        diagnostic.help = error.help();
        Unfit { diagnostic, outside: error.is_outside() }
    })?;
    let ask = async || {
        let cache = project.data.join("cache").join("describe");
        let asked = Asked {
            program: &found.path,
            environment: &context.environment,
            from_registry: found.from_registry,
            sandbox: block.sandbox.as_ref(),
            folder: &project.folder,
        };
        describe_cached(asked, &cache).await
    };
    let (protocol, description) = match found.declared {
        Declared::V1 => (Protocol::V1, None),
        Declared::Other(description) => return Err(unspoken(project, block, &description).await),
        Declared::V2(Some(description)) => (Protocol::V2, Some(*description)),
        Declared::V2(None) => match ask().await {
            Ok(description) => (Protocol::V2, Some(description)),
            Err(error @ DescribeError::Refused(..)) => {
                tracing::warn!("{error}: nothing is known of its settings and what it promises");
                (Protocol::V2, None)
            }
            Err(error) => return Err(asked_in_vain(&error)),
        },
        Declared::Ask => match ask().await {
            Ok(description) => (spoken(&description)?, Some(description)),
            Err(DescribeError::Refused(..) | DescribeError::Unreadable(..)) => (Protocol::V1, None),
            Err(error) => return Err(asked_in_vain(&error)),
        },
    };
    let mut program = Program::new(found.path, protocol);
    program.from_registry = found.from_registry;
    program.delivery = description.as_ref().map(|d| d.delivery);
    Ok(Provider { member: Member { role, block: block.clone(), program }, description })
}

/// Why there is no provider for a block.
struct Unfit {
    diagnostic: Diagnostic,
    /// A registry or a disk failed.
    outside: bool,
}

impl From<Diagnostic> for Box<Unfit> {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::new(Unfit { diagnostic, outside: false })
    }
}

fn asked_in_vain(error: &DescribeError) -> Box<Unfit> {
    Diagnostic::error(error.to_string())
        .help("a version-2 provider prints its description when it is called with `describe`, or has it in a file beside it: PROGRAM.json")
        .help("where it speaks version 1, write `protocol = 1` in its block")
        .into()
}

/// It speaks other versions of the protocol; where it comes from, another version of it may not.
async fn unspoken(project: &Project, block: &Block, description: &Description) -> Box<Unfit> {
    let mut unfit = silent(description);
    let remote = project.registry.remote();
    if let Ok(Some(wanted)) = remote.wanted(&block.source)
        && let Some(tag) = remote.store().speaking(&wanted).await
    {
        let source = wanted.reference().source();
        unfit.diagnostic.help = vec![format!(
            "{source} {tag} speaks one of them: ask for that, or for a newer dstream"
        )];
    }
    unfit
}

fn spoken(description: &Description) -> std::result::Result<Protocol, Box<Unfit>> {
    if description.protocol.contains(&VERSION) {
        return Ok(Protocol::V2);
    }
    if description.protocol.contains(&1) {
        return Ok(Protocol::V1);
    }
    Err(silent(description))
}

/// It speaks no version of the protocol that the host does.
fn silent(description: &Description) -> Box<Unfit> {
    let versions: Vec<String> = description.protocol.iter().map(u32::to_string).collect();
    let Description { name, version, .. } = description;
    Diagnostic::error(format!(
        "{name} {version} speaks protocol version {}, and this dstream only 1 and 2",
        versions.join(" and ")
    ))
    .help("use a version of one of them that speaks a version of the other")
    .into()
}
