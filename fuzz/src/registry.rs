//! References, digests, platforms, titles, manifests, lock files and signatures. The first byte says which it is.
#![no_main]

use dstream_registry::oci::package::{inspect, titled_platform};
use dstream_registry::signature::{PublicKey, Root, Rule, Signature, Simple, judge};
use dstream_registry::{Digest, LockFile, Platform, Reference};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((kind, rest)) = input.split_first() else { return };
    let text = std::str::from_utf8(rest);
    match (kind, text) {
        (b'r', Ok(text)) => reference(text),
        (b'd', Ok(text)) => digest(text),
        (b't', Ok(text)) => title(text),
        (b'l', Ok(text)) => lock_file(text),
        (b'm', _) => manifest(rest),
        (b'b', _) => signed(Signature::Bundle(rest.to_vec())),
        (b's', Ok(text)) => simple(text),
        _ => {}
    }
});

/// What is one is written as it reads back, and is no path that leads anywhere else.
fn reference(text: &str) {
    let Ok(reference) = text.parse::<Reference>() else { return };
    assert_eq!(reference.to_string().parse::<Reference>().as_ref(), Ok(&reference));
    let parts = reference.repository().split('/');
    assert!(parts.into_iter().all(|part| !part.is_empty() && part != "." && part != ".."));
    assert!(!reference.registry().contains('/') && !reference.registry().is_empty());
}

/// A digest is a file's name.
fn digest(text: &str) {
    let Ok(digest) = text.parse::<Digest>() else { return };
    assert_eq!(digest.to_string(), text);
    assert!(digest.hex().len() == 64 && digest.hex().bytes().all(|b| b.is_ascii_hexdigit()));
}

fn title(text: &str) {
    if let Some(platform) = titled_platform(text) {
        assert!(text.starts_with(&format!("plugin.{platform}")));
        assert_eq!(platform.to_string().parse(), Ok(platform));
    }
}

fn manifest(bytes: &[u8]) {
    for platform in inspect(bytes).unwrap_or_default() {
        assert_eq!(platform.to_string().parse::<Platform>(), Ok(platform));
    }
}

/// What is read is written as it reads back.
fn lock_file(text: &str) {
    let Ok(lock) = text.parse::<LockFile>() else { return };
    let written = lock.to_string();
    assert_eq!(written.parse::<LockFile>().expect("it was just written"), lock, "{written}");
}

/// Made-up signatures count for nobody, with a rule or without one.
fn signed(signature: Signature) {
    const DIGEST: &str = "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
    const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAES+6KlNx/ULtVTqyVYPyfhSPlqfxi\nwJpYxGtbZOF2ywDEt0P5nrLJ/CMXQYVNBL//fnCBfgTeJeENPI4bzZswLQ==\n-----END PUBLIC KEY-----";
    let rule = Rule {
        required: true,
        keys: vec![PublicKey::from_pem(KEY).expect("a key")],
        identities: vec!["*".parse().expect("a pattern")],
        issuer: Some("https://token.actions.githubusercontent.com".to_owned()),
        root: Root::PublicGood,
    };
    let all = [signature];
    assert_eq!(judge(DIGEST, &all, None), Ok(Vec::new()));
    assert!(judge(DIGEST, &all, Some(&rule)).is_err());
}

/// Lines: the signature, the certificate without its breaks, the receipt; the payload is the rest.
fn simple(text: &str) {
    let mut lines = text.splitn(4, '\n');
    let mut next = || lines.next().unwrap_or_default().to_owned();
    let (signature, certificate, receipt) = (next(), next().replace('|', "\n"), next());
    let payload = next().into_bytes();
    signed(Signature::Simple(Simple {
        payload,
        signature,
        certificate: Some(certificate),
        receipt: Some(receipt),
    }));
}
