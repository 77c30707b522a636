//! A Sigstore of the tests' own: an authority that certifies identities for a moment, and a transparency log.
//!
//! What it signs is as `cosign sign` signs it without a key, in both of cosign's formats; its
//! [`trusted_root`](Sigstore::trusted_root) is the file by which others judge that.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair as CertificateKey, KeyUsagePurpose, SanType,
};
use serde_json::{Value, json};
use sigstore_verify::crypto::{KeyPair, sha256};
use sigstore_verify::types::pae;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where a certificate says who vouched for its subject.
const ISSUER: &[u64] = &[1, 3, 6, 1, 4, 1, 57264, 1, 1];
/// Sigstore's certificates live for this long; the signature must fall into it.
const LIFE: i64 = 600;

/// An authority and a log.
pub struct Sigstore {
    authority: CertifiedIssuer<'static, CertificateKey>,
    log: KeyPair,
}

/// A signature of cosign's first format: what goes into the annotations.
pub struct Keyless {
    /// The signature, in Base64.
    pub signature: String,
    /// The certificate, in PEM.
    pub certificate: String,
    /// The log's receipt.
    pub receipt: String,
}

struct Certified {
    key: KeyPair,
    der: Vec<u8>,
    pem: String,
}

impl Default for Sigstore {
    fn default() -> Self {
        Self::new()
    }
}

impl Sigstore {
    /// With keys that nobody has used before.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "dstream tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = CertificateKey::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        Self { authority, log: KeyPair::generate_ecdsa_p256().expect("a key") }
    }

    /// The `trusted_root.json` by which what is signed here is good.
    pub fn trusted_root(&self) -> String {
        let since = json!({ "start": "2020-01-01T00:00:00Z" });
        let log = self.log_key();
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [{
                "baseUrl": "https://log.invalid",
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": STANDARD.encode(&log),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": since,
                },
                "logId": { "keyId": sha256(&log).to_base64() },
            }],
            "certificateAuthorities": [{
                "subject": { "organization": "dstream", "commonName": "dstream tests" },
                "uri": "https://authority.invalid",
                "certChain": { "certificates": [{ "rawBytes": STANDARD.encode(self.authority.der()) }] },
                "validFor": since,
            }],
            "ctlogs": [],
            "timestampAuthorities": [],
        })
        .to_string()
    }

    /// Signs a payload for somebody, in cosign's first format.
    pub fn sign(&self, identity: &str, issuer: &str, payload: &[u8]) -> Keyless {
        let Certified { key, pem, .. } = self.certify(identity, issuer, ISSUED);
        let signature = key.sign(payload).expect("a signature").to_base64();
        let (body, at) = (hashed(payload, &signature, &pem), now());
        let log = sha256(&self.log_key()).to_hex();
        let receipt = json!({
            "SignedEntryTimestamp": self.promise(&body, at),
            "Payload": { "body": body, "integratedTime": at, "logIndex": 0, "logID": log },
        });
        Keyless { signature, certificate: pem, receipt: receipt.to_string() }
    }

    /// A bundle of version 0.3: an attestation of this type for what has this digest, `sha256:…`.
    pub fn bundle(&self, identity: &str, issuer: &str, predicate: &str, digest: &str) -> String {
        let Certified { key, der, pem } = self.certify(identity, issuer, ISSUED);
        let Attested { statement, signature, envelope } = Attested::new(&key, predicate, digest);
        let body = attested(&envelope.to_string(), &statement, &signature, &pem);
        let at = now();
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": { "rawBytes": STANDARD.encode(der) },
                "tlogEntries": [{
                    "logIndex": "0",
                    "logId": { "keyId": sha256(&self.log_key()).to_base64() },
                    "kindVersion": { "kind": "dsse", "version": "0.0.1" },
                    "integratedTime": at.to_string(),
                    "inclusionPromise": { "signedEntryTimestamp": self.promise(&body, at) },
                    "inclusionProof": self.proof(&body),
                    "canonicalizedBody": body,
                }],
            },
            "dsseEnvelope": envelope,
        })
        .to_string()
    }

    /// A key, and a certificate for it that is valid from some seconds ago on.
    fn certify(&self, identity: &str, issuer: &str, since: i64) -> Certified {
        let key = CertificateKey::generate().expect("a key");
        let mut params = CertificateParams::default();
        let name = Ia5String::try_from(identity).expect("an identity in ASCII");
        params.subject_alt_names = vec![match identity.contains("://") {
            true => SanType::URI(name),
            false => SanType::Rfc822Name(name),
        }];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.custom_extensions =
            vec![CustomExtension::from_oid_content(ISSUER, issuer.as_bytes().to_vec())];
        let from = SystemTime::now() - std::time::Duration::from_secs(since.unsigned_abs());
        params.not_before = from.into();
        params.not_after = (from + std::time::Duration::from_secs(LIFE.unsigned_abs())).into();
        let certificate = params.signed_by(&key, &self.authority).expect("a certificate");
        let (der, pem) = (certificate.der().to_vec(), certificate.pem());
        let key = KeyPair::from_pkcs8_der(key.serialized_der()).expect("the same key");
        Certified { key, der, pem }
    }

    /// The log's word that it has the entry.
    fn promise(&self, body: &str, at: u64) -> String {
        let log = sha256(&self.log_key()).to_hex();
        // In the order of the names, as canonical JSON has it.
        let said =
            format!(r#"{{"body":"{body}","integratedTime":{at},"logID":"{log}","logIndex":0}}"#);
        self.log.sign(said.as_bytes()).expect("a signature").to_base64()
    }

    /// The proof that a log with one entry has it: the tree is a leaf.
    fn proof(&self, body: &str) -> Value {
        let entry = STANDARD.decode(body).expect("Base64");
        let root = sha256(&[&[0][..], &entry].concat());
        let note = format!("log.invalid\n1\n{}\n", root.to_base64());
        let signature = self.log.sign(note.as_bytes()).expect("a signature");
        let hint = sha256(&self.log_key());
        let signed = [&hint.as_bytes()[..4], signature.as_bytes()].concat();
        let checkpoint = format!("{note}\n\u{2014} log.invalid {}\n", STANDARD.encode(signed));
        json!({
            "logIndex": "0",
            "treeSize": "1",
            "rootHash": root.to_base64(),
            "hashes": [],
            "checkpoint": { "envelope": checkpoint },
        })
    }

    fn log_key(&self) -> Vec<u8> {
        self.log.public_key_der().expect("a public key").into_bytes()
    }
}

/// The same by a key, a private one in PEM (PKCS #8): no certificate, no log.
pub fn bundle_of_key(key: &str, predicate: &str, digest: &str) -> String {
    let key = CertificateKey::from_pem(key).expect("a private key");
    let key = KeyPair::from_pkcs8_der(key.serialized_der()).expect("the same key");
    let Attested { envelope, .. } = Attested::new(&key, predicate, digest);
    json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": { "publicKey": { "hint": "" } },
        "dsseEnvelope": envelope,
    })
    .to_string()
}

/// A statement about what has a digest, signed.
struct Attested {
    statement: String,
    signature: String,
    envelope: Value,
}

impl Attested {
    fn new(key: &KeyPair, predicate: &str, digest: &str) -> Self {
        const KIND: &str = "application/vnd.in-toto+json";
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "digest": { "sha256": digest.trim_start_matches("sha256:") } }],
            "predicateType": predicate,
            "predicate": {},
        })
        .to_string();
        let signed = pae(KIND, statement.as_bytes());
        let signature = key.sign(&signed).expect("a signature").to_base64();
        let payload = STANDARD.encode(&statement);
        let envelope = json!({ "payload": payload, "payloadType": KIND, "signatures": [{ "sig": signature }] });
        Self { statement, signature, envelope }
    }
}

/// How many seconds ago certificates were made.
const ISSUED: i64 = 5;

/// The log's entry of a signature.
fn hashed(payload: &[u8], signature: &str, pem: &str) -> String {
    let entry = json!({
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": { "hash": { "algorithm": "sha256", "value": sha256(payload).to_hex() } },
            "signature": { "content": signature, "publicKey": { "content": STANDARD.encode(pem) } },
        },
    });
    STANDARD.encode(entry.to_string())
}

/// The log's entry of an attestation.
fn attested(envelope: &str, statement: &str, signature: &str, pem: &str) -> String {
    let hash =
        |text: &str| json!({ "algorithm": "sha256", "value": sha256(text.as_bytes()).to_hex() });
    let entry = json!({
        "apiVersion": "0.0.1",
        "kind": "dsse",
        "spec": {
            "envelopeHash": hash(envelope),
            "payloadHash": hash(statement),
            "signatures": [{ "signature": signature, "verifier": STANDARD.encode(pem) }],
        },
    });
    STANDARD.encode(entry.to_string())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
