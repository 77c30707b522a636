//! What went wrong with Azure, in a sentence, and whether it may go well next time.

use std::error::Error as _;

use azure_core::error::ErrorKind;
use dstream_sdk::Error;

/// Azure's own word for it.
pub(super) fn code(error: &azure_core::Error) -> Option<&str> {
    match error.kind() {
        ErrorKind::HttpResponse { error_code, .. } => error_code.as_deref(),
        _ => None,
    }
}

pub(super) fn explained(error: &azure_core::Error, what: &str) -> Error {
    let code = code(error);
    match (error.http_status().map(u16::from), code) {
        (Some(401 | 403), _) => Error::auth(format!(
            "{what}: Azure refuses the key or signature of `connection_string`{}; it needs to read, write, create and list blobs",
            said(code)
        )),
        (Some(404), _) => Error::transient(format!(
            "{what}: the container is not there{}; it is made at the next start",
            said(code)
        )),
        (Some(status @ (400 | 405..=407)), _) => {
            Error::permanent(format!("{what}: Azure refuses with status {status}{}", said(code)))
        }
        (Some(status), _) => {
            Error::transient(format!("{what}: Azure answers with status {status}{}", said(code)))
        }
        (None, _) => Error::transient(format!("{what}: Azure cannot be reached: {}", chain(error))),
    }
}

fn said(code: Option<&str>) -> String {
    code.map(|code| format!(" ({code})")).unwrap_or_default()
}

fn chain(error: &azure_core::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(next) = source {
        let more = next.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = next.source();
    }
    text
}
