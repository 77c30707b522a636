//! Signatures beside a provider: found where cosign puts them, judged, noted, carried on.

use dstream_registry::oci::Layout;
use dstream_registry::signature::{
    Distrust, PublicKey, Root, Rule, Signer, SigningKey, Trust, payload,
};
use dstream_registry::{Digest, Locked, PinError, Reference, Wanted};
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
    assert!(desk.store.cache.entries().unwrap().is_empty());
    install(good).await.unwrap();
}

#[tokio::test]
async fn another_signer_takes_no_place_and_nobody_neither() {
    let registry = OciRegistry::start();
    let (mut desk, wanted, digest) = published(&registry).await;
    let (old, new) = (key(), key());
    trust(&mut desk, of_keys(&[&old, &new]));
    desk.store.registries.sign(wanted.reference(), &digest, &old).await.unwrap();
    let before = desk.store.pin(&wanted).await.unwrap();
    let newer = desk.publish(&registry.host(), "v1.2.0", b"newer").await;
    let digest = desk.store.package(&newer).await.unwrap().digest;
    desk.store.registries.sign(&newer, &digest, &new).await.unwrap();
    let after = desk.store.pin(&wanted).await.unwrap();
    let refused = after.clone().in_place_of(&wanted, &before).unwrap_err();
    assert!(refused.to_string().contains(&before.signer.clone().unwrap().to_string()));
    let unsigned = Locked { signer: None, ..after.clone() };
    let refused = unsigned.in_place_of(&wanted, &before).unwrap_err();
    assert!(refused.to_string().ends_with("v1.2.0 is not signed"), "{refused}");
    assert_eq!(after.clone().in_place_of(&wanted, &after).unwrap(), after);
    // A rule that is newer than the lock file finds its signer wanting.
    trust(&mut desk, of_keys(&[&new]));
    assert!(matches!(desk.store.vouched(&wanted, &before), Err(PinError::Unvouched { .. })));
    desk.store.vouched(&wanted, &after).unwrap();
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
    for (name, parts) in registries.collect_signatures(&from, &digest, &layout).await.unwrap() {
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
