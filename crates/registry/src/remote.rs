//! `provider_ref`: the door to OCI registries.

use std::path::PathBuf;

use dstream_protocol::Role;

/// Brings a provider onto this machine, verified.
pub trait Remote: Send + Sync {
    /// The program that a reference such as `ghcr.io/acme/dstream-in-foo:v1` stands for. May block.
    ///
    /// # Errors
    /// It cannot be had, or is not what it should be.
    fn fetch(&self, role: Role, reference: &str) -> Result<PathBuf, RemoteError>;
}

/// Why there is no program.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// This version has no registry client.
    #[error("this version of dstream cannot pull `{reference}`: it has no registry client yet")]
    Unsupported {
        /// The reference.
        reference: String,
        /// The block it stands in.
        role: Role,
    },
}

impl RemoteError {
    /// What to do about it.
    pub fn help(&self) -> Vec<String> {
        let Self::Unsupported { role, .. } = self;
        let kind = crate::search::kind(*role);
        vec![
            "name a program on this machine: `provider_path = \"./program\"`".to_owned(),
            format!(
                "or put it into `.dstream/providers/dstream-{kind}-NAME` and write `provider = \"NAME\"`"
            ),
        ]
    }
}

/// Refuses every reference, and says what to use in its place.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRemote;

impl Remote for NoRemote {
    fn fetch(&self, role: Role, reference: &str) -> Result<PathBuf, RemoteError> {
        Err(RemoteError::Unsupported { reference: reference.to_owned(), role })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_refused_with_what_to_write_in_its_place() {
        let error = NoRemote.fetch(Role::Output, "ghcr.io/acme/x:v1").unwrap_err();
        assert!(error.to_string().contains("ghcr.io/acme/x:v1"), "{error}");
        let help = error.help().join("\n");
        assert!(help.contains("provider_path"), "{help}");
        assert!(help.contains(".dstream/providers/dstream-out-NAME"), "{help}");
    }
}
