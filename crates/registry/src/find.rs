//! From a block's source to a [`Found`] program.

use std::path::{Path, PathBuf};

use dstream_protocol::Role;
use dstream_task::Source;

use crate::declared::{BadDescription, Declared};
use crate::pin::PinError;
use crate::program::{self, ProgramError};
use crate::remote::{Installed, Remote, RemoteError};
use crate::search::{NameError, SearchPath};

/// A program that can be started.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The file, absolute where the folders given to the [`Registry`] were.
    pub path: PathBuf,
    /// What is known of the protocol that it speaks.
    pub declared: Declared,
    /// Whether it was pulled from a registry: somebody else has made it.
    pub from_registry: bool,
}

/// Why there is no program.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// `provider = "…"`.
    #[error(transparent)]
    Name(#[from] NameError),
    /// `provider_path = "…"`.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// `provider_ref = "…"`.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// A description stands beside the program and cannot be read.
    #[error(transparent)]
    Description(#[from] BadDescription),
}

impl FindError {
    /// Whether a registry, what it holds, a line or a disk failed, and not what was asked for.
    pub fn is_outside(&self) -> bool {
        matches!(
            self,
            Self::Remote(
                RemoteError::Pin(
                    PinError::Pull(_)
                        | PinError::Distrusted { .. }
                        | PinError::OtherSigner { .. }
                        | PinError::Mislabelled { .. }
                        | PinError::Altered { .. }
                ) | RemoteError::Lock(_)
            )
        )
    }

    /// What to do about it, one line each.
    pub fn help(&self) -> Vec<String> {
        match self {
            Self::Name(error) => error.help(),
            Self::Program(error) => error.help(),
            Self::Remote(error) => error.help(),
            Self::Description(error) => {
                vec![format!("correct {}, or remove it", error.path.display())]
            }
        }
    }
}

/// Finds the programs of one task file.
pub struct Registry {
    folder: PathBuf,
    search: SearchPath,
    remote: Remote,
}

impl Registry {
    /// `folder` is the task file's: a `provider_path` is relative to it.
    pub fn new(folder: impl Into<PathBuf>, search: SearchPath, remote: Remote) -> Self {
        Self { folder: folder.into(), search, remote }
    }

    /// Where names are looked for.
    pub fn search(&self) -> &SearchPath {
        &self.search
    }

    /// What comes from registries.
    pub fn remote(&self) -> &Remote {
        &self.remote
    }

    /// The same, to be changed.
    pub fn remote_mut(&mut self) -> &mut Remote {
        &mut self.remote
    }

    /// Finds the program of a block. `protocol` is what the block says of itself. One from a registry is
    /// locked and pulled, as far as that may be done.
    ///
    /// # Errors
    /// There is no such program, or it cannot be executed.
    pub async fn find(
        &self,
        role: Role,
        source: &Source,
        protocol: Option<u32>,
    ) -> Result<Found, FindError> {
        if let Some(wanted) = self.remote.wanted(source).map_err(RemoteError::from)? {
            let Installed { path, description } = self.remote.find(&wanted).await?;
            let declared = Declared::pulled(description, protocol);
            return Ok(Found { path, declared, from_registry: true });
        }
        let (path, named) = match source {
            Source::Path(path) => (program::at(&self.folder, path)?, false),
            Source::Name(name) | Source::Ref(name) => (self.search.find(role, name)?, true),
        };
        let declared = Declared::of(&path, protocol, named)?;
        Ok(Found { path, declared, from_registry: false })
    }

    /// The task file's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
