//! Keys: public ones that a project names, and private ones that sign.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sigstore_verify::crypto::{KeyPair, VerificationKey, sha256};
use sigstore_verify::types::{DerPublicKey, Sha256Hash, SignatureBytes};

use crate::payload;
use crate::sealed;
use crate::signature::Simple;
use crate::signer::Signer;

/// A key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// It is something else, or of a kind that is not known.
    #[error("it is no {wanted}: {reason}")]
    Kind {
        /// What it should be.
        wanted: &'static str,
        /// What it is.
        reason: String,
    },
    /// It is locked, and no password was given.
    #[error("it is locked with a password")]
    Locked,
    /// The password is another one, or the file was changed.
    #[error("the password does not open it")]
    Password,
}

/// A public key: ECDSA, Ed25519 or RSA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(pub(crate) DerPublicKey);

impl PublicKey {
    /// Reads `-----BEGIN PUBLIC KEY-----`.
    ///
    /// # Errors
    /// It is something else, or a key of a kind that is not known.
    pub fn from_pem(text: &str) -> Result<Self, BadKey> {
        let bad = |reason: String| BadKey::Kind { wanted: "public key in PEM", reason };
        let key = DerPublicKey::from_pem(text.trim()).map_err(|e| bad(e.to_string()))?;
        VerificationKey::from_spki(&key).map_err(|e| bad(e.to_string()))?;
        Ok(Self(key))
    }

    /// Who has its private half.
    pub fn signer(&self) -> Signer {
        Signer::Key { fingerprint: format!("sha256:{}", sha256(self.0.as_bytes()).to_hex()) }
    }

    /// Whether the private half made this signature, in Base64, of these bytes.
    pub fn made(&self, signature: &str, bytes: &[u8]) -> bool {
        let (Ok(key), Some(signature)) =
            (VerificationKey::from_spki(&self.0), from_base64(signature))
        else {
            return false;
        };
        key.verify(bytes, &SignatureBytes::new(signature)).is_ok()
    }
}

impl PublicKey {
    /// The same for bytes of which the SHA-256 is at hand. Ed25519 cannot say: it signs the bytes themselves.
    pub(crate) fn made_of_hash(&self, signature: &SignatureBytes, hash: &Sha256Hash) -> bool {
        let key = VerificationKey::from_spki(&self.0);
        key.is_ok_and(|key| key.verify_prehashed(hash.as_bytes(), signature).is_ok())
    }
}

/// A private key: ECDSA on the curve P-256, what `cosign generate-key-pair` makes.
#[derive(Debug)]
pub struct SigningKey(KeyPair);

impl SigningKey {
    /// Reads a private key in PEM: PKCS #8, or cosign's form, for which a password is asked.
    ///
    /// # Errors
    /// It is something else, or the password does not open it.
    pub fn from_pem(text: &str, password: impl FnOnce() -> Option<String>) -> Result<Self, BadKey> {
        let bad = |reason: String| BadKey::Kind { wanted: "private key in PEM", reason };
        let read = pem::parse(text.trim()).map_err(|e| bad(e.to_string()))?;
        let der = match read.tag() {
            "PRIVATE KEY" => read.into_contents(),
            "ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY" => {
                sealed::open(read.contents(), &password().ok_or(BadKey::Locked)?)?
            }
            other => return Err(bad(format!("it is `{}`", other.escape_debug()))),
        };
        KeyPair::from_pkcs8_der(&der).map(Self).map_err(|e| bad(e.to_string()))
    }

    /// Its public half.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn public(&self) -> Result<PublicKey, BadKey> {
        let unwritten = |e: sigstore_verify::crypto::Error| BadKey::Kind {
            wanted: "key with a public half",
            reason: e.to_string(),
        };
        self.0.public_key_der().map(PublicKey).map_err(unwritten)
    }

    /// Signs what a reference leads to, `sha256:…`.
    ///
    /// # Errors
    /// The library does not sign with it.
    pub fn sign(&self, reference: &str, digest: &str) -> Result<Simple, BadKey> {
        let payload = payload::write(reference, digest);
        let signature = self
            .0
            .sign(&payload)
            .map_err(|e| BadKey::Kind { wanted: "key that signs", reason: e.to_string() })?;
        Ok(Simple { payload, signature: signature.to_base64(), ..Simple::default() })
    }
}

pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.trim()).ok()
}

pub(crate) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
