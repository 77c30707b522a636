//! Who signed something, by the rule that counts for it.

use crate::bundle;
use crate::keyless::{self, Logged, Root, Subject};
use crate::payload;
use crate::rule::Rule;
use crate::signature::{Signature, Simple};
use crate::signer::Signer;

/// Nobody whom the rule names signed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// It has no signature.
    #[error("it is not signed")]
    Unsigned,
    /// It has some, and none counts.
    #[error("nobody whom `trust` names has signed it")]
    Nobody {
        /// What is wrong with each.
        reasons: Vec<String>,
    },
}

/// Who signed what has this digest, `sha256:…`: everybody who counts. Without a rule that is who has an
/// identity that Sigstore's public instance vouches for; keys then say nothing. Nobody is no error where no
/// signature is wanted and none is there.
///
/// # Errors
/// The rule wants a signature that is not there, or none of those that are there counts.
pub fn judge(
    digest: &str,
    signatures: &[Signature],
    rule: Option<&Rule>,
) -> Result<Vec<Signer>, Distrust> {
    let (mut signers, mut reasons) = (Vec::new(), Vec::new());
    for signature in signatures {
        match of_one(digest, signature, rule) {
            Ok(signer) => signers.push(signer),
            Err(reason) => reasons.push(reason),
        }
    }
    match rule {
        Some(rule) if signatures.is_empty() && rule.required => Err(Distrust::Unsigned),
        Some(_) if signers.is_empty() && !signatures.is_empty() => {
            Err(Distrust::Nobody { reasons })
        }
        _ => Ok(signers),
    }
}

fn of_one(digest: &str, signature: &Signature, rule: Option<&Rule>) -> Result<Signer, String> {
    match signature {
        Signature::Simple(simple) => of_simple(digest, simple, rule),
        Signature::Bundle(document) => of_bundle(digest, document, rule),
        Signature::Unreadable(reason) => Err(reason.clone()),
    }
}

fn of_simple(digest: &str, simple: &Simple, rule: Option<&Rule>) -> Result<Signer, String> {
    payload::names(&simple.payload, digest)?;
    let keys = rule.map_or(&[][..], |rule| &rule.keys);
    if let Some(key) = keys.iter().find(|key| key.made(&simple.signature, &simple.payload)) {
        return Ok(key.signer());
    }
    if simple.certificate.is_none() {
        return Err(UNKNOWN_KEY.to_owned());
    }
    let bundle = simple.to_bundle().ok_or("its certificate or its log entry cannot be read")?;
    let bundle = bundle::read(bundle.to_string().as_bytes())?;
    let root = rule.map_or(&Root::PublicGood, |rule| &rule.root);
    let subject = Subject::Bytes(&simple.payload);
    named(keyless::by_certificate(&bundle, &subject, root, Logged::Promise)?, rule)
}

fn of_bundle(digest: &str, document: &[u8], rule: Option<&Rule>) -> Result<Signer, String> {
    let read = bundle::read(document)?;
    if bundle::is_by_key(&read) {
        let keys = rule.map_or(&[][..], |rule| &rule.keys);
        let key = keys.iter().find(|key| bundle::by_key(&read, digest, key));
        return key.map(|key| key.signer()).ok_or_else(|| UNKNOWN_KEY.to_owned());
    }
    let root = rule.map_or(&Root::PublicGood, |rule| &rule.root);
    named(keyless::by_certificate(&read, &Subject::Digest(digest), root, Logged::Proof)?, rule)
}

const UNKNOWN_KEY: &str = "it was made with another key than those that `trust` names";

/// The signer, where the rule names it.
fn named(signer: Signer, rule: Option<&Rule>) -> Result<Signer, String> {
    let Some(rule) = rule else { return Ok(signer) };
    if rule.allows(&signer) { Ok(signer) } else { Err(format!("it was made by {signer}")) }
}

impl Rule {
    /// Whether this one counts.
    pub fn allows(&self, signer: &Signer) -> bool {
        match signer {
            Signer::Key { .. } => self.keys.iter().any(|key| key.signer() == *signer),
            Signer::Identity { identity, issuer } => {
                self.issuer.as_ref() == Some(issuer)
                    && self.identities.iter().any(|pattern| pattern.matches(identity))
            }
        }
    }
}
