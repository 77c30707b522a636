//! `ghcr.io/acme/dstream-in-foo:v1.2.0`, taken apart.

use std::fmt;
use std::net::Ipv6Addr;
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

    /// The client library has a parser of its own; its regular expression takes 40 ms to compile, in every run.
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
        if !is_registry(registry) {
            return Err(bad("a registry is a host's name or address, perhaps with a port"));
        }
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse::<Digest>())),
            None => (rest, None),
        };
        let digest = digest.transpose().map_err(|e| bad(&e.to_string()))?;
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (rest, None),
        };
        if repository.is_empty() {
            return Err(bad("no repository follows the registry"));
        }
        if repository.contains(|c: char| c.is_ascii_uppercase()) {
            return Err(bad("a repository is written in small letters"));
        }
        if repository.len() > LONGEST || !repository.split('/').all(is_component) {
            return Err(bad(
                "its repository has parts that are not letters and digits, with single `.`, `_`, `__` or `-` between",
            ));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(bad(
                "a tag has up to 128 letters, digits, `_`, `.` and `-`, and begins with neither of the last two",
            ));
        }
        let (registry, repository) = (registry.to_owned(), repository.to_owned());
        Ok(Self { registry, repository, tag: tag.map(str::to_owned), digest })
    }
}

/// A repository's name is no longer than this, by the distribution specification.
const LONGEST: usize = 255;

/// Names and addresses of version 4, or of version 6 in brackets, and a port.
fn is_registry(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => return address.parse::<Ipv6Addr>().is_ok() && is_port(port),
        None => text.find(':').map_or((text, ""), |at| text.split_at(at)),
    };
    let label = |label: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty()
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.split('.').all(label) && is_port(port)
}

/// `:5000`, or nothing.
fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, by the distribution specification.
fn is_component(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut rest = text;
    loop {
        let word = rest.trim_start_matches(is_word);
        if word.len() == rest.len() {
            return false;
        }
        if word.is_empty() {
            return true;
        }
        rest = word.trim_start_matches(|c| !is_word(c));
        let between = &word[..word.len() - rest.len()];
        if !matches!(between, "." | "_" | "__") && !between.bytes().all(|b| b == b'-') {
            return false;
        }
    }
}

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`, by the distribution specification.
fn is_tag(text: &str) -> bool {
    let all = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    (1..=128).contains(&text.len()) && text.chars().all(all) && !text.starts_with(['.', '-'])
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

    /// Where the client library's parser takes what ours does, both mean the same.
    #[test]
    fn what_is_one_is_one_for_the_client_library_as_well() {
        for text in [
            "ghcr.io/acme/dstream-in-foo:v1.2.0",
            "localhost:5000/a/b_c/d__e/f.g/h---i:A_.-b",
            "127.0.0.1:1/0:_",
            "registry.acme.io/x",
        ] {
            let (ours, theirs) = (text.parse::<Reference>(), text.parse::<oci_client::Reference>());
            let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
            assert_eq!(ours.repository(), theirs.repository(), "{text}");
            assert_eq!(ours.registry(), theirs.registry(), "{text}");
            assert_eq!(ours.tag().unwrap_or("latest"), theirs.tag().unwrap(), "{text}");
        }
        assert_eq!("[::1]:5000/x".parse::<Reference>().unwrap().registry(), "[::1]:5000");
    }

    #[test]
    fn what_is_none_is_refused_with_its_reason() {
        for (text, reason) in [
            ("acme/dstream-in-foo:v1", "names no registry"),
            ("dstream-in-foo", "names no registry"),
            ("https://ghcr.io/acme/x:v1", "scheme"),
            ("ghcr.io/", "no repository"),
            ("ghcr.io/Acme/x:v1", "small letters"),
            ("ghcr.io/acme/../x:v1", "its repository has parts"),
            ("ghcr.io/acme//x:v1", "its repository has parts"),
            ("ghcr.io/acme/x-:v1", "its repository has parts"),
            ("ghcr.io/acme/x.-y:v1", "its repository has parts"),
            ("ghcr.io/acme/x:v 1", "a tag has"),
            ("ghcr.io/acme/x:", "a tag has"),
            ("ghcr.io/acme/x:.v1", "a tag has"),
            ("ghcr.io/acme/x@sha256:ABC", "no SHA-256 digest"),
            ("gh_cr.io/acme/x:v1", "a registry is"),
            ("ghcr.io:port/acme/x:v1", "a registry is"),
            ("ghcr.io:99999/acme/x:v1", "a registry is"),
            ("[::1/acme/x:v1", "a registry is"),
        ] {
            let error = text.parse::<Reference>().unwrap_err();
            assert!(error.to_string().contains(reason), "{text}: {error}");
        }
        let long = format!("ghcr.io/{}:v1", "a".repeat(256));
        assert!(long.parse::<Reference>().is_err());
        assert!(format!("ghcr.io/x:{}", "a".repeat(129)).parse::<Reference>().is_err());
        let sha512 = format!("ghcr.io/acme/x@sha512:{}", "a".repeat(128));
        let error = sha512.parse::<Reference>().unwrap_err();
        assert!(error.to_string().contains("SHA-256"), "{error}");
    }
}
