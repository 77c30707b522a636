//! Signatures by key, and keys in the forms that people have.

use dstream_signature_testkit::bundle_of_key;

use dstream_signature::{BadKey, Distrust, PublicKey, Signature, Signer, SigningKey, judge};

use super::{DIGEST, OTHER, of_key, rule};

const PLAIN: &str = include_str!("keys/plain.key");
/// Made by `cosign generate-key-pair`, version 2.5.
const COSIGN: &str = include_str!("keys/cosign.key");
const COSIGN_PUBLIC: &str = include_str!("keys/cosign.pub");
const PASSWORD: &str = "open sesame";

fn plain() -> SigningKey {
    SigningKey::from_pem(PLAIN, || None).unwrap()
}

fn signed(digest: &str, key: &SigningKey) -> Vec<Signature> {
    vec![Signature::Simple(key.sign("ghcr.io/acme/foo", digest).unwrap())]
}

#[test]
fn a_signature_by_key_counts_for_its_digest_and_its_key_only() {
    let key = plain();
    let rule = of_key(&key.public().unwrap());
    let signer = judge(DIGEST, &signed(DIGEST, &key), Some(&rule)).unwrap();
    assert_eq!(signer, [key.public().unwrap().signer()]);
    // Copied from another digest's tag.
    let copied = judge(DIGEST, &signed(OTHER, &key), Some(&rule));
    let said = format!("it was made for {OTHER}");
    assert_eq!(copied, Err(Distrust::Nobody { reasons: vec![said] }));
    let cosign = SigningKey::from_pem(COSIGN, || Some(PASSWORD.to_owned())).unwrap();
    let other = judge(DIGEST, &signed(DIGEST, &cosign), Some(&rule));
    assert!(matches!(other, Err(Distrust::Nobody { .. })), "{other:?}");
}

#[test]
fn a_changed_payload_or_signature_counts_for_nobody() {
    let key = plain();
    let rule = of_key(&key.public().unwrap());
    let good = key.sign("ghcr.io/acme/foo", DIGEST).unwrap();
    let text = String::from_utf8(good.payload.clone()).unwrap();
    let payload = text.replace("acme", "evil").into_bytes();
    let signature = plain().sign("ghcr.io/acme/bar", DIGEST).unwrap().signature;
    for bad in [
        dstream_signature::Simple { payload, ..good.clone() },
        dstream_signature::Simple { signature, ..good.clone() },
        dstream_signature::Simple { signature: String::new(), ..good.clone() },
        dstream_signature::Simple { signature: "!".to_owned(), ..good.clone() },
    ] {
        let judged = judge(DIGEST, &[Signature::Simple(bad)], Some(&rule));
        assert!(matches!(judged, Err(Distrust::Nobody { .. })), "{judged:?}");
    }
    // One that counts is enough, whatever lies beside it.
    let nonsense = Signature::Bundle(b"{}".to_vec());
    assert!(judge(DIGEST, &[nonsense, Signature::Simple(good)], Some(&rule)).is_ok());
}

#[test]
fn a_bundle_by_key_counts_for_its_digest_and_its_key_only() {
    const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";
    let bundle = |digest: &str, predicate: &str| {
        Signature::Bundle(bundle_of_key(PLAIN, predicate, digest).into_bytes())
    };
    let public = plain().public().unwrap();
    let rule = of_key(&public);
    let judged = |signature: Signature| judge(DIGEST, &[signature], Some(&rule));
    assert_eq!(judged(bundle(DIGEST, SIGN)), Ok(vec![public.signer()]));
    assert!(judged(bundle(OTHER, SIGN)).is_err());
    assert!(judged(bundle(DIGEST, "https://example.com/scan/v1")).is_err());
    let other = of_key(&PublicKey::from_pem(COSIGN_PUBLIC).unwrap());
    assert!(judge(DIGEST, &[bundle(DIGEST, SIGN)], Some(&other)).is_err());
    let mut text = bundle_of_key(PLAIN, SIGN, DIGEST);
    let payload = text.find("\"payload\":\"").unwrap() + 40;
    let letter = if &text[payload..=payload] == "A" { "B" } else { "A" };
    text.replace_range(payload..=payload, letter);
    assert!(judged(Signature::Bundle(text.into_bytes())).is_err());
}

#[test]
fn what_is_not_signed_is_refused_where_a_signature_is_wanted() {
    let rule = rule();
    assert_eq!(judge(DIGEST, &[], Some(&rule)), Err(Distrust::Unsigned));
    let lenient = dstream_signature::Rule { required: false, ..rule };
    assert_eq!(judge(DIGEST, &[], Some(&lenient)), Ok(Vec::new()));
    // A signature that is there must be a good one all the same.
    let judged = judge(DIGEST, &signed(DIGEST, &plain()), Some(&lenient));
    assert!(matches!(judged, Err(Distrust::Nobody { .. })), "{judged:?}");
    // Without a rule a key says nothing.
    assert_eq!(judge(DIGEST, &signed(DIGEST, &plain()), None), Ok(Vec::new()));
}

#[test]
fn a_key_of_cosigns_opens_with_its_password_and_is_the_public_ones_other_half() {
    let open =
        |password: Option<&str>| SigningKey::from_pem(COSIGN, || password.map(str::to_owned));
    let key = open(Some(PASSWORD)).unwrap();
    let public = PublicKey::from_pem(COSIGN_PUBLIC).unwrap();
    assert_eq!(key.public().unwrap(), public);
    assert_eq!(open(Some("sesame")).unwrap_err(), BadKey::Password);
    assert_eq!(open(None).unwrap_err(), BadKey::Locked);
}

#[test]
fn keys_that_cannot_be_used_say_why() {
    let sec1 = include_str!("keys/sec1.key");
    let bad = |text: &str| SigningKey::from_pem(text, || None).unwrap_err().to_string();
    assert!(bad(sec1).contains("EC PRIVATE KEY"), "{}", bad(sec1));
    assert!(bad("nothing").contains("no private key in PEM"), "{}", bad("nothing"));
    assert!(bad(COSIGN_PUBLIC).contains("PUBLIC KEY"), "{}", bad(COSIGN_PUBLIC));
    assert!(PublicKey::from_pem(PLAIN).is_err() && PublicKey::from_pem("").is_err());
    let inside = |document: &str| {
        let inner = pem::encode(&pem::Pem::new("ENCRYPTED SIGSTORE PRIVATE KEY", document));
        SigningKey::from_pem(&inner, || Some(String::new())).unwrap_err().to_string()
    };
    assert!(inside("{}").contains("cannot be read"));
    let costs = |n: u64| {
        format!(
            r#"{{"kdf":{{"name":"scrypt","params":{{"N":{n},"r":8,"p":1}},"salt":""}},"cipher":{{"name":"nacl/secretbox","nonce":""}},"ciphertext":""}}"#
        )
    };
    // A derivation that would take 64 GiB is not begun, nor one whose cost is no power of two.
    assert!(inside(&costs(1 << 26)).contains("out of bounds"));
    assert!(inside(&costs(1000)).contains("out of bounds") && inside(&costs(0)).contains("out of"));
    assert!(inside(&costs(1024)).contains("nonce"));
}

#[test]
fn public_keys_of_every_kind_are_read() {
    for text in [include_str!("keys/rsa.pub"), include_str!("keys/ed25519.pub"), COSIGN_PUBLIC] {
        let key = PublicKey::from_pem(text).unwrap();
        let Signer::Key { fingerprint } = key.signer() else { panic!("a key") };
        assert_eq!(fingerprint.len(), "sha256:".len() + 64);
    }
}
