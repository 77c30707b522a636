//! Signatures by certificate: who it was made for, when, and what the transparency log says, judged by
//! Sigstore's own library.

use std::sync::{Arc, OnceLock};

use sigstore_verify::trust_root::{SIGSTORE_PRODUCTION_TRUSTED_ROOT, TrustedRoot};
use sigstore_verify::types::{Artifact, Bundle};
use sigstore_verify::{VerificationPolicy, VerificationResult, Verifier};

use crate::bundle::hash;
use crate::key::BadKey;
use crate::signer::Signer;

/// By whom certificates and logs are judged.
#[derive(Debug, Clone)]
pub enum Root {
    /// Sigstore's public instance, as it was when dstream was built.
    PublicGood,
    /// Another one: a company's own, or a newer state of the public one.
    Own {
        /// The file's text.
        text: Arc<str>,
        /// What it says.
        root: Arc<TrustedRoot>,
    },
}

impl Root {
    /// Reads a `trusted_root.json`.
    ///
    /// # Errors
    /// It is something else, or holds something that is not known.
    pub fn from_json(text: &str) -> Result<Self, BadKey> {
        let bad = |reason: String| BadKey::Kind { wanted: "trusted root of Sigstore's", reason };
        let root = TrustedRoot::from_json(text).map_err(|e| bad(e.to_string()))?;
        Verifier::new(&root).map_err(|e| bad(e.to_string()))?;
        Ok(Self::Own { text: text.into(), root: Arc::new(root) })
    }

    fn trusted(&self) -> Result<&TrustedRoot, String> {
        match self {
            Self::PublicGood => public_good(),
            Self::Own { root, .. } => Ok(root),
        }
    }
}

/// Sigstore's public instance.
///
/// # Errors
/// What was built in cannot be read.
pub fn public_good() -> Result<&'static TrustedRoot, String> {
    static ROOT: OnceLock<Result<TrustedRoot, String>> = OnceLock::new();
    let read =
        || TrustedRoot::from_json(SIGSTORE_PRODUCTION_TRUSTED_ROOT).map_err(|e| e.to_string());
    ROOT.get_or_init(read).as_ref().map_err(Clone::clone)
}

/// What a bundle is judged for.
pub(crate) enum Subject<'a> {
    /// The bytes that were signed.
    Bytes(&'a [u8]),
    /// Their digest, `sha256:…`.
    Digest(&'a str),
}

impl<'a> Subject<'a> {
    fn artifact(&self) -> Result<Artifact<'a>, String> {
        match self {
            Self::Bytes(bytes) => Ok(Artifact::from_blob(bytes)),
            Self::Digest(digest) => Ok(Artifact::from_digest(hash(digest)?)),
        }
    }
}

/// How a bundle shows that a transparency log has the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logged {
    /// By a proof.
    Proof,
    /// By the log's signed promise only: the one source of the signing time, which the library verifies
    /// before it takes the time from it. Only for bundles made here, of cosign's first format.
    Promise,
}

/// Who signed, by certificate. Where the root has transparency logs, the signature must be in one of them.
pub(crate) fn by_certificate(
    bundle: &Bundle,
    subject: &Subject<'_>,
    root: &Root,
    logged: Logged,
) -> Result<Signer, String> {
    let root = root.trusted()?;
    let mut policy = VerificationPolicy::any_identity();
    if logged == Logged::Promise || root.tlogs.is_empty() {
        policy = policy.skip_tlog_unsafe();
    }
    if root.ctlogs.is_empty() {
        policy = policy.skip_sct();
    }
    let verified = Verifier::new(root)
        .and_then(|verifier| {
            let artifact = subject.artifact();
            let artifact = artifact.map_err(sigstore_verify::Error::InvalidBundle)?;
            verifier.verify(artifact, bundle, &policy)
        })
        .map_err(|e| e.to_string())?;
    signer(&verified).ok_or_else(|| "its certificate names nobody".to_owned())
}

fn signer(verified: &VerificationResult) -> Option<Signer> {
    if !verified.certificate_verified() {
        return None;
    }
    let identity = verified.identity()?.as_str().to_owned();
    Some(Signer::Identity { identity, issuer: verified.issuer()?.to_owned() })
}
