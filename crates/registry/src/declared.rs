//! Which protocol a program declares before it is started.
//!
//! A version-1 program may do anything when it is called with an argument that it does not know, so
//! it is only asked to `describe` itself where something says that it speaks version 2.

use std::path::{Path, PathBuf};

use dstream_protocol::{Description, VERSION};

/// What is known of the protocol that a program speaks.
#[derive(Debug, Clone, PartialEq)]
pub enum Declared {
    /// Version 2. The description is there where a file beside the program holds it; otherwise the
    /// program can be asked.
    V2(Option<Box<Description>>),
    /// It was found by its name, so it may be asked; one that does not answer speaks version 1.
    Ask,
    /// Version 1: it must not be asked.
    V1,
    /// A description names other versions only.
    Other(Box<Description>),
}

/// A description beside a program cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{} is no description of a provider: {reason}", path.display())]
pub struct BadDescription {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

impl Declared {
    /// Decides for the program at `path`. The block's own `protocol` wins, then a description
    /// beside the program, then how it was found: a program that was `named` may be asked.
    ///
    /// # Errors
    /// A description stands beside it and cannot be read.
    pub fn of(path: &Path, protocol: Option<u32>, named: bool) -> Result<Self, BadDescription> {
        if protocol == Some(1) {
            return Ok(Self::V1);
        }
        if let Some(description) = beside(path)? {
            return Ok(Self::described(description, protocol));
        }
        Ok(match protocol {
            Some(_) => Self::V2(None),
            None if named => Self::Ask,
            None => Self::V1,
        })
    }
}

impl Declared {
    /// Decides for a program from a registry: the description that lies beside it there says it, or
    /// the block does.
    pub(crate) fn pulled(description: Option<Description>, protocol: Option<u32>) -> Self {
        match (description, protocol) {
            (_, Some(1)) | (None, None) => Self::V1,
            (Some(description), _) => Self::described(description, protocol),
            (None, Some(_)) => Self::V2(None),
        }
    }

    fn described(description: Description, protocol: Option<u32>) -> Self {
        let speaks = |version| description.protocol.contains(version);
        match protocol {
            Some(_) => Self::V2(Some(Box::new(description))),
            None if speaks(&VERSION) => Self::V2(Some(Box::new(description))),
            None if speaks(&1) => Self::V1,
            None => Self::Other(Box::new(description)),
        }
    }
}

/// The description in `<program>.json`, or in the folder's `provider.json`. The second is for a
/// folder with one provider, as packages have it: it counts for every program there that has no
/// file of its own.
fn beside(program: &Path) -> Result<Option<Description>, BadDescription> {
    let mut own = program.as_os_str().to_owned();
    own.push(".json");
    for path in [PathBuf::from(own), program.with_file_name("provider.json")] {
        let bad = |reason: String| BadDescription { path: path.clone(), reason };
        match std::fs::read(&path) {
            Ok(text) => {
                let read = serde_json::from_slice(&text).map_err(|e| bad(e.to_string()))?;
                return Ok(Some(read));
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(bad(e.to_string())),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = r#"{"name":"in-x","version":"1.0.0","protocol":[2],"roles":["input"]}"#;
    const V1: &str = r#"{"name":"in-x","version":"1.0.0","protocol":[1],"roles":["input"]}"#;

    #[test]
    fn only_what_says_so_speaks_version_2() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("read.sh");
        let of = |protocol, named| Declared::of(&program, protocol, named).unwrap();
        assert_eq!(of(None, false), Declared::V1);
        assert_eq!(of(None, true), Declared::Ask);
        assert_eq!(of(Some(2), false), Declared::V2(None));
        assert_eq!(of(Some(1), true), Declared::V1);
    }

    #[test]
    fn a_description_beside_the_program_answers_for_it_and_its_own_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("read.sh");
        std::fs::write(folder.path().join("provider.json"), V2).unwrap();
        let declared = Declared::of(&program, None, false).unwrap();
        assert!(matches!(&declared, Declared::V2(Some(d)) if d.name == "in-x"), "{declared:?}");
        assert_eq!(Declared::of(&program, Some(1), false).unwrap(), Declared::V1);
        std::fs::write(folder.path().join("read.sh.json"), V1).unwrap();
        assert_eq!(Declared::of(&program, None, true).unwrap(), Declared::V1);
        assert!(matches!(Declared::of(&program, Some(2), true), Ok(Declared::V2(Some(_)))));
    }

    #[test]
    fn what_was_pulled_speaks_what_its_description_says() {
        let read = |text| Some(serde_json::from_str(text).unwrap());
        let of = Declared::pulled;
        assert!(matches!(of(read(V2), None), Declared::V2(Some(d)) if d.name == "in-x"));
        assert_eq!(of(read(V2), Some(1)), Declared::V1);
        assert_eq!(of(read(V1), None), Declared::V1);
        assert_eq!(of(None, None), Declared::V1);
        let other = V2.replace("[2]", "[3]");
        assert!(matches!(of(read(&other), None), Declared::Other(_)));
        assert_eq!(of(None, Some(2)), Declared::V2(None));
    }

    #[test]
    fn a_description_that_cannot_be_read_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("read.sh.json"), "{").unwrap();
        let error = Declared::of(&folder.path().join("read.sh"), None, false).unwrap_err();
        assert!(error.to_string().contains("read.sh.json"), "{error}");
    }
}
