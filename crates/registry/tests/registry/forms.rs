//! Both forms, written and read back.

use dstream_registry::oci::{Form, OciError};
use dstream_registry::{PinError, Platform, Wanted};
use dstream_servers::OciRegistry;

use crate::support::{DESCRIPTION, Desk, Events, large, reference};

#[tokio::test]
async fn both_forms_come_back_as_they_were_published_and_only_this_platforms_program_is_pulled() {
    let registry = OciRegistry::start();
    for form in [Form::Index, Form::Artifact] {
        let desk = Desk::new();
        let reference = reference(&registry.host(), "v1.2.0");
        let program = large(300_000);
        let published = desk
            .store
            .registries
            .publish(&reference, &desk.publication(&program), form, &|_, _| {})
            .await
            .unwrap();
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
        let made = desk.store.registries.publish(&reference, &publication, Form::Index, &|_, _| {});
        digests.push(made.await.unwrap());
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
    let published =
        desk.store.registries.publish(&reference, &publication, Form::Artifact, &|_, _| {});
    published.await.unwrap();
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
