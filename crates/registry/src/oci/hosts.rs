//! How registries are reached: over TLS, except where a person says otherwise.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use super::error::OciError;
use crate::reference::{BadReference, Reference};

/// What is set for one registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// Whether it speaks plain HTTP. Without it: only where it is on this machine, and has no `ca_file`.
    pub plain_http: Option<bool>,
    /// PEM certificates that are trusted for it, beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// Another registry that has what is asked of this one, perhaps under a path: `registry.lan:5000/ghcr`.
    pub mirror: Option<String>,
}

/// What is set for each registry, by its host and port as references write them.
pub type Hosts = BTreeMap<String, Host>;

/// Where a reference is looked for: with the mirror of its registry, where it has one.
pub(crate) fn target(hosts: &Hosts, reference: &Reference) -> Result<Reference, OciError> {
    let mirror = hosts.get(reference.registry()).and_then(|host| host.mirror.as_ref());
    let Some(mirror) = mirror else { return Ok(reference.clone()) };
    let place = format!("{mirror}/{}", reference.repository());
    let mut target: Reference = place.parse().map_err(|e: BadReference| OciError::Malformed {
        what: format!("the mirror of {}", reference.registry()),
        reason: e.to_string(),
    })?;
    if let Some(tag) = reference.tag() {
        target = target.with_tag(tag);
    }
    Ok(match reference.digest() {
        Some(digest) => target.with_digest(digest.clone()),
        None => target,
    })
}

impl Host {
    /// Whether a registry is spoken to without TLS.
    pub(crate) fn is_plain(&self, registry: &str) -> bool {
        self.plain_http.unwrap_or_else(|| self.ca_file.is_none() && is_loopback(registry))
    }
}

/// A registry on this machine: nobody can listen in between.
fn is_loopback(registry: &str) -> bool {
    let host = match registry.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => registry,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_without_tls_unless_it_is_said() {
        let plain = |registry: &str| Host::default().is_plain(registry);
        assert!(plain("localhost:5000") && plain("127.0.0.1:5000") && plain("localhost"));
        assert!(!plain("ghcr.io") && !plain("127.0.0.1.evil.io") && !plain("10.0.0.1:5000"));
        assert!(!plain("localhost.evil.io:80"));
        let said = |plain_http| Host { plain_http: Some(plain_http), ..Host::default() };
        assert!(said(true).is_plain("registry.lan:5000"));
        assert!(!said(false).is_plain("127.0.0.1:5000"));
        let private = Host { ca_file: Some("ca.pem".into()), ..Host::default() };
        assert!(!private.is_plain("127.0.0.1:5000"));
    }

    #[test]
    fn a_mirror_takes_the_place_of_the_registry_and_keeps_path_tag_and_digest() {
        let host = |mirror: &str| Host { mirror: Some(mirror.to_owned()), ..Host::default() };
        let hosts = Hosts::from([
            ("ghcr.io".to_owned(), host("registry.lan:5000/ghcr")),
            ("quay.io".to_owned(), host("no host")),
        ]);
        let of = |text: &str| target(&hosts, &text.parse().unwrap()).map(|r| r.to_string());
        assert_eq!(of("ghcr.io/acme/x:v1").unwrap(), "registry.lan:5000/ghcr/acme/x:v1");
        let digest = crate::Digest::of(b"x");
        let pinned = of(&format!("ghcr.io/acme/x@{digest}")).unwrap();
        assert_eq!(pinned, format!("registry.lan:5000/ghcr/acme/x@{digest}"));
        assert_eq!(of("docker.io/acme/x:v1").unwrap(), "docker.io/acme/x:v1");
        assert!(of("quay.io/acme/x:v1").unwrap_err().to_string().contains("mirror of quay.io"));
    }
}
