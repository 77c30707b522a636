//! Who signed something.

use std::fmt;

/// Who signed something, as far as the signature proves it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signer {
    /// Whoever has the private key.
    Key {
        /// The SHA-256 digest of the public key's DER form, as `sha256:…`.
        fingerprint: String,
    },
    /// Whom an identity provider vouched for when the certificate was made.
    Identity {
        /// The certificate's subject: an address, or the workflow of a build service.
        identity: String,
        /// Who vouched for it.
        issuer: String,
    },
}

impl Signer {
    /// Enough to recognise it by.
    pub fn short(&self) -> String {
        match self {
            Self::Key { fingerprint } => {
                format!("key {}", fingerprint.get(..SHOWN).unwrap_or(fingerprint))
            }
            Self::Identity { .. } => self.to_string(),
        }
    }

    /// Whether it is the same one as far as a new version goes: the workflow of a build service bears the
    /// branch or tag that it ran for, behind an `@`, and that changes with each version.
    pub fn continues(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (
                Self::Identity { identity, issuer },
                Self::Identity { identity: earlier, issuer: of_earlier },
            ) => issuer == of_earlier && workflow(identity) == workflow(earlier),
            (new, earlier) => new == earlier,
        }
    }
}

/// `sha256:` and twelve digits.
const SHOWN: usize = 19;

/// An identity without the git reference of a workflow; an address stays as it is.
fn workflow(identity: &str) -> &str {
    identity.split_once("@refs/").map_or(identity, |(workflow, _)| workflow)
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { fingerprint } => write!(f, "key {fingerprint}"),
            Self::Identity { identity, issuer } => write!(f, "{identity} ({issuer})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(identity: &str, issuer: &str) -> Signer {
        Signer::Identity { identity: identity.to_owned(), issuer: issuer.to_owned() }
    }

    #[test]
    fn a_workflow_is_the_same_for_another_tag_and_an_address_is_only_itself() {
        const GITHUB: &str = "https://token.actions.githubusercontent.com";
        const FLOW: &str = "https://github.com/acme/foo/.github/workflows/release.yml@refs/tags/";
        let old = identity(&format!("{FLOW}v1.0.0"), GITHUB);
        assert!(identity(&format!("{FLOW}v1.1.0"), GITHUB).continues(&old));
        assert!(!identity(&format!("{FLOW}v1.1.0"), "https://gitlab.com").continues(&old));
        let other = FLOW.replace("acme", "evil");
        assert!(!identity(&format!("{other}v1.0.0"), GITHUB).continues(&old));
        let person = identity("a@acme.io", "https://accounts.google.com");
        assert!(person.continues(&person.clone()));
        assert!(!identity("a@evil.io", "https://accounts.google.com").continues(&person));
        let key = |digits: &str| Signer::Key { fingerprint: format!("sha256:{digits}") };
        assert!(key("aa").continues(&key("aa")) && !key("ab").continues(&key("aa")));
        assert!(!person.continues(&key("aa")) && !key("aa").continues(&person));
    }
}
