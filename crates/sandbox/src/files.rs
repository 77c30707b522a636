//! Which files may be read and written, as rules of Landlock.
//!
//! <https://docs.kernel.org/userspace-api/landlock.html>

use std::io;
use std::path::{Path, PathBuf};

use dstream_task::Sandbox;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, Scope, make_bitflags,
};
use rustix::fs::{CWD, Mode, OFlags};

use crate::places::{READABLE, WRITABLE};
use crate::{SandboxError, Wanted};

/// Reading includes executing: what may be read could be copied and executed all the same.
const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{Execute | ReadFile | ReadDir});

/// Neither devices, which lead past all files, nor executing.
const WRITE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadFile | ReadDir | WriteFile | Truncate | Refer | RemoveDir | RemoveFile
        | MakeDir | MakeReg | MakeSym | MakeFifo | MakeSock
});

/// The rules of a block.
pub(crate) fn ruleset(
    wanted: &Wanted<'_>,
    sandbox: &Sandbox,
) -> Result<RulesetCreated, SandboxError> {
    let ports = sandbox.connect.ports();
    let mut rules = handled(!ports.is_empty())?.create().map_err(system)?;
    let program = open("provider", wanted.program)?;
    rules = rule(rules, program, READ)?;
    for path in READABLE.iter().map(Path::new).chain(wanted.read.iter().map(PathBuf::as_path)) {
        rules = optional(rules, path, READ)?;
    }
    for path in WRITABLE.iter().map(Path::new) {
        rules = optional(rules, path, WRITE)?;
    }
    for path in &sandbox.read {
        let file = named("read", &wanted.folder.join(path))?;
        rules = rule(rules, file, READ)?;
    }
    for path in &sandbox.write {
        // Easier to read in messages without a dot at its end.
        let path: PathBuf = wanted.folder.join(path).components().collect();
        keeps_out(wanted, &path)?;
        rules = rule(rules, named("write", &path)?, WRITE)?;
    }
    if let Some(scratch) = wanted.scratch {
        rules = rule(rules, open("TMPDIR", scratch)?, WRITE)?;
    }
    for port in ports {
        rules = rules.add_rule(NetPort::new(port, AccessNet::ConnectTcp)).map_err(system)?;
    }
    Ok(rules)
}

/// What is forbidden unless a rule allows it: all that the kernel knows to forbid, and no less than
/// what the block needs.
fn handled(ports: bool) -> Result<Ruleset, SandboxError> {
    let files = AccessFs::from_all(ABI::V3);
    // Before ABI 3 any file could be cut off (truncate), before ABI 2 hardly one moved.
    let kernel = |setting, abi, linux| move |_| SandboxError::Kernel { setting, abi, linux };
    let mut rules = hard().handle_access(files).map_err(kernel("read, write", 3, "6.2"))?;
    if ports {
        let tcp = AccessNet::from_all(ABI::V4);
        rules = rules.handle_access(tcp).map_err(kernel("connect", 4, "6.7"))?;
    }
    // No setting asks for these: they close ways around, where the kernel can.
    if hard().handle_access(AccessFs::IoctlDev).is_ok() {
        rules = rules.handle_access(AccessFs::IoctlDev).map_err(system)?;
    }
    let scopes = Scope::from_all(ABI::V6);
    if hard().scope(scopes).is_ok() {
        rules = rules.scope(scopes).map_err(system)?;
    }
    Ok(rules)
}

fn hard() -> Ruleset {
    Ruleset::default().set_compatibility(CompatLevel::HardRequirement)
}

/// Whoever can write the task file, or the program, runs what they like the next time.
fn keeps_out(wanted: &Wanted<'_>, path: &Path) -> Result<(), SandboxError> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let written = real(path);
    let guarded = [(wanted.folder, "the task file"), (wanted.program, "the provider itself")];
    match guarded.iter().find(|(kept, _)| real(kept).starts_with(&written)) {
        Some((_, what)) => Err(SandboxError::WayOut { path: path.to_owned(), what }),
        None => Ok(()),
    }
}

struct Place {
    path: PathBuf,
    file: rustix::fd::OwnedFd,
}

/// A path of the block: it must be there, and be the same for the host and the provider.
fn named(setting: &'static str, path: &Path) -> Result<Place, SandboxError> {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let process = real.strip_prefix("/proc").ok().and_then(|rest| rest.iter().next());
    if process.is_some_and(|p| p.to_string_lossy().bytes().all(|b| b.is_ascii_digit())) {
        return Err(SandboxError::HostsOwn { setting, path: path.to_owned() });
    }
    open(setting, path)
}

fn open(setting: &'static str, path: &Path) -> Result<Place, SandboxError> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let file = rustix::fs::openat(CWD, path, flags, Mode::empty());
    let unopened = |e: rustix::io::Errno| SandboxError::Path {
        setting,
        path: path.to_owned(),
        reason: e.into(),
    };
    Ok(Place { path: path.to_owned(), file: file.map_err(unopened)? })
}

/// A rule for what may be missing.
fn optional(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, SandboxError> {
    match open("read", path) {
        Ok(place) => rule(rules, place, access),
        Err(SandboxError::Path { reason, .. }) if reason.kind() == io::ErrorKind::NotFound => {
            Ok(rules)
        }
        Err(error) => Err(error),
    }
}

/// Files take fewer rights than folders.
fn rule(
    rules: RulesetCreated,
    place: Place,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, SandboxError> {
    let stat = rustix::fs::fstat(&place.file);
    let is_folder = stat.is_ok_and(|s| rustix::fs::FileType::from_raw_mode(s.st_mode).is_dir());
    let access = if is_folder { access } else { access & AccessFs::from_file(ABI::V3) };
    let added = rules.add_rule(PathBeneath::new(&place.file, access));
    added.map_err(|e| SandboxError::System(format!("{}: {e}", place.path.display())))
}

fn system(error: landlock::RulesetError) -> SandboxError {
    SandboxError::System(error.to_string())
}
