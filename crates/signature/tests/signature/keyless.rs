//! Signatures by certificate, made by a Sigstore of the tests' own.

use dstream_signature::{Distrust, Root, Signature, Signer, Simple, judge, payload, public_good};
use dstream_signature_testkit::{Keyless, Sigstore};

use super::{DIGEST, OTHER, of_identity};

const FLOW: &str = "https://github.com/acme/foo/.github/workflows/release.yml@refs/tags/v1.2.0";
const GITHUB: &str = "https://token.actions.githubusercontent.com";
const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

fn simple(keyless: Keyless, payload: &[u8]) -> Signature {
    Signature::Simple(Simple {
        payload: payload.to_vec(),
        signature: keyless.signature,
        certificate: Some(keyless.certificate),
        receipt: Some(keyless.receipt),
    })
}

fn root(sigstore: &Sigstore) -> Root {
    Root::from_json(&sigstore.trusted_root()).unwrap()
}

fn reasons(judged: Result<Vec<Signer>, Distrust>) -> String {
    match judged {
        Err(Distrust::Nobody { reasons }) => reasons.join("; "),
        other => panic!("{other:?}"),
    }
}

/// One of each format, for the same digest.
fn both(sigstore: &Sigstore, identity: &str, digest: &str) -> [Signature; 2] {
    let payload = payload::write("ghcr.io/acme/foo", digest);
    let first = simple(sigstore.sign(identity, GITHUB, &payload), &payload);
    let bundle = sigstore.bundle(identity, GITHUB, SIGN, digest);
    [first, Signature::Bundle(bundle.into_bytes())]
}

#[test]
fn an_identity_counts_where_the_rule_names_it_and_who_vouched_for_it() {
    let sigstore = Sigstore::new();
    let signer = Signer::Identity { identity: FLOW.to_owned(), issuer: GITHUB.to_owned() };
    for signature in both(&sigstore, FLOW, DIGEST) {
        let judged = |identity: &str, issuer: &str| {
            let rule = of_identity(identity, issuer, root(&sigstore));
            judge(DIGEST, std::slice::from_ref(&signature), Some(&rule))
        };
        assert_eq!(judged(FLOW, GITHUB), Ok(vec![signer.clone()]), "{signature:?}");
        assert_eq!(judged(&FLOW.replace("v1.2.0", "*"), GITHUB), Ok(vec![signer.clone()]));
        let other = reasons(judged(&FLOW.replace("acme", "other"), GITHUB));
        assert_eq!(other, format!("it was made by {FLOW} ({GITHUB})"));
        reasons(judged(FLOW, "https://gitlab.com"));
    }
}

#[test]
fn what_another_authority_certified_counts_for_nobody() {
    let (ours, theirs) = (Sigstore::new(), Sigstore::new());
    for signature in both(&theirs, FLOW, DIGEST) {
        let rule = of_identity(FLOW, GITHUB, root(&ours));
        let said = reasons(judge(DIGEST, std::slice::from_ref(&signature), Some(&rule)));
        assert!(!said.contains("it was made by"), "{said}");
        // Nor without a rule: the public instance knows neither.
        assert_eq!(judge(DIGEST, &[signature], None), Ok(Vec::new()));
    }
}

#[test]
fn a_signature_of_another_digest_counts_for_nobody() {
    let sigstore = Sigstore::new();
    let rule = of_identity(FLOW, GITHUB, root(&sigstore));
    for signature in both(&sigstore, FLOW, OTHER) {
        reasons(judge(DIGEST, &[signature], Some(&rule)));
    }
}

#[test]
fn what_the_log_does_not_vouch_for_counts_for_nobody() {
    let sigstore = Sigstore::new();
    let rule = of_identity(FLOW, GITHUB, root(&sigstore));
    let payload = payload::write("ghcr.io/acme/foo", DIGEST);
    let other = payload::write("ghcr.io/acme/bar", DIGEST);
    let good = || sigstore.sign(FLOW, GITHUB, &payload);
    let receipt = |keyless: &Keyless, change: &dyn Fn(&str) -> String| Keyless {
        signature: keyless.signature.clone(),
        certificate: keyless.certificate.clone(),
        receipt: change(&keyless.receipt),
    };
    let good_one = good();
    let changed: [(&str, Keyless); 4] = [
        ("no receipt", receipt(&good_one, &|_| "{}".to_owned())),
        ("another's receipt", receipt(&good_one, &|_| sigstore.sign(FLOW, GITHUB, &other).receipt)),
        (
            "another time",
            receipt(&good_one, &|text| {
                text.replace("\"integratedTime\":1", "\"integratedTime\":2")
            }),
        ),
        (
            "another entry",
            receipt(&good_one, &|text| text.replace("\"logIndex\":0", "\"logIndex\":1")),
        ),
    ];
    for (what, keyless) in changed {
        let judged = judge(DIGEST, &[simple(keyless, &payload)], Some(&rule));
        assert!(matches!(judged, Err(Distrust::Nobody { .. })), "{what}: {judged:?}");
    }
    assert!(judge(DIGEST, &[simple(good_one, &payload)], Some(&rule)).is_ok());
    let mut without = simple(good(), &payload);
    if let Signature::Simple(simple) = &mut without {
        simple.receipt = None;
    }
    assert!(judge(DIGEST, &[without], Some(&rule)).is_err());
}

#[test]
fn a_bundle_that_no_log_has_counts_for_nobody() {
    let sigstore = Sigstore::new();
    let rule = of_identity(FLOW, GITHUB, root(&sigstore));
    let bundle = sigstore.bundle(FLOW, GITHUB, SIGN, DIGEST);
    let judged = |bundle: &str| judge(DIGEST, &[Signature::Bundle(bundle.into())], Some(&rule));
    assert!(judged(&bundle).is_ok());
    let mut document: serde_json::Value = serde_json::from_str(&bundle).unwrap();
    let entry = &mut document["verificationMaterial"]["tlogEntries"][0];
    entry.as_object_mut().unwrap().remove("inclusionProof");
    reasons(judged(&document.to_string()));
    // The first version takes the log's signed promise for it, and without that it is nothing, either.
    document["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1".into();
    assert!(judged(&document.to_string()).is_ok());
    let entry = &mut document["verificationMaterial"]["tlogEntries"][0];
    entry.as_object_mut().unwrap().remove("inclusionPromise");
    reasons(judged(&document.to_string()));
    document["verificationMaterial"]["tlogEntries"] = serde_json::json!([]);
    reasons(judged(&document.to_string()));
}

#[test]
fn only_attestations_that_say_who_made_it_are_signatures() {
    let sigstore = Sigstore::new();
    let rule = of_identity(FLOW, GITHUB, root(&sigstore));
    let judged = |predicate: &str| {
        let bundle = sigstore.bundle(FLOW, GITHUB, predicate, DIGEST);
        judge(DIGEST, &[Signature::Bundle(bundle.into_bytes())], Some(&rule))
    };
    assert!(judged("https://slsa.dev/provenance/v1").is_ok());
    let said = reasons(judged("https://cosign.sigstore.dev/attestation/vuln/v1"));
    assert!(said.contains("attests something else"), "{said}");
}

#[test]
fn the_public_root_that_is_built_in_can_be_used() {
    let root = public_good().unwrap();
    assert!(!root.tlogs.is_empty() && !root.ctlogs.is_empty());
    assert!(Root::from_json("{}").is_err() && Root::from_json("").is_err());
}
