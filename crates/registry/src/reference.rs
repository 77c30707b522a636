//! `ghcr.io/acme/dstream-in-foo:v1.2.0`, taken apart.

use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;

/// A repository in a registry, and perhaps which of its contents.
///
/// The grammar is that of the OCI distribution specification, with two differences: the registry
/// must be named (elsewhere a bare `acme/foo` silently means Docker's), and a digest must be SHA-256.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// The text is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no reference to a provider: {reason}")]
pub struct BadReference {
    /// What was written.
    pub text: String,
    /// Why it is none.
    pub reason: String,
}

impl BadReference {
    /// What to do about it.
    pub fn help(&self) -> Vec<String> {
        vec![
            "write REGISTRY/REPOSITORY:TAG, such as `ghcr.io/acme/dstream-in-foo:v1.2.0`"
                .to_owned(),
        ]
    }
}

impl Reference {
    /// The host, with a port where one is written.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path in it: `acme/dstream-in-foo`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, where one is written.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, where one is written.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The last part of the repository: `dstream-in-foo`.
    pub fn name(&self) -> &str {
        self.repository.rsplit('/').next().unwrap_or(&self.repository)
    }

    /// Without tag and digest: `ghcr.io/acme/dstream-in-foo`.
    pub fn source(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The same repository under another tag.
    pub fn with_tag(&self, tag: &str) -> Self {
        Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() }
    }

    /// The same repository at one content.
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// As the client takes it. What has neither tag nor digest means `latest`.
    pub(crate) fn to_oci(&self) -> oci_client::Reference {
        let (registry, repository) = (self.registry.clone(), self.repository.clone());
        match (&self.digest, &self.tag) {
            (Some(digest), _) => {
                oci_client::Reference::with_digest(registry, repository, digest.to_string())
            }
            (None, tag) => {
                let tag = tag.clone().unwrap_or_else(|| "latest".to_owned());
                oci_client::Reference::with_tag(registry, repository, tag)
            }
        }
    }
}

impl FromStr for Reference {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, BadReference> {
        let bad = |reason: &str| BadReference { text: text.to_owned(), reason: reason.to_owned() };
        if text.contains("://") {
            return Err(bad("it has a scheme, such as `https://`, and a reference has none"));
        }
        let (registry, rest) = text.split_once('/').unwrap_or(("", text));
        let is_host = registry.contains(['.', ':']) || registry == "localhost";
        if !is_host {
            return Err(bad("it names no registry before the first `/`"));
        }
        if rest.is_empty() {
            return Err(bad("no repository follows the registry"));
        }
        let path = rest.split(['@', ':']).next().unwrap_or(rest);
        let parsed: oci_client::Reference = text.parse().map_err(|e: oci_client::ParseError| {
            match path.contains(|c: char| c.is_ascii_uppercase()) {
                true => bad("a repository is written in small letters"),
                false => bad(&e.to_string()),
            }
        })?;
        let digest = parsed.digest().map(str::parse).transpose();
        Ok(Self {
            registry: registry.to_owned(),
            repository: parsed.repository().to_owned(),
            tag: written_tag(rest),
            digest: digest.map_err(|e: crate::digest::BadDigest| bad(&e.to_string()))?,
        })
    }
}

/// The parser makes `latest` of none.
fn written_tag(rest: &str) -> Option<String> {
    let name = rest.split('@').next().unwrap_or(rest);
    name.split_once(':').map(|(_, tag)| tag.to_owned())
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_taken_apart_and_written_as_it_was() {
        let digest = Digest::of(b"x");
        let whole = format!("127.0.0.1:5000/acme/tools/dstream-in-foo:v1.2.0@{digest}");
        let reference: Reference = whole.parse().unwrap();
        assert_eq!(reference.registry(), "127.0.0.1:5000");
        assert_eq!(reference.repository(), "acme/tools/dstream-in-foo");
        assert_eq!(reference.name(), "dstream-in-foo");
        assert_eq!(reference.tag(), Some("v1.2.0"));
        assert_eq!(reference.digest(), Some(&digest));
        assert_eq!(reference.to_string(), whole);
        let bare: Reference = "localhost/x".parse().unwrap();
        assert_eq!((bare.tag(), bare.digest()), (None, None));
        assert_eq!(bare.to_oci().tag(), Some("latest"));
    }

    #[test]
    fn what_is_none_is_refused_with_its_reason() {
        for (text, reason) in [
            ("acme/dstream-in-foo:v1", "names no registry"),
            ("dstream-in-foo", "names no registry"),
            ("https://ghcr.io/acme/x:v1", "scheme"),
            ("ghcr.io/", "no repository"),
            ("ghcr.io/Acme/x:v1", "small letters"),
            ("ghcr.io/acme/../x:v1", "invalid reference"),
            ("ghcr.io/acme/x:v 1", "invalid reference"),
            ("ghcr.io/acme/x@sha256:ABC", "invalid"),
        ] {
            let error = text.parse::<Reference>().unwrap_err();
            assert!(error.to_string().contains(reason), "{text}: {error}");
        }
        let sha512 = format!("ghcr.io/acme/x@sha512:{}", "a".repeat(128));
        let error = sha512.parse::<Reference>().unwrap_err();
        assert!(error.to_string().contains("SHA-256"), "{error}");
    }
}
