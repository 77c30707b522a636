//! Signatures of every kind, those that count and those that do not.

// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used)]

mod keyless;
mod keys;

use dstream_signature::{Pattern, PublicKey, Root, Rule};

const DIGEST: &str = "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
const OTHER: &str = "sha256:fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9";

/// A rule that names nobody yet.
fn rule() -> Rule {
    let root = Root::PublicGood;
    Rule { required: true, keys: Vec::new(), identities: Vec::new(), issuer: None, root }
}

fn of_key(key: &PublicKey) -> Rule {
    Rule { keys: vec![key.clone()], ..rule() }
}

fn of_identity(identity: &str, issuer: &str, root: Root) -> Rule {
    let identity: Pattern = identity.parse().unwrap();
    Rule { identities: vec![identity], issuer: Some(issuer.to_owned()), root, ..rule() }
}
