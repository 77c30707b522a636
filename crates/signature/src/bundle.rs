//! Sigstore's bundles: read, and judged where a key signed them.

use serde_json::Value;
use sigstore_verify::types::bundle::VerificationMaterialContent;
use sigstore_verify::types::{Bundle, Sha256Hash, SignatureContent, Statement};

use crate::key::PublicKey;

/// What an attestation must say so that it counts as a signature: cosign's own, and who built it.
const PREDICATES: [&str; 2] =
    ["https://sigstore.dev/cosign/sign/v1", "https://slsa.dev/provenance/v1"];

/// What a statement's envelope calls its payload.
const STATEMENT: &str = "application/vnd.in-toto+json";

/// Reads a bundle, and refuses an attestation that says something else than who made it.
pub(crate) fn read(document: &[u8]) -> Result<Bundle, String> {
    let text = std::str::from_utf8(document).map_err(|_| "its bundle is no text".to_owned())?;
    let bundle = Bundle::from_json(text).map_err(|e| format!("its bundle cannot be read: {e}"))?;
    if let SignatureContent::DsseEnvelope(envelope) = &bundle.content {
        let statement: Value = serde_json::from_slice(envelope.payload.as_bytes())
            .map_err(|_| "its statement cannot be read".to_owned())?;
        let says = statement["predicateType"].as_str().unwrap_or("nothing");
        if !PREDICATES.contains(&says) {
            return Err(format!("it attests something else: {}", says.escape_debug()));
        }
    }
    Ok(bundle)
}

/// Whether a bundle is signed by a key, and not by the owner of a certificate.
pub(crate) fn is_by_key(bundle: &Bundle) -> bool {
    matches!(bundle.verification_material.content, VerificationMaterialContent::PublicKey(_))
}

/// Whether the key signed it for what has this digest, `sha256:…`. The library wants a log's entry or a
/// timestamp of every bundle; who trusts a key trusts it at any time, and closed networks have neither.
pub(crate) fn by_key(bundle: &Bundle, digest: &str, key: &PublicKey) -> bool {
    let Ok(hash) = hash(digest) else { return false };
    match &bundle.content {
        SignatureContent::DsseEnvelope(envelope) => {
            let statement: Option<Statement> =
                serde_json::from_slice(envelope.payload.as_bytes()).ok();
            envelope.payload_type == STATEMENT
                && statement.is_some_and(|statement| statement.matches_sha256(&hash))
                && key.made(&envelope.signature.sig.to_base64(), &envelope.pae())
        }
        // The manifest's own bytes, which nobody needs: their digest is known.
        SignatureContent::MessageSignature(signed) => key.made_of_hash(&signed.signature, &hash),
        _ => false,
    }
}

pub(crate) fn hash(digest: &str) -> Result<Sha256Hash, String> {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    Sha256Hash::from_hex(hex).map_err(|e| e.to_string())
}
