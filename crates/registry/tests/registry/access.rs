//! Passwords and certificates.

use dstream_registry::oci::Form;
use dstream_registry::oci::credentials::variable_name;
use dstream_registry::{Host, Hosts, OciError, PinError, PullError, Wanted};
use dstream_servers::{OciRegistry, RegistrySetup};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::support::{Desk, reference};
use crate::tokens::Tokens;

#[tokio::test]
async fn a_registry_with_a_password_takes_the_right_one_and_says_where_a_wrong_one_came_from() {
    let setup = RegistrySetup { password: true, ..RegistrySetup::default() };
    let registry = OciRegistry::start_with(&setup);
    let variable = variable_name(&registry.host());
    let desk = Desk::with(Hosts::new(), &[(&variable, "dev:secret")]);
    let reference = desk.publish(&registry.host(), "v1", b"program").await;
    let wanted = Wanted::Exactly(reference);
    let locked = desk.store.pin(&wanted).await.unwrap();
    let path = desk.store.install(&wanted, &locked, &|_| {}).await.unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"program");

    let nobody = Desk::new().store.pin(&wanted).await.unwrap_err();
    assert!(nobody.help()[0].contains("dstream provider login"), "{nobody}: {:?}", nobody.help());
    let wrong = Desk::with(Hosts::new(), &[(&variable, "dev:wrong")]);
    let error = wrong.store.pin(&wanted).await.unwrap_err();
    assert!(error.help()[0].contains(&variable), "{error}: {:?}", error.help());
    // What is pulled by its digest, or pushed, says the same.
    let error = wrong.store.install(&wanted, &locked, &|_| {}).await.unwrap_err();
    let PinError::Pull(PullError::Oci(OciError::Unauthorised { credentials, .. })) = &error else {
        panic!("{error}")
    };
    assert!(credentials.as_ref().unwrap().contains(&variable));
    let publication = wrong.publication(b"another");
    let error = wrong.send(wanted.reference(), &publication, Form::Index).await.unwrap_err();
    assert!(matches!(error, PullError::Oci(OciError::Unauthorised { .. })), "{error}");
}

#[tokio::test]
async fn a_certificate_of_a_private_authority_is_trusted_where_it_is_named_and_nowhere_else() {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let setup = RegistrySetup {
        tls: Some((certificate.pem(), key.serialize_pem())),
        ..RegistrySetup::default()
    };
    let registry = OciRegistry::start_with(&setup);

    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, format!("{}\n{}", certificate.pem(), authority.pem())).unwrap();
    let host = |host: Host| Hosts::from([(registry.host(), host)]);
    let desk = Desk::with(host(Host { ca_file: Some(ca_file), ..Host::default() }), &[]);
    let reference = desk.publish(&registry.host(), "v1", b"program").await;
    let wanted = Wanted::Exactly(reference);
    let locked = desk.store.pin(&wanted).await.unwrap();
    desk.store.install(&wanted, &locked, &|_| {}).await.unwrap();

    let strict = Desk::with(host(Host { plain_http: Some(false), ..Host::default() }), &[]);
    let error = strict.store.pin(&wanted).await.unwrap_err();
    assert!(error.to_string().to_lowercase().contains("certificate"), "{error}");
    let plain = Desk::new().store.pin(&wanted).await.unwrap_err();
    assert!(plain.to_string().contains("HTTPS") || plain.to_string().contains("400"), "{plain}");
}

#[tokio::test]
async fn certificates_that_are_none_are_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let of = async || {
        let host = Host { ca_file: Some(ca_file.clone()), ..Host::default() };
        let desk = Desk::with(Hosts::from([("127.0.0.1:1".to_owned(), host)]), &[]);
        desk.store
            .pin(&Wanted::Exactly(reference("127.0.0.1:1", "v1")))
            .await
            .unwrap_err()
            .to_string()
    };
    assert!(of().await.contains("ca.pem"));
    std::fs::write(&ca_file, "nothing of that kind").unwrap();
    assert!(of().await.contains("ca.pem"));
}

#[tokio::test]
async fn tokens_are_asked_for_with_the_password_and_without_one_as_far_as_anybody_may() {
    let tokens = Tokens::start().await;
    let token = Some((tokens.realm.clone(), tokens.certificate.clone()));
    let registry = OciRegistry::start_with(&RegistrySetup { token, ..RegistrySetup::default() });
    let variable = variable_name(&registry.host());
    let desk = Desk::with(Hosts::new(), &[(&variable, "dev:secret")]);
    let wanted = Wanted::Exactly(desk.publish(&registry.host(), "v1", b"program").await);
    let locked = desk.store.pin(&wanted).await.unwrap();
    desk.store.install(&wanted, &locked, &|_| {}).await.unwrap();

    let nobody = Desk::new();
    let locked = nobody.store.pin(&wanted).await.unwrap();
    nobody.store.install(&wanted, &locked, &|_| {}).await.unwrap();
    let publication = nobody.publication(b"another");
    let error = nobody.send(wanted.reference(), &publication, Form::Index).await.unwrap_err();
    assert!(matches!(error, PullError::Oci(OciError::Unauthorised { .. })), "{error}");
    let wrong = Desk::with(Hosts::new(), &[(&variable, "dev:wrong")]);
    let error = wrong.store.pin(&wanted).await.unwrap_err();
    assert!(error.help()[0].contains(&variable), "{error}: {:?}", error.help());
}
