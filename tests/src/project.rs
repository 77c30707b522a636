//! A folder with a task file, thrown away afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::running::{Finished, Running};

/// A folder of its own for one test.
pub struct Project {
    folder: TempDir,
    environment: Vec<(String, String)>,
}

impl Project {
    /// An empty one.
    pub fn empty() -> Self {
        let folder = tempfile::Builder::new().prefix("dstream-test-").tempdir();
        Self { folder: folder.expect("a temporary folder can be made"), environment: Vec::new() }
    }

    /// One with this `dstream.hcl`.
    pub fn with(task_file: &str) -> Self {
        let project = Self::empty();
        project.write("dstream.hcl", task_file);
        project
    }

    /// A copy of a folder of the repository, without what runs left there.
    pub fn copy_of(folder: &Path) -> Self {
        let project = Self::empty();
        copy(folder, project.folder.path());
        project
    }

    /// Sets a variable for `dstream` itself.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// A path in the folder.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(relative)
    }

    /// Writes a file, and the folders above it.
    pub fn write(&self, relative: &str, text: impl AsRef<[u8]>) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().expect("a file stands in a folder")).expect("writable");
        fs::write(path, text).expect("writable");
    }

    /// Writes an executable bash script.
    pub fn script(&self, relative: &str, body: &str) {
        self.write(relative, format!("#!/usr/bin/env bash\n{body}\n"));
        // Windows has no such permission, and starts no scripts.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let executable = fs::Permissions::from_mode(0o755);
            fs::set_permissions(self.path(relative), executable).expect("ours");
        }
    }

    /// Reads a file; `""` where it is not there.
    pub fn read(&self, relative: &str) -> String {
        fs::read(self.path(relative))
            .map(|b| String::from_utf8_lossy(&b).into_owned())
            .unwrap_or_default()
    }

    /// Starts `dstream` with these arguments, in this folder, with no more environment than it needs.
    pub fn start(&self, args: &[&str]) -> Running {
        let binaries = crate::binaries::folder();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(crate::binaries::dstream());
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", format!("{}:{path}", binaries.display()))
            .env("HOME", self.folder.path())
            .envs(self.environment.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Running::watch(command.spawn().expect("dstream starts"))
    }

    /// Runs `dstream` to its end.
    pub fn dstream(&self, args: &[&str]) -> Finished {
        self.start(args).wait()
    }

    /// `dstream run TASK` to its end, quietly: what is left on stderr are messages, no log.
    pub fn run(&self, task: &str) -> Finished {
        self.dstream(&["--log-level", "error", "run", task])
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("writable");
    for entry in fs::read_dir(from).expect("readable").flatten() {
        let target = to.join(entry.file_name());
        if entry.file_name() == ".dstream" || entry.file_name() == "out" {
            continue;
        }
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}
