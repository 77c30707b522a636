//! Which providers there are: a plain artifact that lists them, for people who look for one.

use std::path::Path;

use dstream_protocol::{Description, Role};
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciImageManifest, OciManifest};
use semver::Version;
use serde::{Deserialize, Serialize};

use super::assemble::{EMPTY, descriptor, document};
use super::blob::PullError;
use super::error::OciError;
use super::package::{LARGEST_DESCRIPTION, blob};
use super::parts::{Part, Parts};
use super::session::Registries;
use crate::cache::{Cache, CacheError};
use crate::reference::Reference;

/// The artifact type of a catalogue, and the beginning of its layer's media type.
pub const CATALOGUE: &str = "application/vnd.dstream.catalogue";
const LAYER: &str = "application/vnd.dstream.catalogue.v1+json";

/// A list of providers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    /// By name.
    pub providers: Vec<Listed>,
}

/// One provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// As it calls itself: `in-postgres`.
    pub name: String,
    /// Where it can stand.
    pub roles: Vec<Role>,
    /// A sentence or two.
    pub description: String,
    /// The repository: `ghcr.io/acme/dstream-in-postgres`.
    pub source: String,
    /// Lowest first.
    pub versions: Vec<String>,
}

/// A folder cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// It cannot be read.
    #[error(transparent)]
    Folder(#[from] CacheError),
    /// A file is no description.
    #[error("{file} is no description of a provider: {reason}")]
    Description {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// Two files describe one provider at one version.
    #[error("{name} {version} is described twice")]
    Twice {
        /// The provider.
        name: String,
        /// The version.
        version: String,
    },
}

impl Catalogue {
    /// From a folder of descriptions, one a file (`*.json`), as providers print them for `describe`. Several
    /// versions of one provider are one entry, told by the newest. The sources are `PREFIX/dstream-NAME`.
    ///
    /// # Errors
    /// A file cannot be read, or is no description.
    pub fn of_folder(folder: &Path, prefix: &str) -> Result<Self, CatalogueError> {
        let fail = CacheError::of("read", folder);
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect())
            .map_err(&fail)?;
        files.retain(|file: &std::path::PathBuf| file.extension().is_some_and(|e| e == "json"));
        files.sort();
        let mut catalogue = Self::default();
        for file in files {
            let text = std::fs::read(&file).map_err(CacheError::of("read", &file))?;
            let described = serde_json::from_slice(&text).map_err(|e| {
                let (file, reason) = (file.display().to_string(), e.to_string());
                CatalogueError::Description { file, reason }
            })?;
            catalogue.add(described, prefix)?;
        }
        catalogue.providers.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(catalogue)
    }

    fn add(&mut self, described: Description, prefix: &str) -> Result<(), CatalogueError> {
        let Description { name, version, roles, description, .. } = described;
        let Some(known) = self.providers.iter_mut().find(|known| known.name == name) else {
            let source = format!("{prefix}/dstream-{name}");
            let versions = vec![version];
            self.providers.push(Listed { name, roles, description, source, versions });
            return Ok(());
        };
        if known.versions.contains(&version) {
            return Err(CatalogueError::Twice { name, version });
        }
        known.versions.push(version.clone());
        known.versions.sort_by_key(|version| (Version::parse(version).ok(), version.clone()));
        if known.versions.last() == Some(&version) {
            (known.roles, known.description) = (roles, description);
        }
        Ok(())
    }

    /// The providers that have every word somewhere: in their name, their roles, their description.
    pub fn search(&self, words: &[String]) -> Vec<&Listed> {
        let has = |listed: &Listed, word: &String| {
            let roles = listed.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" ");
            let text = format!("{} {roles} {}", listed.name, listed.description);
            text.to_lowercase().contains(&word.to_lowercase())
        };
        self.providers.iter().filter(|listed| words.iter().all(|word| has(listed, word))).collect()
    }

    /// As a registry holds it.
    pub fn parts(&self) -> Parts {
        // Text and lists of it: it cannot fail.
        let list = Part::of("catalogue", &serde_json::to_vec(self).unwrap_or_default());
        let config = Part::of("config", EMPTY.1);
        let manifest = OciImageManifest {
            media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
            artifact_type: Some(CATALOGUE.to_owned()),
            config: descriptor(EMPTY.0, &config.blob, None),
            layers: vec![descriptor(LAYER, &list.blob, Some("catalogue.json".to_owned()))],
            ..OciImageManifest::default()
        };
        let root = document(OCI_IMAGE_MEDIA_TYPE, &manifest);
        Parts { root, children: Vec::new(), contents: vec![list, config] }
    }
}

impl Registries {
    /// The catalogue that a reference leads to.
    ///
    /// # Errors
    /// It is not there, or is none.
    pub async fn catalogue(
        &self,
        reference: &Reference,
        cache: &Cache,
    ) -> Result<Catalogue, PullError> {
        let what = reference.to_string();
        let wrong = |found: String| OciError::WrongType { what: what.clone(), found };
        let manifest = self.manifest(reference).await?;
        let OciManifest::Image(content) = &manifest.content else {
            return Err(wrong("an index, and no catalogue".to_owned()).into());
        };
        let kind = content.artifact_type.as_deref().unwrap_or(&content.config.media_type);
        let layer = content.layers.iter().find(|layer| layer.media_type == LAYER);
        let Some(layer) = layer.filter(|_| kind == CATALOGUE) else {
            return Err(wrong(format!("it is of type {kind}, and a catalogue was wanted")).into());
        };
        let layer = blob(layer, LARGEST_DESCRIPTION, &what)?;
        let bytes = self.small(reference, &layer.digest, cache).await?;
        let read = serde_json::from_slice(&bytes);
        Ok(read.map_err(|e| OciError::Malformed { what, reason: e.to_string() })?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn described(name: &str, version: &str, role: &str, description: &str) -> String {
        format!(
            r#"{{"name":"{name}","version":"{version}","description":"{description}","protocol":[2],"roles":["{role}"]}}"#
        )
    }

    #[test]
    fn a_folder_of_descriptions_is_listed_by_name_and_told_by_the_newest() {
        let folder = folder(&[
            ("a.json", &described("out-foo", "1.10.0", "output", "Writes foo, faster.")),
            ("b.json", &described("out-foo", "1.9.0", "output", "Writes foo.")),
            ("c.json", &described("in-bar", "0.1.0", "input", "Reads the log of Bar.")),
            ("notes.txt", "nothing of that kind"),
        ]);
        let catalogue = Catalogue::of_folder(folder.path(), "ghcr.io/acme").unwrap();
        let names: Vec<&str> = catalogue.providers.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["in-bar", "out-foo"]);
        let foo = &catalogue.providers[1];
        assert_eq!(foo.versions, ["1.9.0", "1.10.0"]);
        assert_eq!(foo.description, "Writes foo, faster.");
        assert_eq!(foo.source, "ghcr.io/acme/dstream-out-foo");
        let found = |words: &[&str]| -> Vec<String> {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            catalogue.search(&words).into_iter().map(|p| p.name.clone()).collect()
        };
        assert_eq!(found(&[]), ["in-bar", "out-foo"]);
        assert_eq!(found(&["input"]), ["in-bar"]);
        assert_eq!(found(&["FOO", "faster"]), ["out-foo"]);
        assert!(found(&["foo", "log"]).is_empty());
    }

    #[test]
    fn what_is_no_description_or_there_twice_is_refused() {
        let of = |files: &[(&str, &str)]| {
            let folder = folder(files);
            Catalogue::of_folder(folder.path(), "ghcr.io/acme").unwrap_err().to_string()
        };
        assert!(of(&[("a.json", "{}")]).contains("a.json is no description"));
        let one = described("in-bar", "0.1.0", "input", "Reads.");
        assert!(
            of(&[("a.json", &one), ("b.json", &one)]).contains("in-bar 0.1.0 is described twice")
        );
    }
}
