//! How registries are reached: over TLS, except where a person says otherwise.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

/// What is set for one registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// Whether it speaks plain HTTP. Without it: only where it is on this machine, and has no `ca_file`.
    pub plain_http: Option<bool>,
    /// PEM certificates that are trusted for it, beside those of the system.
    pub ca_file: Option<PathBuf>,
}

/// What is set for each registry, by its host and port as references write them.
pub type Hosts = BTreeMap<String, Host>;

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
        let said = |plain_http| Host { plain_http: Some(plain_http), ca_file: None };
        assert!(said(true).is_plain("registry.lan:5000"));
        assert!(!said(false).is_plain("127.0.0.1:5000"));
        let private = Host { ca_file: Some("ca.pem".into()), ..Host::default() };
        assert!(!private.is_plain("127.0.0.1:5000"));
    }
}
