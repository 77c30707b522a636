//! Both forms, written and read back.

use dstream_registry::oci::{Form, Layout, OciError};
use dstream_registry::{Host, Hosts, PinError, Platform, Reference, Wanted};
use dstream_servers::OciRegistry;

use crate::support::{DESCRIPTION, Desk, Events, large, reference};

#[tokio::test]
async fn both_forms_come_back_as_they_were_published_and_only_this_platforms_program_is_pulled() {
    let registry = OciRegistry::start();
    for form in [Form::Index, Form::Artifact] {
        let desk = Desk::new();
        let reference = reference(&registry.host(), "v1.2.0");
        let program = large(300_000);
        let published = desk.send(&reference, &desk.publication(&program), form).await.unwrap();
        let wanted = Wanted::Exactly(reference.clone());
        let locked = desk.store.pin(&wanted).await.unwrap();
        assert_eq!(locked.digest, published, "{form:?}");
        assert_eq!(locked.tag.as_deref(), Some("v1.2.0"));
        let names: Vec<String> = locked.platforms.keys().map(ToString::to_string).collect();
        let mut expected = [Platform::current().to_string(), "plan9_mips".to_owned()];
        expected.sort();
        assert_eq!(names, expected, "every platform is locked");

        let described = desk.store.description(&wanted, &locked).await.unwrap().unwrap();
        assert_eq!(described.name, "in-foo");
        assert_eq!(desk.store.installed(&wanted, &locked).unwrap(), None);
        let path = desk.store.install(&wanted, &locked, &|_| {}).await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), program, "{form:?}");
        assert_eq!(desk.store.cache.entries().unwrap().len(), 2, "the program and its description");

        // Everything is there now: no registry is asked.
        let events = Events::default();
        assert_eq!(desk.store.install(&wanted, &locked, &events.note()).await.unwrap(), path);
        assert_eq!(events.count(|_| true), 0);
    }
}

#[tokio::test]
async fn the_same_files_make_the_same_digest() {
    let registry = OciRegistry::start();
    let desk = Desk::new();
    let mut digests = Vec::new();
    for tag in ["v1", "v2"] {
        let reference = reference(&registry.host(), tag);
        let publication = desk.publication(b"program");
        digests.push(desk.send(&reference, &publication, Form::Index).await.unwrap());
    }
    assert_eq!(digests[0], digests[1]);
}

#[tokio::test]
async fn a_machine_without_a_binary_is_told_what_there_is() {
    let registry = OciRegistry::start();
    let desk = Desk::new();
    let reference = reference(&registry.host(), "v1");
    let mut publication = desk.publication(b"program");
    publication.programs.remove(&Platform::current());
    desk.send(&reference, &publication, Form::Artifact).await.unwrap();
    let package = desk.store.registries.package(&reference).await.unwrap();
    let error = package.binary(&reference, &Platform::current()).unwrap_err();
    assert!(matches!(error, OciError::WrongPlatform { .. }), "{error}");
    assert_eq!(error.help(), ["there are binaries for plan9_mips"]);
    let wanted = Wanted::Exactly(reference);
    let locked = desk.store.pin(&wanted).await.unwrap();
    let error = desk.store.install(&wanted, &locked, &|_| {}).await.unwrap_err();
    assert!(matches!(error, PinError::NotForThis { .. }), "{error}");
}

#[tokio::test]
async fn what_is_not_there_is_said_with_what_is() {
    let registry = OciRegistry::start();
    let desk = Desk::new();
    desk.publish(&registry.host(), "v1.0.0", b"program").await;
    let missing = Wanted::Exactly(reference(&registry.host(), "v2.0.0"));
    let error = desk.store.pin(&missing).await.unwrap_err();
    assert!(error.to_string().ends_with("/acme/dstream-in-foo:v2.0.0 is not there"), "{error}");
    assert_eq!(error.help(), ["tags that are there: v1.0.0"]);
    let nowhere: Wanted =
        Wanted::Exactly(format!("{}/acme/nothing:v1", registry.host()).parse().unwrap());
    let error = desk.store.pin(&nowhere).await.unwrap_err();
    assert!(error.help()[0].contains("spelling"), "{error}: {:?}", error.help());
}

#[test]
fn the_description_is_one() {
    assert!(serde_json::from_str::<dstream_protocol::Description>(DESCRIPTION).is_ok());
}

#[tokio::test]
async fn a_provider_of_the_original_speaks_version_1_and_is_never_asked() {
    let registry = OciRegistry::start();
    let desk = Desk::new();
    let reference = reference(&registry.host(), "v0.0.9");
    let mut publication = desk.publication(b"program");
    publication.description =
        br#"{"name":"mssql-cdc-provider","type":"input","sdk_version":"v0.0.4"}"#.to_vec();
    desk.send(&reference, &publication, Form::Artifact).await.unwrap();
    let wanted = Wanted::Exactly(reference);
    let locked = desk.store.pin(&wanted).await.unwrap();
    assert_eq!(desk.store.description(&wanted, &locked).await.unwrap(), None);
}

#[tokio::test]
async fn a_folder_carries_providers_into_a_closed_network_and_a_mirror_serves_them() {
    let (open, closed) = (OciRegistry::start(), OciRegistry::start());
    let desk = Desk::new();
    let mut carried = Vec::new();
    let layout = Layout::new(desk.folder.path().join("carried"));
    for (tag, form) in [("v1.0.0", Form::Index), ("v1.1.0", Form::Artifact)] {
        let reference = reference(&open.host(), tag);
        let digest = desk.send(&reference, &desk.publication(tag.as_bytes()), form).await.unwrap();
        let parts = desk.store.registries.collect(&reference, &layout, &|_, _| {}).await.unwrap();
        layout.write(&reference, &parts).unwrap();
        layout.write(&reference, &parts).unwrap();
        carried.push((reference, digest));
    }
    let references: Vec<_> = carried.iter().map(|(reference, _)| reference.clone()).collect();
    assert_eq!(layout.references().unwrap(), references);
    let names: Vec<_> = std::fs::read_dir(desk.folder.path().join("carried"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), 3, "blobs, index.json and oci-layout: {names:?}");

    for (reference, digest) in &carried {
        let parts = layout.read(reference).unwrap();
        let inside: Reference =
            format!("{}/mirror/acme/dstream-in-foo:{}", closed.host(), reference.tag().unwrap())
                .parse()
                .unwrap();
        let sent = desk.store.registries.send(&inside, &parts, &|_, _| {}).await.unwrap();
        assert_eq!(sent, *digest, "it is the same, byte for byte");
    }
    drop(open);
    let mirror = Some(format!("{}/mirror", closed.host()));
    let hosts =
        Hosts::from([(references[0].registry().to_owned(), Host { mirror, ..Host::default() })]);
    let far = Desk::with(hosts, &[]);
    let source: Reference = references[0].source().parse().unwrap();
    let wanted = Wanted::Version { source, constraint: None };
    let locked = far.store.pin(&wanted).await.unwrap();
    assert_eq!((locked.tag.as_deref(), &locked.digest), (Some("v1.1.0"), &carried[1].1));
    let path = far.store.install(&wanted, &locked, &|_| {}).await.unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"v1.1.0");
}

#[tokio::test]
async fn a_folder_that_lost_or_changed_something_is_refused() {
    let registry = OciRegistry::start();
    let desk = Desk::new();
    let reference = desk.publish(&registry.host(), "v1.0.0", b"program").await;
    let folder = desk.folder.path().join("carried");
    let layout = Layout::new(&folder);
    let parts = desk.store.registries.collect(&reference, &layout, &|_, _| {}).await.unwrap();
    layout.write(&reference, &parts).unwrap();
    let program = folder.join("blobs/sha256").join(dstream_registry::Digest::of(b"program").hex());
    std::fs::remove_file(&program).unwrap();
    assert!(layout.read(&reference).is_err());
    std::fs::write(&program, b"pr0gram").unwrap();
    assert!(layout.read(&reference).is_err());
    std::fs::remove_file(&program).unwrap();
    std::fs::write(&program, b"program").unwrap();
    assert_eq!(layout.read(&reference).unwrap().digest(), parts.digest());
    let other: Reference = "ghcr.io/acme/other:v1".parse().unwrap();
    assert!(layout.read(&other).unwrap_err().to_string().contains("is not there"));
}
