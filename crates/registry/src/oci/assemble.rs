//! From files to what a registry holds. The same files make the same digests: nothing of the moment goes in.

use std::collections::BTreeMap;
use std::path::PathBuf;

use oci_client::manifest::{
    ImageIndexEntry, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciDescriptor,
    OciImageIndex, OciImageManifest, Platform as OciPlatform,
};
use serde::Serialize;

use super::package::{BINARY, Blob, DESCRIPTION, Form, PROVIDER, TITLE};
use super::parts::{Content, Document, Part, Parts};
use crate::cache::CacheError;
use crate::digest::Digest;
use crate::platform::Platform;

/// The config of a manifest that has none, by the image specification.
pub(super) const EMPTY: (&str, &[u8]) = ("application/vnd.oci.empty.v1+json", b"{}");

/// What is published.
#[derive(Debug, Clone)]
pub struct Publication {
    /// The last part of the repository: what the programs are titled.
    pub name: String,
    /// The program for each platform.
    pub programs: BTreeMap<Platform, PathBuf>,
    /// What the provider prints for `describe`.
    pub description: Vec<u8>,
    /// What its author notes, by the names of the image specification: `org.opencontainers.image.source`, ….
    pub annotations: BTreeMap<String, String>,
}

impl Publication {
    /// Its documents and contents. Programs are read for their digests.
    ///
    /// # Errors
    /// A program cannot be read.
    pub fn assemble(&self, form: Form) -> Result<Parts, CacheError> {
        let description = Part::of("description", &self.description);
        let mut programs = BTreeMap::new();
        let mut contents = Vec::new();
        for (platform, path) in &self.programs {
            let part = program(platform, path)?;
            programs.insert(platform.clone(), part.blob.clone());
            contents.push(part);
        }
        let annotations = Some(self.annotations.clone()).filter(|all| !all.is_empty());
        let (root, children) = match form {
            Form::Index => self.index(&programs, &description.blob, annotations),
            Form::Artifact => {
                let config = Part::of("config", EMPTY.1);
                let manifest = artifact(&programs, &description.blob, &config.blob, annotations);
                contents.push(config);
                (document(OCI_IMAGE_MEDIA_TYPE, &manifest), Vec::new())
            }
        };
        contents.push(description);
        Ok(Parts { root, children, contents })
    }

    fn index(
        &self,
        programs: &BTreeMap<Platform, Blob>,
        description: &Blob,
        annotations: Option<BTreeMap<String, String>>,
    ) -> (Document, Vec<Document>) {
        let (mut children, mut entries) = (Vec::new(), Vec::new());
        for (platform, program) in programs {
            let title = format!("{}{}", self.name, platform.exe_suffix());
            let manifest = of_platform(title, program, description, annotations.clone());
            let child = document(OCI_IMAGE_MEDIA_TYPE, &manifest);
            entries.push(entry(platform, &child.blob()));
            children.push(child);
        }
        let index = OciImageIndex {
            schema_version: 2,
            media_type: Some(OCI_IMAGE_INDEX_MEDIA_TYPE.to_owned()),
            manifests: entries,
            artifact_type: Some(PROVIDER.to_owned()),
            annotations,
        };
        (document(OCI_IMAGE_INDEX_MEDIA_TYPE, &index), children)
    }
}

fn program(platform: &Platform, path: &std::path::Path) -> Result<Part, CacheError> {
    let fail = CacheError::of("read", path);
    let file = std::fs::File::open(path).map_err(&fail)?;
    let size = file.metadata().map_err(&fail)?.len();
    let blob = Blob { digest: Digest::of_reader(file).map_err(&fail)?, size };
    Ok(Part { name: platform.to_string(), blob, content: Content::File(path.to_owned()) })
}

fn entry(platform: &Platform, manifest: &Blob) -> ImageIndexEntry {
    ImageIndexEntry {
        media_type: OCI_IMAGE_MEDIA_TYPE.to_owned(),
        digest: manifest.digest.to_string(),
        size: size(manifest),
        platform: Some(OciPlatform {
            architecture: platform.arch().into(),
            os: platform.os().into(),
            os_version: None,
            os_features: None,
            variant: None,
            features: None,
        }),
        annotations: None,
        artifact_type: Some(PROVIDER.to_owned()),
    }
}

fn of_platform(
    title: String,
    program: &Blob,
    description: &Blob,
    annotations: Option<BTreeMap<String, String>>,
) -> OciImageManifest {
    OciImageManifest {
        media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
        artifact_type: Some(PROVIDER.to_owned()),
        config: descriptor(DESCRIPTION, description, None),
        layers: vec![descriptor(BINARY, program, Some(title))],
        annotations,
        ..OciImageManifest::default()
    }
}

/// The original's form.
fn artifact(
    programs: &BTreeMap<Platform, Blob>,
    description: &Blob,
    config: &Blob,
    annotations: Option<BTreeMap<String, String>>,
) -> OciImageManifest {
    let program = |(platform, blob): (&Platform, &Blob)| {
        let title = format!("plugin.{platform}{}", platform.exe_suffix());
        descriptor(BINARY, blob, Some(title))
    };
    let json = descriptor("application/json", description, Some("provider.json".to_owned()));
    OciImageManifest {
        media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
        artifact_type: Some(PROVIDER.to_owned()),
        config: descriptor(EMPTY.0, config, None),
        layers: programs.iter().map(program).chain([json]).collect(),
        annotations,
        ..OciImageManifest::default()
    }
}

pub(super) fn descriptor(media_type: &str, blob: &Blob, title: Option<String>) -> OciDescriptor {
    OciDescriptor {
        media_type: media_type.to_owned(),
        digest: blob.digest.to_string(),
        size: size(blob),
        annotations: title.map(|title| BTreeMap::from([(TITLE.to_owned(), title)])),
        ..OciDescriptor::default()
    }
}

pub(super) fn size(blob: &Blob) -> i64 {
    i64::try_from(blob.size).unwrap_or(i64::MAX)
}

/// What is serialised here has no maps with other keys than text: it cannot fail.
pub(super) fn document(media_type: &str, content: &impl Serialize) -> Document {
    let bytes = serde_json::to_vec(content).unwrap_or_default();
    Document { media_type: media_type.to_owned(), bytes }
}
