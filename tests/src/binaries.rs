//! Builds the workspace's programs once and says where they are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder with `dstream` and the providers.
///
/// `DSTREAM_BINARIES` names one that is built already; otherwise `cargo build` is run once in a
/// process, with the profile and the target folder of the test itself.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| match std::env::var_os("DSTREAM_BINARIES") {
        Some(given) => PathBuf::from(given),
        None => build(),
    })
}

/// The program `dstream`.
pub fn dstream() -> PathBuf {
    let path = folder().join("dstream");
    assert!(path.exists(), "{} is not there; is the package dstream-cli built?", path.display());
    path
}

fn build() -> PathBuf {
    let profile = profile_folder();
    let target = profile.parent().expect("a profile folder stands in a target folder");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--workspace", "--bins"]).arg("--target-dir").arg(target);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.current_dir(crate::top()).status().expect("cargo starts");
    assert!(status.success(), "the workspace does not build");
    profile
}

/// `target/debug`, from a test's own place in `target/debug/deps` or a binary's in `target/debug`.
fn profile_folder() -> PathBuf {
    let mut folder = std::env::current_exe().expect("a process knows its program");
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    folder
}
