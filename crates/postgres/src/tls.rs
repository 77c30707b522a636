//! TLS by rustls, with libpq's five ways of checking.

use std::sync::Arc;

use dstream_sdk::{Error, Result};
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use crate::settings::SslMode;
use crate::target::Target;

/// What a handshake needs.
pub(crate) fn client_config(target: &Target) -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(Verifier::new(target, provider.clone())?);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::permanent(e.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let Some((cert, key)) = &target.client_cert else {
        return Ok(Arc::new(builder.with_no_client_auth()));
    };
    let chain = certificates("sslcert", cert)?;
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|e| Error::config("sslkey", format!("{key} holds no private key in PEM: {e}")))?;
    let config = builder.with_client_auth_cert(chain, key);
    config
        .map(Arc::new)
        .map_err(|e| Error::config("sslkey", format!("the client's certificate: {e}")))
}

fn certificates(setting: &str, path: &str) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let all: Vec<_> = read
        .map_err(|e| Error::config(setting, format!("{path} holds no certificates in PEM: {e}")))?;
    if all.is_empty() {
        return Err(Error::config(setting, format!("{path} holds no certificate in PEM")));
    }
    Ok(all)
}

/// What is checked of the server's certificate.
#[derive(Debug)]
struct Verifier {
    /// `None`: nothing but that the server has the key.
    checked: Option<Checked>,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
struct Checked {
    webpki: Arc<WebPkiServerVerifier>,
    roots: Vec<CertificateDer<'static>>,
    /// Whether the name has to be that of the host.
    name: bool,
}

impl Verifier {
    fn new(target: &Target, provider: Arc<CryptoProvider>) -> Result<Self> {
        let name = match target.ssl {
            SslMode::VerifyFull => true,
            SslMode::VerifyCa => false,
            // As libpq: with a root certificate, `require` checks it.
            SslMode::Require if target.root_cert.is_some() => false,
            _ => return Ok(Self { checked: None, provider }),
        };
        let roots = match target.root_cert.as_deref() {
            Some(path) if path != "system" => certificates("sslrootcert", path)?,
            _ => rustls_native_certs::load_native_certs().certs,
        };
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone())
            .build()
            .map_err(|e| {
                Error::config(
                    "sslrootcert",
                    format!("no trusted certificates to check the server's with: {e}"),
                )
            })?;
        Ok(Self { checked: Some(Checked { webpki, roots, name }), provider })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        cert: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(checked) = &self.checked else { return Ok(ServerCertVerified::assertion()) };
        match checked.webpki.verify_server_cert(cert, intermediates, host, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !checked.name => Ok(ServerCertVerified::assertion()),
            // A certificate that signs itself and is trusted as such: webpki does not take a root
            // for a server's.
            Err(_) if !checked.name && checked.roots.iter().any(|root| root == cert) => {
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
