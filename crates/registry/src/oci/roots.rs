//! The system's certificates, read once: each of the two clients would read them for itself, which takes some
//! ten milliseconds a time where they lie in hundreds of files.

use oci_client::client::{Certificate, CertificateEncoding};

/// The certificates of the system, in DER. None: the clients are to ask the system, as they do on macOS and
/// Windows, whose own verification knows more than a list.
#[cfg(all(unix, not(target_vendor = "apple")))]
pub(super) fn system() -> &'static [Vec<u8>] {
    static ROOTS: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
    ROOTS.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::debug!(%error, "a certificate of the system is passed over");
        }
        found.certs.iter().map(|certificate| certificate.to_vec()).collect()
    })
}

#[cfg(not(all(unix, not(target_vendor = "apple"))))]
pub(super) fn system() -> &'static [Vec<u8>] {
    &[]
}

/// As our own requests take them.
pub(super) fn for_requests() -> Vec<reqwest::Certificate> {
    system().iter().filter_map(|der| reqwest::Certificate::from_der(der).ok()).collect()
}

/// As the client library takes them.
pub(super) fn for_library() -> Vec<Certificate> {
    let of = |der: &Vec<u8>| Certificate { encoding: CertificateEncoding::Der, data: der.clone() };
    system().iter().map(of).collect()
}
