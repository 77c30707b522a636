//! A storage account, out of a connection string:
//! <https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string>.

use std::sync::Arc;

use azure_core::credentials::Secret;
use azure_core::http::{ClientOptions, Url};
use dstream_sdk::{Error, Result};

use super::shared_key::SharedKey;
use super::with_container;

/// The account that the emulator has, and its key, which everybody knows.
const EMULATOR: (&str, &str) = (
    "devstoreaccount1",
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
);

/// Where the blobs are, and how to get in.
#[derive(Debug, Clone)]
pub struct Account {
    name: String,
    endpoint: Url,
    access: Access,
}

#[derive(Debug, Clone)]
enum Access {
    Key(SharedKey),
    /// The query of a shared access signature.
    Signature(Secret),
}

impl Account {
    /// Reads a connection string: `DefaultEndpointsProtocol`, `AccountName`, `AccountKey`,
    /// `EndpointSuffix`, `BlobEndpoint`, `SharedAccessSignature`, or `UseDevelopmentStorage=true`
    /// with `DevelopmentStorageProxyUri`.
    ///
    /// # Errors
    /// A sentence that says what is missing or wrong. It never holds the key.
    pub fn parse(text: &str) -> Result<Self> {
        let mut fields = Fields::read(text)?;
        let account = match fields.take("UseDevelopmentStorage") {
            Some(yes) if yes.eq_ignore_ascii_case("true") => Self::emulator(&mut fields)?,
            Some(_) => return Err(wrong("`UseDevelopmentStorage` can only be `true`")),
            None => Self::named(&mut fields)?,
        };
        Ok(account)
    }

    fn emulator(fields: &mut Fields) -> Result<Self> {
        let (name, key) = EMULATOR;
        let proxy = fields.take("DevelopmentStorageProxyUri");
        let mut endpoint = url(proxy.as_deref().unwrap_or("http://127.0.0.1"))?;
        if endpoint.port().is_none() && endpoint.set_port(Some(10_000)).is_err() {
            return Err(wrong("`DevelopmentStorageProxyUri` has no place for a port"));
        }
        let endpoint = with_container(endpoint, name);
        let access = Access::Key(SharedKey::new(name, key)?);
        Ok(Self { name: name.to_owned(), endpoint, access })
    }

    fn named(fields: &mut Fields) -> Result<Self> {
        let name = fields.take("AccountName");
        let scheme = fields.take("DefaultEndpointsProtocol").unwrap_or_else(|| "https".into());
        let suffix = fields.take("EndpointSuffix");
        let endpoint = match (fields.take("BlobEndpoint"), &name) {
            (Some(endpoint), _) => url(&endpoint)?,
            (None, Some(name)) => {
                let suffix = suffix.as_deref().unwrap_or("core.windows.net");
                url(&format!("{scheme}://{name}.blob.{suffix}"))?
            }
            (None, None) => {
                return Err(wrong("neither `AccountName` nor `BlobEndpoint` says which account"));
            }
        };
        let called = name.clone().unwrap_or_else(|| name_in(&endpoint));
        let access = match (fields.take("SharedAccessSignature"), fields.take("AccountKey"), name) {
            (Some(signature), ..) => {
                Access::Signature(Secret::new(signature.trim_start_matches('?').to_owned()))
            }
            (None, Some(key), Some(name)) => Access::Key(SharedKey::new(&name, &key)?),
            (None, Some(_), None) => return Err(wrong("an `AccountKey` needs its `AccountName`")),
            (None, None, _) => {
                return Err(wrong("it holds no `AccountKey` and no `SharedAccessSignature`"));
            }
        };
        Ok(Self { name: called, endpoint, access })
    }

    /// The account's name: the same, whichever way leads to it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The account's address, for people.
    pub fn address(&self) -> &str {
        self.endpoint.as_str()
    }

    pub(super) fn container_url(&self, container: &str) -> Result<Url> {
        let chars = container.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        let edges = !container.starts_with('-') && !container.ends_with('-');
        if !(3..=63).contains(&container.len()) || !chars || !edges || container.contains("--") {
            return Err(Error::config(
                "container_name",
                format!(
                    "`{container}` cannot be a container's name: 3 to 63 lower-case letters, digits and single hyphens"
                ),
            ));
        }
        let mut url = with_container(self.endpoint.clone(), container);
        if let Access::Signature(signature) = &self.access {
            url.set_query(Some(signature.secret()));
        }
        Ok(url)
    }

    pub(super) fn sign(&self, options: &mut ClientOptions) {
        if let Access::Key(key) = &self.access {
            // Each try has a date of its own.
            options.per_try_policies.push(Arc::new(key.clone()));
        }
    }
}

/// `Name=value;Name=value`; names in any case, a value may have `=`.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn read(text: &str) -> Result<Self> {
        let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
        let fields: Option<Vec<_>> = parts
            .map(|part| part.split_once('='))
            .map(|pair| pair.map(|(name, value)| (name.trim().into(), value.trim().into())))
            .collect();
        match fields {
            Some(fields) if !fields.is_empty() => Ok(Self(fields)),
            _ => Err(wrong(
                "it has to look like `DefaultEndpointsProtocol=https;AccountName=…;AccountKey=…`, or be `UseDevelopmentStorage=true`",
            )),
        }
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(field, _)| field.eq_ignore_ascii_case(name))?;
        Some(self.0.remove(at).1).filter(|value| !value.is_empty())
    }
}

/// `https://acme.blob.core.windows.net` is of the account acme; of other addresses the host has to do.
fn name_in(endpoint: &Url) -> String {
    let host = endpoint.host_str().unwrap_or_default();
    host.split_once(".blob.").map_or(host, |(name, _)| name).to_owned()
}

fn url(text: &str) -> Result<Url> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| wrong(&format!("`{text}` is not an http or https address")))
}

fn wrong(what: &str) -> Error {
    Error::config("connection_string", format!("the storage account's connection string: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(text: &str) -> String {
        Account::parse(text).unwrap().container_url("locks").unwrap().to_string()
    }

    #[test]
    fn a_connection_string_says_where_the_blobs_are() {
        for (text, expected) in [
            ("UseDevelopmentStorage=true", "http://127.0.0.1:10000/devstoreaccount1/locks"),
            (
                "usedevelopmentstorage=TRUE;DevelopmentStorageProxyUri=http://10.0.0.9:77",
                "http://10.0.0.9:77/devstoreaccount1/locks",
            ),
            ("AccountName=acme;AccountKey=aGk=", "https://acme.blob.core.windows.net/locks"),
            (
                "DefaultEndpointsProtocol=http;AccountName=acme;AccountKey=aGk=;EndpointSuffix=core.chinacloudapi.cn;",
                "http://acme.blob.core.chinacloudapi.cn/locks",
            ),
            (
                "BlobEndpoint=http://localhost:9/acme/;AccountName=acme;AccountKey=aGk=",
                "http://localhost:9/acme/locks",
            ),
            (
                "BlobEndpoint=https://blobs.example;SharedAccessSignature=?sv=1&sig=a%2Bb",
                "https://blobs.example/locks?sv=1&sig=a%2Bb",
            ),
        ] {
            assert_eq!(container(text), expected, "{text}");
        }
    }

    #[test]
    fn an_account_has_one_name_whichever_way_leads_to_it() {
        for text in [
            "AccountName=acme;AccountKey=aGk=",
            "BlobEndpoint=https://acme.blob.core.windows.net;SharedAccessSignature=sig=a",
            "BlobEndpoint=http://localhost:9/acme;AccountName=acme;AccountKey=aGk=",
        ] {
            assert_eq!(Account::parse(text).unwrap().name(), "acme", "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_key() {
        for (text, expected) in [
            ("", "has to look like"),
            ("AccountName", "has to look like"),
            ("UseDevelopmentStorage=false", "can only be `true`"),
            ("AccountKey=c2VjcmV0", "which account"),
            ("AccountName=acme", "no `AccountKey`"),
            ("BlobEndpoint=ftp://x;AccountName=a;AccountKey=c2VjcmV0", "not an http"),
            ("AccountName=acme;AccountKey=sec!ret", "is not base64"),
            ("BlobEndpoint=https://x;AccountKey=c2VjcmV0", "needs its `AccountName`"),
        ] {
            let error = Account::parse(text).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(!error.to_string().contains("c2V") && !error.to_string().contains("sec!"));
            assert_eq!(error.path(), Some("connection_string"));
        }
    }

    #[test]
    fn nothing_that_is_printed_for_a_programmer_holds_the_key() {
        for text in [
            "AccountName=acme;AccountKey=aGlkZGVu",
            "BlobEndpoint=https://x;SharedAccessSignature=aGlkZGVu",
        ] {
            assert!(!format!("{:?}", Account::parse(text).unwrap()).contains("aGlkZGVu"));
        }
    }

    #[test]
    fn a_container_has_a_name_that_azure_takes() {
        let account = Account::parse("UseDevelopmentStorage=true").unwrap();
        for name in ["ab", "Locks", "a_b", "-ab", "a--b", "ab-", ""] {
            let error = account.container_url(name).unwrap_err();
            assert_eq!(error.path(), Some("container_name"), "{name}");
        }
    }
}
