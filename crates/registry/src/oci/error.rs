//! What can go wrong between here and a registry, and what to do about each.

use oci_client::errors::{DigestError, OciDistributionError};

use crate::digest::Digest;
use crate::platform::Platform;

/// Why a registry did not give, or take, what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// There is no such repository, tag or content.
    #[error("{what} is not there")]
    NotFound {
        /// What was asked for.
        what: String,
        /// Tags that the repository has, where it could be asked.
        tags: Vec<String>,
    },
    /// The registry does not let this user do this. Many say so of what does not exist, too.
    #[error("{registry} refuses access to {what}: {reason}")]
    Unauthorised {
        /// The registry.
        registry: String,
        /// What was asked for.
        what: String,
        /// What it said.
        reason: String,
        /// Where the credentials came from; nothing where there are none.
        credentials: Option<String>,
    },
    /// The stored credentials cannot be used.
    #[error("the credentials for {registry} in {place} cannot be used: {reason}")]
    Credentials {
        /// The registry.
        registry: String,
        /// The file or variable.
        place: String,
        /// Why.
        reason: String,
    },
    /// There is a provider, but not for this machine.
    #[error("{what} has no binary for {platform}")]
    WrongPlatform {
        /// The provider.
        what: String,
        /// What was looked for.
        platform: Platform,
        /// What there is.
        available: Vec<Platform>,
    },
    /// It is something else.
    #[error("{what} is no provider: {found}")]
    WrongType {
        /// What was asked for.
        what: String,
        /// What it is.
        found: String,
    },
    /// The content is not the one that its digest names.
    #[error(
        "{what} came with other bytes than its digest names: {expected} was wanted, {actual} came"
    )]
    DigestMismatch {
        /// What was asked for.
        what: String,
        /// The digest that was asked for.
        expected: Digest,
        /// The digest of what came.
        actual: Digest,
    },
    /// It is larger than it may be, or than it says.
    #[error("{what} has more than {limit} bytes")]
    TooLarge {
        /// What was asked for.
        what: String,
        /// How much may come.
        limit: u64,
    },
    /// The answer cannot be understood.
    #[error("the registry's answer for {what} cannot be used: {reason}")]
    Malformed {
        /// What was asked for.
        what: String,
        /// Why.
        reason: String,
    },
    /// Nobody answers, or the connection breaks: worth another attempt.
    #[error("{registry} cannot be reached: {reason}")]
    Unreachable {
        /// The registry.
        registry: String,
        /// Why.
        reason: String,
    },
    /// It answers with an error that is none of the above.
    #[error("{registry} answers {status} for {what}: {reason}")]
    Refused {
        /// The registry.
        registry: String,
        /// What was asked for.
        what: String,
        /// The HTTP status.
        status: u16,
        /// What it said.
        reason: String,
    },
    /// A certificate file cannot be used.
    #[error("the certificates in {place} cannot be used: {reason}")]
    Certificates {
        /// The file.
        place: String,
        /// Why.
        reason: String,
    },
}

impl OciError {
    /// Whether the same request may succeed in a moment.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }

    /// What to do about it, one line each.
    pub fn help(&self) -> Vec<String> {
        match self {
            Self::NotFound { tags, .. } if tags.is_empty() => {
                vec!["check the spelling of the registry, the repository and the tag".to_owned()]
            }
            Self::NotFound { tags, .. } => vec![format!("tags that are there: {}", some(tags))],
            Self::Unauthorised { registry, credentials: None, .. } => vec![
                format!("no credentials for {registry} were found; `dstream provider login {registry}` stores some"),
                "many registries answer like this for what does not exist: check the spelling".to_owned(),
            ],
            Self::Unauthorised { registry, credentials: Some(place), .. } => vec![format!(
                "the credentials come from {place}; `dstream provider login {registry}` replaces them"
            )],
            Self::Credentials { registry, .. } => vec![format!(
                "`dstream provider login {registry}` stores a user and a password that dstream can use"
            )],
            Self::WrongPlatform { available, .. } => {
                let names: Vec<String> = available.iter().map(ToString::to_string).collect();
                vec![format!("there are binaries for {}", some(&names))]
            }
            Self::WrongType { .. } => vec![
                "`dstream provider push` makes what can be pulled; docs/registry.md says how it looks".to_owned(),
            ],
            Self::DigestMismatch { .. } => vec![
                "a registry, a proxy or a disk changed it; nothing of it is kept".to_owned(),
                "if it comes again, ask those who run the registry".to_owned(),
            ],
            Self::TooLarge { .. } => {
                vec!["no provider is as large as that: nothing of it is kept".to_owned()]
            }
            Self::Malformed { .. } => {
                vec!["is the address that of a registry? a login page answers like this, too".to_owned()]
            }
            Self::Unreachable { registry, .. } => vec![
                format!("check the name {registry}, the network and the proxy settings"),
                "what the lock file names and the cache holds runs without a registry".to_owned(),
            ],
            Self::Refused { .. } => Vec::new(),
            Self::Certificates { .. } => vec!["`ca_file` is a file of PEM certificates".to_owned()],
        }
    }

    /// Says where the credentials came from that were not enough.
    pub(crate) fn with_credentials(mut self, place: Option<&str>) -> Self {
        if let Self::Unauthorised { credentials, .. } = &mut self {
            *credentials = place.map(str::to_owned);
        }
        self
    }

    /// What the client library says, for `what` of `registry`.
    pub(crate) fn of(error: OciDistributionError, registry: &str, what: &str) -> Self {
        let (registry, what) = (registry.to_owned(), what.to_owned());
        match error {
            OciDistributionError::AuthenticationFailure(reason) => {
                let reason = message(&reason);
                Self::Unauthorised { registry, what, reason, credentials: None }
            }
            OciDistributionError::UnauthorizedError { .. } => {
                let reason = "not authorised".to_owned();
                Self::Unauthorised { registry, what, reason, credentials: None }
            }
            OciDistributionError::ServerError { code, message: reason, .. } => {
                Self::of_status(&registry, &what, code, &reason)
            }
            OciDistributionError::RegistryError { envelope, .. } => {
                of_envelope(registry, what, &envelope)
            }
            OciDistributionError::RequestError(error) => match error.status() {
                Some(status) => Self::of_status(&registry, &what, status.as_u16(), ""),
                None => Self::of_request(&registry, &error),
            },
            OciDistributionError::IoError(error) => {
                Self::Unreachable { registry, reason: error.to_string() }
            }
            OciDistributionError::DigestError(DigestError::VerificationError {
                expected,
                actual,
            }) => match (expected.parse(), actual.parse()) {
                (Ok(expected), Ok(actual)) => Self::DigestMismatch { what, expected, actual },
                _ => {
                    Self::Malformed { what, reason: format!("{actual} in the place of {expected}") }
                }
            },
            other => Self::Malformed { what, reason: other.to_string() },
        }
    }

    /// An answer that is no success.
    pub(crate) fn of_status(registry: &str, what: &str, status: u16, body: &str) -> Self {
        let (registry, what, reason) = (registry.to_owned(), what.to_owned(), message(body));
        match status {
            404 => Self::NotFound { what, tags: Vec::new() },
            401 | 403 => Self::Unauthorised { registry, what, reason, credentials: None },
            _ => Self::Refused { registry, what, status, reason },
        }
    }

    /// A request that had no answer, or none to the end.
    pub(crate) fn of_request(registry: &str, error: &reqwest::Error) -> Self {
        // The outer message repeats the address; what broke is at the bottom.
        let mut deepest: &dyn std::error::Error = error;
        while let Some(source) = deepest.source() {
            deepest = source;
        }
        let reason = match error.is_timeout() {
            true => "no answer in time".to_owned(),
            false => deepest.to_string(),
        };
        Self::Unreachable { registry: registry.to_owned(), reason }
    }
}

fn of_envelope(
    registry: String,
    what: String,
    envelope: &oci_client::errors::OciEnvelope,
) -> OciError {
    use oci_client::errors::OciErrorCode as Code;
    let reason = envelope.errors.iter().map(|e| e.message.as_str()).collect::<Vec<_>>().join("; ");
    let has = |codes: &[Code]| envelope.errors.iter().any(|e| codes.contains(&e.code));
    if has(&[Code::ManifestUnknown, Code::NameUnknown, Code::BlobUnknown, Code::NotFound]) {
        OciError::NotFound { what, tags: Vec::new() }
    } else if has(&[Code::Unauthorized, Code::Denied]) {
        OciError::Unauthorised { registry, what, reason, credentials: None }
    } else {
        let status = if has(&[Code::Toomanyrequests]) { 429 } else { 400 };
        OciError::Refused { registry, what, status, reason }
    }
}

/// What a registry says in its error document, or the beginning of whatever came.
fn message(body: &str) -> String {
    let document: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let said = document.as_ref().and_then(|d| {
        let errors = d["errors"].as_array()?;
        let said: Vec<&str> = errors.iter().filter_map(|e| e["message"].as_str()).collect();
        (!said.is_empty()).then(|| said.join("; "))
    });
    let text = said.unwrap_or_else(|| body.split_whitespace().collect::<Vec<_>>().join(" "));
    let short: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    if short.is_empty() { "no reason given".to_owned() } else { short }
}

/// The last ones of a long list: versions are listed with the newest at the end.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown = &names[names.len().saturating_sub(SHOWN)..];
    let more =
        if names.len() > SHOWN { format!("… ({} in all) ", names.len()) } else { String::new() };
    format!("{more}{}", shown.join(", "))
}
