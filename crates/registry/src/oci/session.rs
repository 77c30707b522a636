//! Connections to registries: one client each, credentials and TLS as they are set.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use oci_client::RegistryOperation;
use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use tokio::sync::Mutex;

use super::credentials::{Credential, Credentials};
use super::error::OciError;
use super::hosts::{Host, Hosts, target};
use super::roots as system;
use crate::reference::Reference;

const AGENT: &str = concat!("dstream/", env!("CARGO_PKG_VERSION"));
/// A registry that is there answers at once; one behind a slow line gets its time.
const CONNECT: Duration = Duration::from_secs(15);
/// How long a token is used: the least that one lives is a minute, by the distribution's token specification.
const TOKEN: Duration = Duration::from_secs(45);
/// Between two pieces of an answer.
const SILENCE: Duration = Duration::from_secs(30);

/// Every registry that is talked to in one run.
pub struct Registries {
    hosts: Hosts,
    credentials: Credentials,
    clients: Mutex<HashMap<String, Clients>>,
    /// What a repository was opened with, for reading or for writing.
    opened: Mutex<HashMap<(String, bool), Opened>>,
}

#[derive(Clone)]
struct Opened {
    auth: RegistryAuth,
    place: Option<String>,
    at: Instant,
}

#[derive(Clone)]
struct Clients {
    oci: oci_client::Client,
    http: reqwest::Client,
}

/// One repository, opened with the rights that are needed.
pub(crate) struct Session {
    pub(crate) oci: oci_client::Client,
    pub(crate) http: reqwest::Client,
    /// What was opened: it may be in a mirror.
    pub(crate) reference: Reference,
    /// The same, as the client library takes it.
    pub(crate) target: oci_client::Reference,
    /// What goes into a request's head that the client library does not make.
    pub(crate) auth: RegistryAuth,
    /// `https://ghcr.io/v2/acme/dstream-in-foo`.
    pub(crate) base: String,
    place: Option<String>,
}

impl Registries {
    /// With what is set and what is known of credentials.
    pub fn new(hosts: Hosts, credentials: Credentials) -> Self {
        Self { hosts, credentials, clients: Mutex::default(), opened: Mutex::default() }
    }

    /// The same without mirrors: for what is changed where it is published.
    pub(crate) fn without_mirrors(&self) -> Self {
        let mut hosts = self.hosts.clone();
        hosts.values_mut().for_each(|host| host.mirror = None);
        Self::new(hosts, self.credentials.clone())
    }

    /// Opens the repository of a reference, for reading or for writing.
    pub(crate) async fn open(
        &self,
        reference: &Reference,
        operation: RegistryOperation,
    ) -> Result<Session, OciError> {
        // A mirror is read from; what is published goes where it says.
        let at = match operation {
            RegistryOperation::Pull => target(&self.hosts, reference)?,
            RegistryOperation::Push => reference.clone(),
        };
        let registry = at.registry();
        let host = self.hosts.get(registry).cloned().unwrap_or_default();
        let Clients { oci, http } = self.clients(registry, &host).await?;
        let target = at.to_oci();
        let key = (at.source(), matches!(operation, RegistryOperation::Push));
        let known = self.opened.lock().await.get(&key).cloned();
        let Opened { auth, place, .. } = match known.filter(|known| known.at.elapsed() < TOKEN) {
            Some(known) => known,
            None => {
                let opened = self.authenticate(&oci, &at, operation).await?;
                self.opened.lock().await.insert(key, opened.clone());
                opened
            }
        };
        let base = base(&at, &host);
        Ok(Session { oci, http, reference: at, target, auth, base, place })
    }

    /// Asks the registry what it wants, and gets it.
    async fn authenticate(
        &self,
        oci: &oci_client::Client,
        at: &Reference,
        operation: RegistryOperation,
    ) -> Result<Opened, OciError> {
        let Credential { auth, place } = self.credentials.of(at)?;
        let token = oci.auth(&at.to_oci(), &auth, operation).await;
        let token = token
            .map_err(|e| OciError::of(e, at.registry(), &at.to_string()))
            .map_err(|e| e.with_credentials(place.as_deref()))?;
        // Without a token the registry takes the password itself, or nothing.
        let auth = token.map_or(auth, RegistryAuth::Bearer);
        Ok(Opened { auth, place, at: Instant::now() })
    }

    /// Whether a registry takes a user and a password. Nothing is stored.
    ///
    /// # Errors
    /// It does not, or does not answer.
    pub async fn check(&self, at: &Reference, user: &str, password: &str) -> Result<(), OciError> {
        let registry = at.registry();
        let host = self.hosts.get(registry).cloned().unwrap_or_default();
        let clients = make(registry, &host)?;
        let scheme = if host.is_plain(registry) { "http" } else { "https" };
        let auth = RegistryAuth::Basic(user.to_owned(), password.to_owned());
        let oci = clients.oci.auth(&at.to_oci(), &auth, RegistryOperation::Pull).await;
        let token = oci.map_err(|e| OciError::of(e, registry, registry))?;
        let request = clients.http.get(format!("{scheme}://{}/v2/", address(registry)));
        let request = match &token {
            Some(token) => request.bearer_auth(token),
            None => request.basic_auth(user, Some(password)),
        };
        let response = request.send().await.map_err(|e| OciError::of_request(registry, &e))?;
        match response.status().as_u16() {
            200..=299 => Ok(()),
            status => {
                let error = OciError::of_status(registry, registry, status, "");
                Err(error.with_credentials(Some("stdin")))
            }
        }
    }

    async fn clients(&self, registry: &str, host: &Host) -> Result<Clients, OciError> {
        let mut all = self.clients.lock().await;
        if let Some(clients) = all.get(registry) {
            return Ok(clients.clone());
        }
        let made = make(registry, host)?;
        all.insert(registry.to_owned(), made.clone());
        Ok(made)
    }
}

impl Session {
    /// An error of the client library.
    pub(crate) fn error(
        &self,
        error: oci_client::errors::OciDistributionError,
        what: &str,
    ) -> OciError {
        self.name(OciError::of(error, self.reference.registry(), what))
    }

    /// An error as it is told: with the credentials that were used.
    pub(crate) fn name(&self, error: OciError) -> OciError {
        error.with_credentials(self.place.as_deref())
    }
}

/// The beginning of the addresses of a repository.
fn base(place: &Reference, host: &Host) -> String {
    let registry = place.registry();
    let scheme = if host.is_plain(registry) { "http" } else { "https" };
    format!("{scheme}://{}/v2/{}", address(registry), place.repository())
}

/// Docker's registry has an address of its own.
fn address(registry: &str) -> &str {
    if registry == "docker.io" { "index.docker.io" } else { registry }
}

fn make(registry: &str, host: &Host) -> Result<Clients, OciError> {
    let pem = host.ca_file.as_ref().map(|file| {
        std::fs::read(file).map_err(|e| OciError::Certificates {
            place: file.display().to_string(),
            reason: e.to_string(),
        })
    });
    let pem = pem.transpose()?;
    let bad = |reason: String| OciError::Certificates {
        place: host.ca_file.as_ref().map(|f| f.display().to_string()).unwrap_or_default(),
        reason,
    };
    let roots = match &pem {
        Some(pem) => reqwest::Certificate::from_pem_bundle(pem).map_err(|e| bad(e.to_string()))?,
        None => Vec::new(),
    };
    if pem.is_some() && roots.is_empty() {
        return Err(bad("there is none in it".to_owned()));
    }
    let http =
        reqwest::Client::builder().user_agent(AGENT).connect_timeout(CONNECT).read_timeout(SILENCE);
    let http = match system::for_requests() {
        known if known.is_empty() => http,
        known => http.tls_certs_only(known),
    };
    let http =
        http.tls_certs_merge(roots).build().map_err(|e| OciError::of_request(registry, &e))?;
    let protocol =
        if host.is_plain(registry) { ClientProtocol::Http } else { ClientProtocol::Https };
    let config = ClientConfig {
        protocol,
        tls_certs_only: system::for_library(),
        extra_root_certificates: pem.map_or_else(Vec::new, |pem| certificates(&pem)),
        connect_timeout: Some(CONNECT),
        read_timeout: Some(SILENCE),
        user_agent: AGENT,
        // One request a content: some registries know no chunks.
        use_monolithic_push: true,
        ..ClientConfig::default()
    };
    let oci =
        oci_client::Client::try_from(config).map_err(|e| OciError::of(e, registry, registry))?;
    Ok(Clients { oci, http })
}

/// One entry a certificate: the library reads only the first of each.
fn certificates(pem: &[u8]) -> Vec<Certificate> {
    const END: &str = "-----END CERTIFICATE-----";
    let text = String::from_utf8_lossy(pem);
    let each = text.split_inclusive(END).filter(|part| part.contains(END));
    each.map(|part| Certificate {
        encoding: CertificateEncoding::Pem,
        data: part.as_bytes().to_vec(),
    })
    .collect()
}
