//! What a signature of cosign's first format signs: a JSON document that names a digest.
//!
//! The format is Red Hat's simple signing, in cosign's reading: of the identity that it holds nothing is
//! heeded, so that a copy in a mirror keeps its signature.

use serde_json::{Value, json};

const TYPE: &str = "cosign container image signature";

/// The payload for what `reference` leads to: `sha256:…`.
pub fn write(reference: &str, digest: &str) -> Vec<u8> {
    let payload = json!({
        "critical": {
            "identity": { "docker-reference": reference },
            "image": { "docker-manifest-digest": digest },
            "type": TYPE,
        },
        "optional": null,
    });
    payload.to_string().into_bytes()
}

/// Whether a payload names this digest.
///
/// # Errors
/// It names another one, or is something else.
pub fn names(payload: &[u8], digest: &str) -> Result<(), String> {
    let document: Value =
        serde_json::from_slice(payload).map_err(|_| "its payload cannot be read".to_owned())?;
    let critical = &document["critical"];
    if critical["type"] != TYPE {
        return Err(format!("its payload is none of `{TYPE}`"));
    }
    match critical["image"]["docker-manifest-digest"].as_str() {
        Some(named) if named == digest => Ok(()),
        Some(named) => Err(format!("it was made for {}", named.escape_debug())),
        None => Err("its payload names no digest".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_counts_for_the_digest_that_it_names_and_for_nothing_else() {
        let payload = write("ghcr.io/acme/foo", "sha256:aa");
        assert_eq!(names(&payload, "sha256:aa"), Ok(()));
        assert_eq!(names(&payload, "sha256:ab"), Err("it was made for sha256:aa".to_owned()));
        let text = String::from_utf8(payload).unwrap();
        let other = text.replace(TYPE, "atomic container signature");
        assert!(names(other.as_bytes(), "sha256:aa").is_err());
        assert!(names(b"{}", "sha256:aa").is_err() && names(b"\xff", "sha256:aa").is_err());
        let absent = text.replace("docker-manifest-digest", "digest");
        assert!(names(absent.as_bytes(), "sha256:aa").is_err());
    }
}
