//! `provider_path`: a file that must exist and be executable.

use std::path::{Path, PathBuf};

/// Why a file cannot be a provider.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// There is nothing.
    #[error("there is no file {}", .0.display())]
    Missing(PathBuf),
    /// It is a folder, or something else.
    #[error("{} is not a file", .0.display())]
    NotAFile(PathBuf),
    /// It may not be executed.
    #[error("{} is not executable", .0.display())]
    NotExecutable(PathBuf),
    /// The system does not even let it be looked at.
    #[error("{} cannot be looked at: {reason}", path.display())]
    Inaccessible {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

impl ProgramError {
    /// What to do about it.
    pub fn help(&self) -> Vec<String> {
        vec![match self {
            Self::Missing(path) => {
                let folder = path.parent().unwrap_or(Path::new("."));
                if folder.is_dir() {
                    "a relative path is relative to the task file's folder".to_owned()
                } else {
                    format!(
                        "there is no folder {} either; a relative path is relative to the task file's folder",
                        folder.display()
                    )
                }
            }
            Self::NotAFile(_) => "give the path of the program itself".to_owned(),
            Self::NotExecutable(path) => format!("run `chmod +x {}`", path.display()),
            Self::Inaccessible { .. } => {
                "check the permissions of the file and of the folders above it".to_owned()
            }
        }]
    }
}

/// The program at `path`, which is relative to `folder`.
pub(crate) fn at(folder: &Path, path: &str) -> Result<PathBuf, ProgramError> {
    let relative = Path::new(path);
    // `./read.sh` and `read.sh` are the same; messages are easier to read without the dot.
    let joined: PathBuf = folder.join(relative).components().collect();
    check(&joined).map(|()| joined)
}

/// Whether this is a file that may be executed.
pub(crate) fn check(path: &Path) -> Result<(), ProgramError> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(ProgramError::Missing(path.to_owned()));
        }
        Err(e) => {
            return Err(ProgramError::Inaccessible {
                path: path.to_owned(),
                reason: e.to_string(),
            });
        }
    };
    if !metadata.is_file() {
        return Err(ProgramError::NotAFile(path.to_owned()));
    }
    if !is_executable(&metadata) {
        return Err(ProgramError::NotExecutable(path.to_owned()));
    }
    Ok(())
}

#[cfg(unix)]
fn is_executable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}

/// Windows decides when it starts it.
#[cfg(not(unix))]
fn is_executable(_: &std::fs::Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_an_error_of_its_own_with_its_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let missing = at(folder.path(), "./read.sh").unwrap_err();
        assert!(matches!(&missing, ProgramError::Missing(p) if p.ends_with("read.sh")));
        assert!(missing.help()[0].contains("task file's folder"));
        assert!(at(folder.path(), "no/read.sh").unwrap_err().help()[0].contains("no folder"));
        let not_a_file = at(folder.path(), ".").unwrap_err();
        assert!(matches!(not_a_file, ProgramError::NotAFile(_)), "{not_a_file}");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_without_the_right_to_execute_says_how_to_give_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("read.sh");
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        let error = at(folder.path(), "read.sh").unwrap_err();
        assert_eq!(error.help(), [format!("run `chmod +x {}`", path.display())]);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(at(folder.path(), "./read.sh").unwrap(), path);
    }
}
