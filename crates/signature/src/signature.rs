//! What a registry holds beside a provider.

use serde_json::{Value, json};
use sigstore_verify::crypto::sha256;
use sigstore_verify::types::DigestBytes;

use crate::key::{from_base64, to_base64};

/// One signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// cosign's first format: a payload that names the digest, signed, everything else in annotations.
    Simple(Simple),
    /// A Sigstore bundle: one JSON document with everything that is needed.
    Bundle(Vec<u8>),
    /// Something stands in its place that cannot be had or read: why.
    Unreadable(String),
}

/// A signature of cosign's first format.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Simple {
    /// What was signed, byte for byte.
    pub payload: Vec<u8>,
    /// The signature, in Base64.
    pub signature: String,
    /// The signer's certificate in PEM, where there is one.
    pub certificate: Option<String>,
    /// The transparency log's receipt, where there is one.
    pub receipt: Option<String>,
}

/// The media type of a payload of cosign's first format.
pub const SIMPLE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The annotation that holds the signature.
pub const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// The annotation that holds the certificate.
pub const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
/// The annotation that holds the transparency log's receipt.
pub const RECEIPT: &str = "dev.sigstore.cosign/bundle";
/// The media types of bundles: 0.3, as it was named first and is named now.
pub const BUNDLES: [&str; 2] = [
    "application/vnd.dev.sigstore.bundle.v0.3+json",
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
];

impl Simple {
    /// The same as a bundle of version 0.1, whose verification needs the log's signed promise and no proof:
    /// what this format has. Nothing where there is no certificate or receipt, or they cannot be read.
    pub(crate) fn to_bundle(&self) -> Option<Value> {
        let certificate = der(self.certificate.as_deref()?)?;
        let receipt: Value = serde_json::from_str(self.receipt.as_deref()?).ok()?;
        let entry = &receipt["Payload"];
        let body = entry["body"].as_str()?;
        let kind: Value = serde_json::from_slice(&from_base64(body)?).ok()?;
        let log = DigestBytes::from_hex(entry["logID"].as_str()?).ok()?;
        Some(json!({
            "mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.1",
            "verificationMaterial": {
                "x509CertificateChain": { "certificates": [{ "rawBytes": certificate }] },
                "tlogEntries": [{
                    "logIndex": entry["logIndex"].as_u64()?.to_string(),
                    "logId": { "keyId": to_base64(log.as_bytes()) },
                    "kindVersion": { "kind": kind["kind"], "version": kind["apiVersion"] },
                    "integratedTime": entry["integratedTime"].as_u64()?.to_string(),
                    "inclusionPromise": { "signedEntryTimestamp": receipt["SignedEntryTimestamp"] },
                    "canonicalizedBody": body,
                }],
            },
            "messageSignature": {
                "messageDigest": {
                    "algorithm": "SHA2_256",
                    "digest": sha256(&self.payload).to_base64(),
                },
                "signature": self.signature,
            },
        }))
    }
}

/// The bytes of a certificate in PEM, in Base64.
fn der(pem: &str) -> Option<String> {
    let read = pem::parse(pem.trim()).ok()?;
    (read.tag() == "CERTIFICATE").then(|| to_base64(read.contents()))
}
