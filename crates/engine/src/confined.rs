//! Providers in a sandbox: how they are prepared, and what it may have to do with their failures.

use std::path::Path;

use dstream_sandbox::SandboxError;
use dstream_task::{Network, Sandbox};

use crate::failure::{Failure, FailureKind};
use crate::process::{Confined, Confines};
use crate::route::Member;

/// What a program says whose system call was refused.
const REFUSED: [&str; 9] = [
    "permission denied",
    "permissionerror",
    "operation not permitted",
    "os error 1)",
    "os error 13)",
    "eacces",
    "eperm",
    "unable to open",
    "(sigsys)",
];

/// What it says when it cannot ask for a host's name.
const UNKNOWN_HOST: [&str; 5] = [
    "name resolution",
    "name or service not known",
    "failed to lookup address",
    "eai_again",
    "could not translate host name",
];

/// What it says when it may have no more.
const EXHAUSTED: [&str; 6] = [
    "too many open files",
    "memory allocation of",
    "out of memory",
    "memoryerror",
    "cannot allocate memory",
    "resource temporarily unavailable",
];

/// Prepares what a provider is confined to.
pub(crate) fn prepare(
    member: &Member,
    folder: &Path,
    environment: &mut Vec<(String, String)>,
) -> Result<Option<Confined>, Failure> {
    let confines = Confines {
        program: &member.program.path,
        from_registry: member.program.from_registry,
        sandbox: member.block.sandbox.as_ref(),
        folder,
    };
    let given = member.block.env.contains_key("TMPDIR");
    confines.prepare(environment, given).map_err(|error| cannot(member, &error))
}

fn cannot(member: &Member, error: &SandboxError) -> Failure {
    let failure = Failure::new(FailureKind::Spawn, format!("cannot start it: {error}"));
    failure.of(member.role, &member.block.name).help(error.help())
}

/// Adds what a person cannot see: that the provider which failed was in a sandbox, where that may be
/// the reason.
pub(crate) fn explain<'a>(
    members: impl IntoIterator<Item = &'a Member>,
    mut failure: Failure,
) -> Failure {
    let Some((role, name)) = &failure.provider else { return failure };
    let failed = |m: &&Member| m.role == *role && m.block.name == *name;
    let Some(member) = members.into_iter().find(failed) else { return failure };
    let Some(sandbox) = &member.block.sandbox else { return failure };
    let words = failure.message.clone() + "\n" + &failure.stderr.join("\n");
    let words = words.to_lowercase();
    if failure.kind == FailureKind::Spawn && words.contains("permission denied") {
        failure.help.extend(interpreter(&member.program.path));
    }
    failure.help.extend(hints(sandbox, &words));
    failure
}

fn hints(sandbox: &Sandbox, words: &str) -> Vec<String> {
    let says = |some: &[&str]| some.iter().any(|word| words.contains(word));
    let mut hints = Vec::new();
    if says(&UNKNOWN_HOST) && !sandbox.connect.allows(Network::Udp) {
        hints.push("the provider runs in a sandbox without UDP, which asking for a host's name needs: add \"udp\" to `connect` in its `sandbox` block, or give the host's address".to_owned());
    } else if says(&REFUSED) {
        hints.push("the provider runs in a sandbox: beyond what `read`, `write` and `connect` in its `sandbox` block name, it is refused".to_owned());
    }
    let limits = [
        ("max_memory_bytes", sandbox.max_memory_bytes),
        ("max_open_files", sandbox.max_open_files),
        ("max_processes", sandbox.max_processes),
    ];
    let limits: Vec<String> =
        limits.iter().filter_map(|(name, l)| l.map(|l| format!("`{name}` {l}"))).collect();
    if says(&EXHAUSTED) && !limits.is_empty() {
        hints.push(format!("the provider runs in a sandbox with {}", limits.join(", ")));
    }
    hints
}

/// A script starts another program, which must be allowed as well.
fn interpreter(program: &Path) -> Option<String> {
    use std::io::{BufRead, BufReader, Read};
    let mut line = Vec::new();
    let file = std::fs::File::open(program).ok()?.take(256);
    BufReader::new(file).read_until(b'\n', &mut line).ok()?;
    let line = String::from_utf8_lossy(&line).into_owned();
    let command = line.strip_prefix("#!")?.trim();
    Some(format!(
        "it is a script for `{command}`: the folders of its interpreter, and of the programs that it starts, belong into `read` of its `sandbox` block"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dstream_task::{Connect, Target};

    #[test]
    fn a_refusal_is_explained_by_the_sandbox_and_another_failure_is_not() {
        let sandbox = Sandbox::default();
        let refused = hints(&sandbox, "cannot open /data/x: permission denied (os error 13)");
        assert!(refused.len() == 1 && refused[0].contains("`read`"), "{refused:?}");
        assert!(hints(&sandbox, "duplicate key").is_empty());
    }

    #[test]
    fn an_unknown_host_is_explained_where_there_is_no_udp() {
        let words = "failed to lookup address information: temporary failure in name resolution";
        assert!(hints(&Sandbox::default(), words)[0].contains("\"udp\""));
        let udp = Connect::Only(vec![Target::Network(Network::Udp)]);
        assert!(hints(&Sandbox { connect: udp, ..Sandbox::default() }, words).is_empty());
    }

    #[test]
    fn a_limit_is_named_where_it_may_be_the_reason() {
        let limited = Sandbox { max_open_files: Some(40), ..Sandbox::default() };
        let words = "too many open files (os error 24)";
        assert!(hints(&limited, words)[0].contains("`max_open_files` 40"));
        assert!(hints(&Sandbox::default(), words).is_empty());
    }
}
