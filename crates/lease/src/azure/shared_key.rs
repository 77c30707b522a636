//! Signs requests with an account's key:
//! <https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key>. The vendor's
//! crate signs with Entra tokens alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use azure_core::credentials::Secret;
use azure_core::hmac::hmac_sha256;
use azure_core::http::headers::{AUTHORIZATION, Headers};
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Body, Context, Request, Url};
use dstream_sdk::{Error, Result};

/// An account's name and key.
#[derive(Debug, Clone)]
pub(super) struct SharedKey {
    account: String,
    key: Secret,
}

/// Headers that are signed by their place, in this order; the length has its own rule.
const BEFORE_LENGTH: [&str; 2] = ["content-encoding", "content-language"];
const BEHIND_LENGTH: [&str; 8] = [
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

impl SharedKey {
    pub(super) fn new(account: &str, key: &str) -> Result<Self> {
        let secret = Secret::new(key.to_owned());
        if hmac_sha256("", &secret).is_err() {
            let text = "the storage account's connection string: its `AccountKey` is not base64";
            return Err(Error::config("connection_string", text));
        }
        Ok(Self { account: account.to_owned(), key: secret })
    }

    /// What is signed.
    fn text(&self, request: &Request) -> String {
        let headers = lowercase(request.headers());
        let header = |name: &&str| headers.get(*name).cloned().unwrap_or_default();
        let length = match request.body() {
            Body::Bytes(bytes) if !bytes.is_empty() => bytes.len().to_string(),
            _ => String::new(),
        };
        let mut lines = vec![request.method().as_str().to_owned()];
        lines.extend(BEFORE_LENGTH.iter().map(header));
        lines.push(length);
        lines.extend(BEHIND_LENGTH.iter().map(header));
        let own = headers.iter().filter(|(name, _)| name.starts_with("x-ms-"));
        lines.extend(own.map(|(name, value)| format!("{name}:{}", value.trim())));
        lines.push(format!("/{}{}", self.account, request.url().path()));
        lines.extend(query(request.url()));
        lines.join("\n")
    }
}

fn lowercase(headers: &Headers) -> BTreeMap<String, String> {
    let pairs = headers.iter();
    pairs.map(|(name, value)| (name.as_str().to_lowercase(), value.as_str().to_owned())).collect()
}

/// Each parameter once, decoded, with its values in order.
fn query(url: &Url) -> Vec<String> {
    let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in url.query_pairs() {
        parameters.entry(name.to_lowercase()).or_default().push(value.into_owned());
    }
    let line = |(name, mut values): (String, Vec<String>)| {
        values.sort_unstable();
        format!("{name}:{}", values.join(","))
    };
    parameters.into_iter().map(line).collect()
}

// The trait is written without the lifetime.
#[allow(elided_lifetimes_in_paths)]
#[async_trait::async_trait]
impl Policy for SharedKey {
    async fn send(
        &self,
        ctx: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        let now = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        request.insert_header("x-ms-date", now);
        let signature = hmac_sha256(&self.text(request), &self.key)?;
        request.insert_header(AUTHORIZATION, format!("SharedKey {}:{signature}", self.account));
        match next {
            [first, rest @ ..] => first.send(ctx, request, rest).await,
            [] => Err(azure_core::Error::with_message(
                azure_core::error::ErrorKind::Other,
                "nothing sends the request",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use azure_core::http::Method;

    use super::*;

    #[test]
    fn what_is_signed_is_what_azure_signs() {
        let url = "https://acme.blob.core.windows.net/locks/db/dbo.t%20u.lock?comp=lease&timeout=9";
        let mut request = Request::new(Url::parse(url).unwrap(), Method::Put);
        request.insert_header("x-ms-version", "2025-11-05");
        request.insert_header("x-ms-lease-action", "renew");
        request.insert_header("if-none-match", "*");
        let key = SharedKey::new("acme", "aGk=").unwrap();
        let headers = "x-ms-lease-action:renew\nx-ms-version:2025-11-05";
        let resource = "/acme/locks/db/dbo.t%20u.lock\ncomp:lease\ntimeout:9";
        let expected = format!("PUT\n\n\n\n\n\n\n\n\n*\n\n\n{headers}\n{resource}");
        assert_eq!(key.text(&request), expected);
        request.set_body(vec![1, 2, 3]);
        assert!(key.text(&request).starts_with("PUT\n\n\n3\n"));
    }
}
