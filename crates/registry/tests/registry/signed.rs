//! Signatures beside a provider: found where cosign puts them, judged, noted, carried on.

use dstream_registry::oci::Layout;
use dstream_registry::signature::{
    Distrust, PublicKey, Root, Rule, Signature, Signer, SigningKey, Trust, payload,
};
use dstream_registry::{Digest, LockFile, Locked, PinError, Reference, Wanted};
use dstream_servers::OciRegistry;
use dstream_signature_testkit::Sigstore;
use serde_json::json;

use crate::support::Desk;

const FLOW: &str = "https://github.com/acme/foo/.github/workflows/release.yml@refs/tags/v1.2.0";
const GITHUB: &str = "https://token.actions.githubusercontent.com";
const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A key that nobody has used before.
fn key() -> SigningKey {
    let key = rcgen::KeyPair::generate().unwrap();
    SigningKey::from_pem(&key.serialize_pem(), || None).unwrap()
}

fn of_keys(keys: &[&SigningKey]) -> Rule {
    let keys: Vec<PublicKey> = keys.iter().map(|key| key.public().unwrap()).collect();
    Rule { required: true, keys, identities: Vec::new(), issuer: None, root: Root::PublicGood }
}

fn of_flow(sigstore: &Sigstore) -> Rule {
    Rule {
        required: true,
        keys: Vec::new(),
        identities: vec![FLOW.replace("v1.2.0", "*").parse().unwrap()],
        issuer: Some(GITHUB.to_owned()),
        root: Root::from_json(&sigstore.trusted_root()).unwrap(),
    }
}

fn trust(desk: &mut Desk, rule: Rule) {
    let mut trust = Trust::default();
    trust.add("*", rule).unwrap();
    desk.store.trust = trust;
}

/// As another tool puts contents and manifests: by hand.
struct Other<'a> {
    at: &'a Reference,
}

impl Other<'_> {
    fn url(&self, rest: &str) -> String {
        format!("http://{}/v2/{}/{rest}", self.at.registry(), self.at.repository())
    }

    async fn blob(&self, media_type: &str, bytes: &[u8]) -> serde_json::Value {
        let http = reqwest::Client::new();
        let begun = http.post(self.url("blobs/uploads/")).send().await.unwrap();
        let place = begun.headers()["location"].to_str().unwrap().to_owned();
        let digest = Digest::of(bytes).to_string();
        let put = http.put(format!("{place}&digest={digest}")).body(bytes.to_vec());
        assert!(put.send().await.unwrap().status().is_success());
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    }

    async fn manifest(&self, name: &str, media_type: &str, document: &serde_json::Value) -> Digest {
        let text = document.to_string();
        let put = reqwest::Client::new().put(self.url(&format!("manifests/{name}")));
        let put = put.header("content-type", media_type).body(text.clone());
        let answer = put.send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        Digest::of(text.as_bytes())
    }

    /// The first format, keyless.
    async fn simple(&self, sigstore: &Sigstore, digest: &Digest) {
        let payload = payload::write("ghcr.io/acme/foo", &digest.to_string());
        let keyless = sigstore.sign(FLOW, GITHUB, &payload);
        let kind = "application/vnd.dev.cosign.simplesigning.v1+json";
        let mut layer = self.blob(kind, &payload).await;
        layer["annotations"] = json!({
            "dev.cosignproject.cosign/signature": keyless.signature,
            "dev.sigstore.cosign/certificate": keyless.certificate,
            "dev.sigstore.cosign/bundle": keyless.receipt,
        });
        let config = self.blob("application/vnd.oci.image.config.v1+json", b"{}").await;
        let document =
            json!({ "schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": [layer] });
        self.manifest(&format!("sha256-{}.sig", digest.hex()), IMAGE, &document).await;
    }

    /// A bundle as a referrer, listed under the tag for registries that do not list it.
    async fn bundle(&self, sigstore: &Sigstore, digest: &Digest) {
        let bundle = sigstore.bundle(FLOW, GITHUB, SIGN, &digest.to_string());
        let layer = self.blob(BUNDLE, bundle.as_bytes()).await;
        let config = self.blob(EMPTY, b"{}").await;
        let document = json!({
            "schemaVersion": 2, "mediaType": IMAGE, "artifactType": BUNDLE,
            "config": config, "layers": [layer],
            "subject": { "mediaType": INDEX, "digest": digest.to_string(), "size": 1 },
        });
        let name = Digest::of(document.to_string().as_bytes());
        self.manifest(&name.to_string(), IMAGE, &document).await;
        let size = document.to_string().len();
        // It is never fetched: it says that it is something else.
        let other = Digest::of(b"{}");
        let list = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [
            { "mediaType": IMAGE, "digest": other.to_string(), "size": 2, "artifactType": "application/spdx+json" },
            // As cosign 2.5 lists its own.
            { "mediaType": IMAGE, "digest": name.to_string(), "size": size, "artifactType": EMPTY },
        ] });
        self.manifest(&format!("sha256-{}", digest.hex()), INDEX, &list).await;
    }
}

async fn published(registry: &OciRegistry) -> (Desk, Wanted, Digest) {
    let desk = Desk::new();
    let reference = desk.publish(&registry.host(), "v1.2.0", b"program").await;
    let wanted = Wanted::Exactly(reference);
    let digest = desk.store.pin(&wanted).await.unwrap().digest;
    (desk, wanted, digest)
}

#[tokio::test]
async fn what_a_key_signed_is_locked_with_it_and_another_key_changes_nothing() {
    let registry = OciRegistry::start();
    let (mut desk, wanted, digest) = published(&registry).await;
    let (ours, theirs) = (key(), key());
    trust(&mut desk, of_keys(&[&ours]));
    let unsigned = desk.store.pin(&wanted).await.unwrap_err();
    assert!(
        matches!(&unsigned, PinError::Distrusted { distrust: Distrust::Unsigned, .. }),
        "{unsigned}"
    );
    let sign = |key| desk.store.registries.sign(wanted.reference(), &digest, key);
    sign(&theirs).await.unwrap();
    let nobody = desk.store.pin(&wanted).await.unwrap_err();
    let help = nobody.help().join("\n");
    assert!(help.contains("made with another key"), "{nobody}: {help}");
    sign(&ours).await.unwrap();
    sign(&ours).await.unwrap();
    let locked = desk.store.pin(&wanted).await.unwrap();
    assert_eq!(locked.signer, Some(ours.public().unwrap().signer()));
    // Theirs is still there, and ours only once.
    let all = desk.store.registries.signatures(wanted.reference(), &digest).await.unwrap();
    assert_eq!(all.len(), 2);
    desk.store.install(&wanted, &locked, &|_| {}).await.unwrap();
}

#[tokio::test]
async fn what_an_identity_signed_is_found_in_both_of_cosigns_formats() {
    let registry = OciRegistry::start();
    let sigstore = Sigstore::new();
    for format in ["simple", "bundle"] {
        let mut desk = Desk::new();
        let reference = desk.publish(&registry.host(), format, format.as_bytes()).await;
        let wanted = Wanted::Exactly(reference.clone());
        let digest = desk.store.pin(&wanted).await.unwrap().digest;
        let other = Other { at: &reference };
        match format {
            "simple" => other.simple(&sigstore, &digest).await,
            _ => other.bundle(&sigstore, &digest).await,
        }
        // The public instance knows nothing of it.
        assert_eq!(desk.store.pin(&wanted).await.unwrap().signer, None);
        trust(&mut desk, of_flow(&sigstore));
        let signer = Signer::Identity { identity: FLOW.to_owned(), issuer: GITHUB.to_owned() };
        assert_eq!(desk.store.pin(&wanted).await.unwrap().signer, Some(signer));
        trust(&mut desk, of_flow(&Sigstore::new()));
        let refused = desk.store.pin(&wanted).await.unwrap_err();
        assert!(matches!(refused, PinError::Distrusted { .. }), "{refused}");
    }
}

#[tokio::test]
async fn a_signature_of_another_version_under_the_right_tag_is_refused() {
    let registry = OciRegistry::start();
    let (mut desk, wanted, digest) = published(&registry).await;
    let newer = desk.publish(&registry.host(), "v1.3.0", b"newer").await;
    let sigstore = Sigstore::new();
    trust(&mut desk, of_flow(&sigstore));
    let other = Other { at: wanted.reference() };
    other.simple(&sigstore, &digest).await;
    desk.store.pin(&wanted).await.unwrap();
    // Whoever can write to the repository copies the signature to where the new version's would be.
    let manifest = reqwest::Client::new()
        .get(other.url(&format!("manifests/sha256-{}.sig", digest.hex())))
        .header("accept", IMAGE);
    let manifest = manifest.send().await.unwrap().json().await.unwrap();
    let newer = Wanted::Exactly(newer);
    let unsigned = desk.store.package(newer.reference()).await.unwrap().digest;
    other.manifest(&format!("sha256-{}.sig", unsigned.hex()), IMAGE, &manifest).await;
    let refused = desk.store.pin(&newer).await.unwrap_err();
    let help = refused.help().join("\n");
    assert!(help.contains(&format!("it was made for {digest}")), "{refused}: {help}");
}

#[tokio::test]
async fn a_lock_file_that_was_written_by_hand_is_found_out_before_anything_is_pulled() {
    let registry = OciRegistry::start();
    let (mut desk, wanted, digest) = published(&registry).await;
    let evil = desk.publish(&registry.host(), "evil", b"evil").await;
    let evil = desk.store.pin(&Wanted::Exactly(evil)).await.unwrap();
    let ours = key();
    desk.store.registries.sign(wanted.reference(), &digest, &ours).await.unwrap();
    trust(&mut desk, of_keys(&[&ours]));
    let good = desk.store.pin(&wanted).await.unwrap();
    let install = async |locked: Locked| desk.store.install(&wanted, &locked, &|_| {}).await;
    // The signed index, with the programs of another one.
    let swapped = Locked { platforms: evil.platforms.clone(), ..good.clone() };
    let refused = install(swapped).await.unwrap_err();
    assert!(matches!(refused, PinError::Altered { .. }), "{refused}");
    // Another index, which claims the signer.
    let claimed = Locked { signer: good.signer.clone(), ..evil };
    let refused = install(claimed).await.unwrap_err();
    assert!(matches!(refused, PinError::Distrusted { .. }), "{refused}");
    assert_eq!(desk.store.installed(&wanted, &good).unwrap(), None);
    install(good).await.unwrap();
}

#[tokio::test]
async fn another_signer_takes_no_place_and_nobody_neither() {
    let registry = OciRegistry::start();
    let (mut desk, wanted, digest) = published(&registry).await;
    let (old, new) = (key(), key());
    let signer = |key: &SigningKey| key.public().unwrap().signer();
    trust(&mut desk, of_keys(&[&old, &new]));
    desk.store.registries.sign(wanted.reference(), &digest, &old).await.unwrap();
    let before = desk.store.pin(&wanted).await.unwrap();
    let newer = desk.publish(&registry.host(), "v1.2.0", b"newer").await;
    let digest = desk.store.package(&newer).await.unwrap().digest;
    desk.store.registries.sign(&newer, &digest, &new).await.unwrap();
    // Under another tag it is the same provider: a new entry of the lock file continues the old one.
    let lock = LockFile { providers: [(wanted.key(), before.clone())].into() };
    let tagged = Wanted::Exactly(newer.with_tag("v1.3.0"));
    assert_eq!(tagged.earlier(&lock), [signer(&old)]);
    let refused = desk.store.pin_after(&wanted, &tagged.earlier(&lock)).await.unwrap_err();
    assert!(refused.to_string().contains(&signer(&old).to_string()), "{refused}");
    let unsigned = before.clone().signed_by(&wanted, &[], &[signer(&old)]).unwrap_err();
    assert!(unsigned.to_string().ends_with("v1.2.0 is not signed"), "{unsigned}");
    let after = desk.store.pin(&wanted).await.unwrap();
    // Signed by both, the one that it was signed by before counts, wherever it stands.
    desk.store.registries.sign(&newer, &digest, &old).await.unwrap();
    let both = desk.store.pin_after(&wanted, &[signer(&old)]).await.unwrap();
    assert_eq!(both.signer, Some(signer(&old)));
    desk.store.install(&wanted, &after, &|_| {}).await.unwrap();
    // A rule that is newer than the lock file finds its signer wanting.
    trust(&mut desk, of_keys(&[&new]));
    assert!(matches!(desk.store.vouched(&wanted, &before), Err(PinError::Unvouched { .. })));
    desk.store.vouched(&wanted, &after).unwrap();
}

#[tokio::test]
async fn what_is_in_the_cache_for_another_reason_is_proven_all_the_same() {
    let registry = OciRegistry::start();
    let (mut desk, wanted, digest) = published(&registry).await;
    let evil = Wanted::Exactly(desk.publish(&registry.host(), "evil", b"evil").await);
    let theirs = desk.store.pin(&evil).await.unwrap();
    desk.store.install(&evil, &theirs, &|_| {}).await.unwrap();
    let ours = key();
    desk.store.registries.sign(wanted.reference(), &digest, &ours).await.unwrap();
    trust(&mut desk, of_keys(&[&ours]));
    let good = desk.store.pin(&wanted).await.unwrap();
    desk.store.prove(&wanted, &good).await.unwrap();
    let swapped = Locked { platforms: theirs.platforms, ..good.clone() };
    let refused = desk.store.prove(&wanted, &swapped).await.unwrap_err();
    assert!(matches!(refused, PinError::Altered { .. }), "{refused}");
    // What was seen once needs no registry; for another rule it must be seen again.
    drop(registry);
    desk.store.prove(&wanted, &good).await.unwrap();
    trust(&mut desk, of_keys(&[&ours, &key()]));
    assert!(desk.store.prove(&wanted, &good).await.is_err());
}

#[tokio::test]
async fn an_older_version_under_a_newer_tag_is_refused_though_it_is_signed() {
    let registry = OciRegistry::start();
    let (mut desk, wanted, digest) = published(&registry).await;
    let ours = key();
    desk.store.registries.sign(wanted.reference(), &digest, &ours).await.unwrap();
    // Its description says 1.2.0.
    let newer = Wanted::Exactly(desk.publish(&registry.host(), "v1.3.0", b"program").await);
    desk.store.pin(&newer).await.unwrap();
    trust(&mut desk, of_keys(&[&ours]));
    let refused = desk.store.pin(&newer).await.unwrap_err();
    assert!(matches!(refused, PinError::Mislabelled { .. }), "{refused}");
    desk.store.pin(&wanted).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_read_beside_a_good_signature_hides_nothing_of_it() {
    let registry = OciRegistry::start();
    let (mut desk, wanted, digest) = published(&registry).await;
    let sigstore = Sigstore::new();
    let other = Other { at: wanted.reference() };
    other.simple(&sigstore, &digest).await;
    other.bundle(&sigstore, &digest).await;
    // A referrer that is listed and is no manifest.
    let gone = Digest::of(b"{}").to_string();
    let list = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [
        { "mediaType": IMAGE, "digest": gone, "size": 2, "artifactType": BUNDLE },
    ] });
    other.manifest(&format!("sha256-{}", digest.hex()), INDEX, &list).await;
    trust(&mut desk, of_flow(&sigstore));
    assert!(desk.store.pin(&wanted).await.unwrap().signer.is_some());
    let all = desk.store.registries.signatures(wanted.reference(), &digest).await.unwrap();
    let unreadable = |signature: &&Signature| matches!(signature, Signature::Unreadable(_));
    assert_eq!((all.len(), all.iter().filter(unreadable).count()), (2, 1));
    // Without the good one, the reasons are told.
    trust(&mut desk, of_flow(&Sigstore::new()));
    let help = desk.store.pin(&wanted).await.unwrap_err().help().join("\n");
    assert!(help.contains(&gone[..19]), "{help}");
}

#[tokio::test]
async fn a_signature_that_is_too_large_is_not_read_to_its_end() {
    let registry = OciRegistry::start();
    let (mut desk, wanted, digest) = published(&registry).await;
    let other = Other { at: wanted.reference() };
    let kind = "application/vnd.dev.cosign.simplesigning.v1+json";
    let layer = other.blob(kind, &vec![b' '; 1 << 20]).await;
    let config = other.blob(EMPTY, b"{}").await;
    let document =
        json!({ "schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": [layer] });
    other.manifest(&format!("sha256-{}.sig", digest.hex()), IMAGE, &document).await;
    assert_eq!(desk.store.pin(&wanted).await.unwrap().signer, None);
    trust(&mut desk, of_keys(&[&key()]));
    let help = desk.store.pin(&wanted).await.unwrap_err().help().join("\n");
    assert!(help.contains("has more than 524288 bytes"), "{help}");
    let carried = desk.store.registries.collect_signatures(wanted.reference(), &digest).await;
    assert!(carried.is_err(), "nothing of that size goes into a folder");
}

#[tokio::test]
async fn signatures_that_are_carried_along_stay_beside_those_that_are_there() {
    let (outside, inside) = (OciRegistry::start(), OciRegistry::start());
    let (desk, wanted, digest) = published(&outside).await;
    let sigstore = Sigstore::new();
    let other = Other { at: wanted.reference() };
    other.simple(&sigstore, &digest).await;
    other.bundle(&sigstore, &digest).await;
    let there = desk.publish(&inside.host(), "v1.2.0", b"program").await;
    let registries = &desk.store.registries;
    registries.sign(&there, &digest, &key()).await.unwrap();
    Other { at: &there }.bundle(&sigstore, &digest).await;
    for (name, parts) in registries.collect_signatures(wanted.reference(), &digest).await.unwrap() {
        let tag = there.with_tag(name.tag().unwrap());
        registries.send_signatures(&tag, &parts).await.unwrap();
        registries.send_signatures(&tag, &parts).await.unwrap();
    }
    assert_eq!(registries.signatures(&there, &digest).await.unwrap().len(), 4);
}

#[tokio::test]
async fn signatures_of_both_formats_go_along_into_a_closed_network() {
    let (outside, inside) = (OciRegistry::start(), OciRegistry::start());
    let (mut desk, wanted, digest) = published(&outside).await;
    let sigstore = Sigstore::new();
    let other = Other { at: wanted.reference() };
    other.simple(&sigstore, &digest).await;
    other.bundle(&sigstore, &digest).await;
    let layout = Layout::new(desk.folder.path().join("mirror"));
    let registries = &desk.store.registries;
    let parts = registries.collect(wanted.reference(), &layout, &|_, _| {}).await.unwrap();
    layout.write(wanted.reference(), &parts).unwrap();
    let from = wanted.reference().with_digest(digest.clone());
    for (name, parts) in registries.collect_signatures(&from, &digest).await.unwrap() {
        layout.write(&name, &parts).unwrap();
    }
    let moved = |reference: &Reference| -> Reference {
        reference.to_string().replace(&outside.host(), &inside.host()).parse().unwrap()
    };
    assert_eq!(layout.references().unwrap().len(), 3);
    for reference in layout.references().unwrap() {
        let parts = layout.read(&reference).unwrap();
        registries.send(&moved(&reference), &parts, &|_, _| {}).await.unwrap();
    }
    let there = moved(wanted.reference());
    assert_eq!(registries.signatures(&there, &digest).await.unwrap().len(), 2);
    trust(&mut desk, of_flow(&sigstore));
    let locked = desk.store.pin(&Wanted::Exactly(there)).await.unwrap();
    assert!(locked.signer.is_some());
}
