//! Manifests: small documents that name contents by digest.

use oci_client::RegistryOperation;
use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE, OciManifest,
};
use oci_client::secrets::RegistryAuth;
use reqwest::header::{ACCEPT, HeaderName, HeaderValue};

use super::error::OciError;
use super::parts::Document;
use super::retry::retried;
use super::session::{Registries, Session};
use crate::digest::Digest;
use crate::reference::Reference;

/// How large a manifest may be: what the distribution specification asks registries to take.
pub(crate) const LARGEST: u64 = 4 << 20;

const TYPES: [&str; 4] = [
    OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE,
    IMAGE_MANIFEST_LIST_MEDIA_TYPE,
    IMAGE_MANIFEST_MEDIA_TYPE,
];

/// A manifest, its digest computed here.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub(crate) digest: Digest,
    pub(crate) content: OciManifest,
    pub(crate) document: Document,
}

impl Registries {
    /// The manifest that a reference names. What is wrong for a moment only is tried again.
    pub(crate) async fn manifest(&self, reference: &Reference) -> Result<Manifest, OciError> {
        retried(|| async {
            let session = self.open(reference, RegistryOperation::Pull).await?;
            session.manifest(reference).await.map_err(|e| session.name(e))
        })
        .await
    }
}

impl Session {
    /// The client library reads an answer of any length, so this request is made here.
    async fn manifest(&self, reference: &Reference) -> Result<Manifest, OciError> {
        let what = reference.to_string();
        let which = match (reference.digest(), reference.tag()) {
            (Some(digest), _) => digest.to_string(),
            (None, tag) => tag.unwrap_or("latest").to_owned(),
        };
        let url = format!("{}/manifests/{which}", self.base);
        let Answer { bytes, named } = self.get(&url, &what).await?;
        let named = named.as_ref().and_then(|h| h.to_str().ok()).and_then(|h| h.parse().ok());
        let actual = Digest::of(&bytes);
        for expected in reference.digest().cloned().into_iter().chain(named) {
            if expected != actual {
                return Err(OciError::DigestMismatch { what, expected, actual });
            }
        }
        let content = parse(&bytes, &what)?;
        let media_type = content.content_type().to_owned();
        let document = Document { media_type, bytes };
        Ok(Manifest { digest: actual, content, document })
    }
}

/// A small document.
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    /// The digest that the registry gives for it.
    named: Option<HeaderValue>,
}

impl Session {
    /// A manifest, or a list of some.
    pub(crate) async fn get(&self, url: &str, what: &str) -> Result<Answer, OciError> {
        let accept = (ACCEPT, TYPES.join(", "));
        let response = self.ask(url, Some(accept), what).await?;
        let named = response.headers().get("docker-content-digest").cloned();
        let bytes = bounded(response, what, self.reference.registry()).await?;
        Ok(Answer { bytes, named })
    }

    /// A request with what the registry knows us by, and its answer where that is a success.
    pub(crate) async fn ask(
        &self,
        url: &str,
        header: Option<(HeaderName, String)>,
        what: &str,
    ) -> Result<reqwest::Response, OciError> {
        let registry = self.reference.registry();
        let request = match &self.auth {
            RegistryAuth::Anonymous => self.http.get(url),
            RegistryAuth::Basic(user, password) => {
                self.http.get(url).basic_auth(user, Some(password))
            }
            RegistryAuth::Bearer(token) => self.http.get(url).bearer_auth(token),
        };
        let request = match header {
            Some((name, value)) => request.header(name, value),
            None => request,
        };
        let response = request.send().await.map_err(|e| OciError::of_request(registry, &e))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let bytes = bounded(response, what, registry).await?;
        let body = String::from_utf8_lossy(&bytes);
        Err(OciError::of_status(registry, what, status.as_u16(), &body))
    }
}

/// Everything of an answer that is not too long.
async fn bounded(
    mut response: reqwest::Response,
    what: &str,
    registry: &str,
) -> Result<Vec<u8>, OciError> {
    let mut bytes = Vec::new();
    while let Some(piece) =
        response.chunk().await.map_err(|e| OciError::of_request(registry, &e))?
    {
        if (bytes.len() + piece.len()) as u64 > LARGEST {
            return Err(OciError::TooLarge { what: what.to_owned(), limit: LARGEST });
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// A manifest or an index of version 2, the only one that there is.
pub(crate) fn parse(bytes: &[u8], what: &str) -> Result<OciManifest, OciError> {
    let malformed = |reason: String| OciError::Malformed { what: what.to_owned(), reason };
    let content: OciManifest = serde_json::from_slice(bytes)
        .map_err(|_| malformed("it is neither a manifest nor an index of manifests".to_owned()))?;
    let version = match &content {
        OciManifest::Image(manifest) => manifest.schema_version,
        OciManifest::ImageIndex(index) => index.schema_version,
    };
    match version {
        2 => Ok(content),
        other => Err(malformed(format!("its schema version is {other}, and only 2 is known"))),
    }
}
