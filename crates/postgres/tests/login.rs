//! Encryption and login, against a real server: what is refused, and what is said then.

// Servers are started by programs of Unix.
#![cfg(unix)]
// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use dstream_postgres::{Client, ConnectionSettings, Wire};
use dstream_sdk::ErrorKind;
use dstream_servers::Postgres;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};

/// Who may come how: `plain` only unencrypted, `tls` only encrypted and with a certificate of ours.
const HBA: &str = "\
local   all         all                     trust
host    all         postgres  127.0.0.1/32  trust
host    all         old       127.0.0.1/32  md5
host    all         open      127.0.0.1/32  password
hostssl all         tls       127.0.0.1/32  cert
hostssl all         app       127.0.0.1/32  scram-sha-256
";

struct Secured {
    server: Postgres,
    folder: tempfile::TempDir,
}

impl Secured {
    /// A server with a certificate for `db.test` and 127.0.0.1, signed by an authority of our own.
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = authority("Ours");
        let (cert, key) = signed(&authority, &["127.0.0.1"]);
        write(&folder.path().join("ca.pem"), &authority.pem());
        write(&folder.path().join("other.pem"), &self::authority("Another").pem());
        let (client, client_key) = signed_as(&authority, &["client.test"], "tls");
        write(&folder.path().join("client.pem"), &client);
        write(&folder.path().join("client.key"), &client_key);
        let mut server = Postgres::start(&[("wal_level", "logical")]);
        for (name, text) in
            [("server.crt", &*cert), ("server.key", &key), ("ca.crt", &authority.pem())]
        {
            give(&server, name, text);
        }
        // MD5 wants its password kept as that.
        server.psql(
            "postgres",
            "SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'geheim'",
        );
        server.psql("postgres", "CREATE ROLE open LOGIN PASSWORD 'geheim'; CREATE ROLE tls LOGIN");
        server.psql("postgres", "CREATE ROLE app LOGIN REPLICATION PASSWORD 'paß wört\u{a0}1'");
        give(&server, "pg_hba.conf", HBA);
        server.restart(&[("ssl", "on"), ("ssl_ca_file", "ca.crt")]);
        Self { server, folder }
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    /// Logs in both ways; the error of the first that fails.
    async fn login(&self, settings: Value) -> Result<(), (ErrorKind, String)> {
        let mut all =
            json!({"host": "127.0.0.1", "port": self.server.port(), "database": "postgres"});
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let mode = all["sslmode"].as_str().unwrap_or("prefer").to_owned();
        let settings: ConnectionSettings = serde_json::from_value(all).unwrap();
        let target = settings.target().unwrap();
        let said = |error: dstream_postgres::Error| (error.kind(), error.to_string());
        let client = Client::connect(&target).await.map_err(said)?;
        client.batch_execute("SELECT 1").await.unwrap();
        let mut wire = Wire::connect(&target).await.map_err(said)?;
        let row = wire.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").await;
        let encrypted = row.unwrap()[0][0].as_deref() == Some("t");
        assert!(encrypted || matches!(&*mode, "disable" | "prefer"), "{mode}");
        assert!(!encrypted || mode != "disable");
        Ok(())
    }

    async fn refused(&self, settings: Value, words: &[&str]) {
        let (kind, text) = self.login(settings).await.expect_err("it is refused");
        for word in words {
            assert!(text.contains(word), "{word}: {text}");
        }
        assert_ne!(kind, ErrorKind::Transient, "it is not tried again: {text}");
    }
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn signed(authority: &CertifiedIssuer<'_, KeyPair>, names: &[&str]) -> (String, String) {
    signed_as(authority, names, "server")
}

fn signed_as(
    authority: &CertifiedIssuer<'_, KeyPair>,
    names: &[&str],
    common: &str,
) -> (String, String) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, common);
    let key = KeyPair::generate().unwrap();
    let cert = params.signed_by(&key, authority).unwrap();
    (cert.pem(), key.serialize_pem())
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

/// A file of the server's own.
fn give(server: &Postgres, name: &str, text: &str) {
    let path: PathBuf = server.data().join(name);
    write(&path, text);
    let owner = std::fs::metadata(server.data()).unwrap();
    chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

const PASSWORD: &str = "paß wört\u{a0}1";

#[tokio::test]
async fn certificates_and_passwords_are_checked_as_asked() {
    let it = Secured::start();
    let app = |more: Value| {
        let mut all = json!({"user": "app", "password": PASSWORD});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let ca = it.file("ca.pem");
    let other = it.file("other.pem");
    // SCRAM over each way to encrypt that can work.
    for more in [
        json!({"sslmode": "prefer"}),
        json!({"sslmode": "require"}),
        json!({"sslmode": "require", "sslrootcert": ca}),
        json!({"sslmode": "verify-ca", "sslrootcert": ca}),
        json!({"sslmode": "verify-full", "sslrootcert": ca}),
    ] {
        it.login(app(more.clone())).await.unwrap_or_else(|e| panic!("{more}: {e:?}"));
    }
    // An authority that is not trusted, each way that checks one; the system's do not know ours.
    for more in [
        json!({"sslmode": "require", "sslrootcert": other}),
        json!({"sslmode": "verify-ca", "sslrootcert": other}),
        json!({"sslmode": "verify-full", "sslrootcert": other}),
        json!({"sslmode": "verify-full"}),
    ] {
        it.refused(
            app(more),
            &["the encrypted connection was refused", "UnknownIssuer", "sslrootcert"],
        )
        .await;
    }
    it.refused(
        app(json!({"sslmode": "verify-full", "sslrootcert": ca, "host": "localhost"})),
        &["the encrypted connection was refused", "localhost"],
    )
    .await;
    it.login(app(json!({"sslmode": "verify-ca", "sslrootcert": ca, "host": "localhost"})))
        .await
        .unwrap();
    // The role may come encrypted only.
    it.refused(app(json!({"sslmode": "disable"})), &["no pg_hba.conf entry", "no encryption"])
        .await;
    it.refused(
        app(json!({"sslmode": "require", "sslrootcert": "/nowhere.pem"})),
        &["/nowhere.pem"],
    )
    .await;
    for user in ["app", "old", "open"] {
        let wrong = json!({"user": user, "password": "wrong"});
        it.refused(
            wrong,
            &[
                "cannot connect to PostgreSQL at 127.0.0.1",
                &format!("password authentication failed for user \"{user}\""),
            ],
        )
        .await;
        it.refused(json!({"user": user}), &["password"]).await;
    }
    for user in ["old", "open"] {
        for sslmode in ["disable", "require"] {
            it.login(json!({"user": user, "password": "geheim", "sslmode": sslmode}))
                .await
                .unwrap();
        }
    }
    let client =
        json!({"user": "tls", "sslcert": it.file("client.pem"), "sslkey": it.file("client.key")});
    it.login(client).await.unwrap();
    it.refused(json!({"user": "tls", "sslmode": "require"}), &["certificate"]).await;
}

#[tokio::test]
async fn a_server_that_does_not_encrypt_is_refused_where_that_is_wanted() {
    let server = Postgres::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let it = Secured { server, folder };
    it.login(json!({"user": "postgres", "sslmode": "prefer"})).await.unwrap();
    it.refused(
        json!({"user": "postgres", "sslmode": "require"}),
        &["the server does not encrypt", "sslmode"],
    )
    .await;
}

#[tokio::test]
async fn replication_logs_in_with_scram_over_tls_too() {
    let it = Secured::start();
    let settings = json!({
        "host": "127.0.0.1", "port": it.server.port(), "database": "postgres", "user": "app",
        "password": PASSWORD, "sslmode": "verify-full", "sslrootcert": it.file("ca.pem"),
    });
    let settings: ConnectionSettings = serde_json::from_value(settings).unwrap();
    let mut wire = Wire::connect_replication(&settings.target().unwrap()).await.unwrap();
    assert!(wire.query("IDENTIFY_SYSTEM").await.unwrap()[0][0].is_some());
}
