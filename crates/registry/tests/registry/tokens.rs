//! Who gives out tokens to a registry's users: to anybody for pulling, for pushing with the password.
//!
//! <https://distribution.github.io/distribution/spec/auth/jwt/>

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, KeyPair, SigningKey as _};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

pub(crate) struct Tokens {
    /// Where they are asked for.
    pub(crate) realm: String,
    /// By which the registry knows them.
    pub(crate) certificate: String,
}

impl Tokens {
    pub(crate) async fn start() -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let realm = format!("http://{}/token", listener.local_addr().unwrap());
        let chain = STANDARD.encode(certificate.der());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 16 * 1024];
                let n = stream.read(&mut request).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..n]).into_owned();
                let answer = answer(&request, &key, &chain);
                let _gone = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { realm, certificate: certificate.pem() }
    }
}

/// The scope that is asked for stands in the address: `scope=repository:acme/x:pull,push`, escaped.
fn answer(request: &str, key: &KeyPair, chain: &str) -> String {
    let address = request.split_whitespace().nth(1).unwrap_or_default().replace("%3A", ":");
    let address = address.replace("%2F", "/").replace("%2C", ",");
    let scope = address.split("scope=").nth(1).unwrap_or_default();
    let scope = scope.split('&').next().unwrap_or_default();
    let name = scope.split(':').nth(1).unwrap_or_default();
    let password = request
        .to_lowercase()
        .lines()
        .find_map(|l| l.strip_prefix("authorization: basic ").map(str::to_owned));
    let right = STANDARD.encode("dev:secret").to_lowercase();
    let actions = match password {
        None => json!(["pull"]),
        Some(given) if given.trim() == right => json!(["pull", "push"]),
        Some(_) => {
            return "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                .to_owned();
        }
    };
    let body = json!({ "token": token(name, &actions, key, chain) }).to_string();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn token(name: &str, actions: &serde_json::Value, key: &KeyPair, chain: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let head = json!({ "typ": "JWT", "alg": "ES256", "x5c": [chain] });
    let claims = json!({
        "iss": "test", "aud": "test", "sub": "", "jti": "1",
        "iat": now, "nbf": now - 10, "exp": now + 300,
        "access": [{ "type": "repository", "name": name, "actions": actions }],
    });
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&head), part(&claims));
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(plain(&signature)))
}

/// JSON web tokens have the two numbers of a signature at their full length, certificates as DER.
fn plain(der: &[u8]) -> Vec<u8> {
    let mut rest = &der[2..];
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let length = usize::from(rest[1]);
        let digits = &rest[2..2 + length];
        let digits = &digits[digits.len().saturating_sub(32)..];
        numbers.extend(std::iter::repeat_n(0, 32 - digits.len()));
        numbers.extend_from_slice(digits);
        rest = &rest[2 + length..];
    }
    numbers
}
