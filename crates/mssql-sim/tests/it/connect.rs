//! PRELOGIN, TLS, LOGIN7.

use dstream_mssql_sim::{Encryption, MssqlSim, Options};
use tiberius::{AuthMethod, Config, EncryptionLevel};

use super::{connect, connect_with, run, sim};

fn config(sim: &MssqlSim, level: EncryptionLevel) -> Config {
    let mut config = Config::new();
    config.host("127.0.0.1");
    config.port(sim.port());
    config.authentication(AuthMethod::sql_server("sa", "Passw0rd!"));
    config.encryption(level);
    config.trust_cert();
    config
}

async fn answers(config: Config) -> i32 {
    let mut client = connect_with(config).await.unwrap();
    run(&mut client, "SELECT 42").await.unwrap()[0][0].get(0).unwrap()
}

#[tokio::test]
async fn every_level_of_encryption_that_both_sides_have_works() {
    let sim = sim();
    for level in [
        EncryptionLevel::Off,
        EncryptionLevel::On,
        EncryptionLevel::Required,
        EncryptionLevel::NotSupported,
        EncryptionLevel::Strict,
    ] {
        assert_eq!(answers(config(&sim, level)).await, 42, "{level:?}");
    }
}

#[tokio::test]
async fn a_server_without_tls_refuses_a_client_that_insists() {
    let sim =
        MssqlSim::start(Options { encryption: Encryption::None, ..Options::default() }).unwrap();
    assert!(connect_with(config(&sim, EncryptionLevel::Required)).await.is_err());
    assert_eq!(answers(config(&sim, EncryptionLevel::NotSupported)).await, 42);
}

#[tokio::test]
async fn a_server_that_requires_tls_refuses_a_client_without() {
    let sim = MssqlSim::start(Options { encryption: Encryption::Required, ..Options::default() })
        .unwrap();
    assert!(connect_with(config(&sim, EncryptionLevel::NotSupported)).await.is_err());
    assert_eq!(answers(config(&sim, EncryptionLevel::Off)).await, 42);
}

#[tokio::test]
async fn the_certificate_can_be_trusted_by_name() {
    let sim = sim();
    let file = std::env::temp_dir().join(format!("mssql-sim-{}.pem", sim.port()));
    std::fs::write(&file, sim.certificate()).unwrap();
    let mut config = Config::new();
    config.host("localhost");
    config.port(sim.port());
    config.authentication(AuthMethod::sql_server("sa", "Passw0rd!"));
    config.encryption(EncryptionLevel::Required);
    let untrusted = connect_with(config.clone()).await;
    config.trust_cert_ca(file.to_str().unwrap());
    let trusted = connect_with(config).await;
    std::fs::remove_file(&file).unwrap();
    assert!(untrusted.is_err());
    trusted.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_error_18456_and_a_wrong_database_4060() {
    let sim = sim();
    let mut wrong = config(&sim, EncryptionLevel::Required);
    wrong.authentication(AuthMethod::sql_server("sa", "pancake"));
    let error = connect_with(wrong).await.unwrap_err();
    assert_eq!(error.code(), Some(18_456), "{error}");
    assert!(error.to_string().contains("Login failed for user 'sa'."), "{error}");
    let mut nowhere = config(&sim, EncryptionLevel::Required);
    nowhere.database("atlantis");
    let error = connect_with(nowhere).await.unwrap_err();
    assert!(matches!(error.code(), Some(4060 | 18_456)), "{error}");
}

#[tokio::test]
async fn a_token_logs_in_where_the_server_knows_it() {
    let sim =
        MssqlSim::start(Options { token: Some("secret".into()), ..Options::default() }).unwrap();
    let mut config = config(&sim, EncryptionLevel::Required);
    config.authentication(AuthMethod::aad_token("secret"));
    assert_eq!(answers(config.clone()).await, 42);
    config.authentication(AuthMethod::aad_token("guess"));
    assert_eq!(connect_with(config).await.unwrap_err().code(), Some(18_456));
}

#[tokio::test]
async fn the_session_knows_who_and_where_it_is() {
    let sim = sim();
    let mut client = connect(&sim).await;
    let rows = run(
        &mut client,
        "SELECT DB_NAME(), SUSER_SNAME(), @@VERSION, CAST(SERVERPROPERTY('EngineEdition') AS int)",
    )
    .await
    .unwrap();
    let row = &rows[0][0];
    assert_eq!(row.get::<&str, _>(0), Some("sim"));
    assert_eq!(row.get::<&str, _>(1), Some("sa"));
    assert!(row.get::<&str, _>(2).unwrap().contains("simulator"));
    assert_eq!(row.get::<i32, _>(3), Some(3));
    assert_eq!(sim.counts().logins, 1);
    assert_eq!(sim.open_connections(), 1);
}
