//! dstream's own file of credentials, which `dstream provider login` and `logout` change.

use std::path::{Path, PathBuf};

/// The file of credentials cannot be changed.
#[derive(Debug, thiserror::Error)]
#[error("cannot change {}: {reason}", file.display())]
pub struct StoreError {
    /// The file.
    pub file: PathBuf,
    /// Why.
    pub reason: String,
}

/// Puts a user and a password into a file of Docker's format; what else is in it stays.
///
/// # Errors
/// It cannot be read, understood or written.
pub fn store(file: &Path, registry: &str, user: &str, password: &str) -> Result<(), StoreError> {
    let mut document = stored(file)?;
    document["auths"][registry] = serde_json::json!({ "username": user, "password": password });
    write(file, &document)
}

/// Takes a registry out of it; whether it was in it.
///
/// # Errors
/// As [`store`].
pub fn remove(file: &Path, registry: &str) -> Result<bool, StoreError> {
    let mut document = stored(file)?;
    let auths = document["auths"].as_object_mut();
    let there = auths.is_some_and(|auths| auths.remove(registry).is_some());
    if there {
        write(file, &document)?;
    }
    Ok(there)
}

fn stored(file: &Path) -> Result<serde_json::Value, StoreError> {
    let bad = |reason: String| StoreError { file: file.to_owned(), reason };
    let empty = serde_json::json!({ "auths": {} });
    let document: serde_json::Value = match std::fs::read(file) {
        Ok(text) => serde_json::from_slice(&text).map_err(|e| bad(e.to_string()))?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => empty,
        Err(e) => return Err(bad(e.to_string())),
    };
    let usable = document.get("auths").is_none_or(serde_json::Value::is_object);
    if document.is_object() && usable {
        Ok(document)
    } else {
        Err(bad("it is no file of credentials".to_owned()))
    }
}

/// Whole or not at all, for the user's eyes only: what makes temporary files makes them so.
fn write(file: &Path, document: &serde_json::Value) -> Result<(), StoreError> {
    use std::io::Write as _;
    let folder = file.parent().unwrap_or(file);
    let written = std::fs::create_dir_all(folder).and_then(|()| {
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        new.write_all(&serde_json::to_vec_pretty(document)?)?;
        new.persist(file)?;
        Ok(())
    });
    written.map_err(|e| StoreError { file: file.to_owned(), reason: e.to_string() })
}

#[cfg(test)]
mod tests {
    use oci_client::secrets::RegistryAuth;

    use super::super::credentials::{Credentials, own_file};
    use super::*;
    use crate::reference::Reference;

    #[test]
    fn what_is_stored_is_found_only_its_user_can_read_it_and_it_goes_again() {
        let home = tempfile::tempdir().unwrap();
        let all = [("HOME".to_owned(), home.path().display().to_string())];
        let file = own_file(&all).unwrap();
        let reference: Reference = "ghcr.io/acme/x:v1".parse().unwrap();
        let of = || Credentials::from_environment(&all).of(&reference).unwrap().auth;
        assert!(!remove(&file, "ghcr.io").unwrap());
        store(&file, "quay.io", "other", "one").unwrap();
        store(&file, "ghcr.io", "me", "se:cret").unwrap();
        assert_eq!(of(), RegistryAuth::Basic("me".to_owned(), "se:cret".to_owned()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(remove(&file, "ghcr.io").unwrap());
        assert_eq!(of(), RegistryAuth::Anonymous);
        assert!(std::fs::read_to_string(&file).unwrap().contains("quay.io"));
        std::fs::write(&file, "[]").unwrap();
        assert!(store(&file, "ghcr.io", "me", "x").unwrap_err().to_string().contains("auth.json"));
    }
}
