//! What a registry holds of a provider: a binary for each platform, and what it says of itself.
//!
//! Two forms are read:
//!
//! - **one artifact** for all platforms: a manifest of type [`PROVIDER`] whose layers are named by
//!   their titles: `plugin.<os>_<arch>[.exe]`, and `provider.json`. The original's tools make it.
//! - **an index** with a manifest for each platform, the description as its config. `dstream
//!   provider push` makes it; a registry can be asked what the provider is without running it.
//!
//! Titles are only compared; no name from a registry ever becomes a file's.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use oci_client::manifest::{OciDescriptor, OciImageIndex, OciImageManifest, OciManifest};

use super::error::OciError;
use super::manifest::Manifest;
use super::session::Registries;
use crate::digest::Digest;
use crate::platform::Platform;
use crate::reference::Reference;

/// The artifact type of both forms.
pub const PROVIDER: &str = "application/vnd.dstream.provider";
/// The media type of a description: what the provider prints for `describe`.
pub const DESCRIPTION: &str = "application/vnd.dstream.provider.description.v2+json";
/// The media type of a program.
pub const BINARY: &str = "application/vnd.dstream.provider.binary";
/// The annotation that names a layer.
pub const TITLE: &str = "org.opencontainers.image.title";

/// How many manifests are asked for at a time.
const AT_A_TIME: usize = 8;

/// No program is as large as this.
pub const LARGEST_BINARY: u64 = 4 << 30;
/// No description is as large as this.
pub const LARGEST_DESCRIPTION: u64 = 4 << 20;

/// A provider in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The digest of the manifest or index that the reference names.
    pub digest: Digest,
    /// How it is stored.
    pub form: Form,
    /// What there is for each platform.
    pub binaries: BTreeMap<Platform, Binary>,
    /// What its author noted: licence, source, revision.
    pub annotations: BTreeMap<String, String>,
}

/// How a provider is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One manifest, a layer for each platform.
    Artifact,
    /// An index, a manifest for each platform.
    Index,
}

/// A program for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary {
    /// The program.
    pub program: Blob,
    /// What it says of itself, where that is stored beside it.
    pub description: Option<Digest>,
}

/// A content in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// What it is known by.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
}

impl Registries {
    /// What a reference leads to.
    ///
    /// # Errors
    /// It is not there, or is no provider.
    pub async fn package(&self, reference: &Reference) -> Result<Package, OciError> {
        let manifest = self.manifest(reference).await?;
        let what = reference.to_string();
        match &manifest.content {
            OciManifest::Image(content) => artifact(content, manifest.digest.clone(), &what),
            OciManifest::ImageIndex(index) => self.index(reference, &manifest, index).await,
        }
    }

    /// Reads the manifest of each platform.
    async fn index(
        &self,
        reference: &Reference,
        manifest: &Manifest,
        index: &OciImageIndex,
    ) -> Result<Package, OciError> {
        let what = reference.to_string();
        let mut binaries = BTreeMap::new();
        let listed = entries(index, &what)?;
        let each = listed.into_iter().map(async |(platform, digest)| {
            Ok::<_, OciError>((platform, self.manifest(&reference.with_digest(digest)).await?))
        });
        let mut manifests = stream::iter(each).buffered(AT_A_TIME);
        while let Some((platform, one)) = manifests.try_next().await? {
            let OciManifest::Image(content) = &one.content else {
                return Err(wrong(&what, "its index lists another index".to_owned()));
            };
            if binaries.insert(platform.clone(), of_platform(content, &what)?).is_some() {
                let reason = format!("its index lists {platform} twice");
                return Err(OciError::Malformed { what, reason });
            }
        }
        let annotations = index.annotations.clone().unwrap_or_default();
        Ok(Package { digest: manifest.digest.clone(), form: Form::Index, binaries, annotations })
    }
}

impl Package {
    /// What there is for a platform.
    ///
    /// # Errors
    /// Nothing; the error lists what there is.
    pub fn binary(&self, reference: &Reference, platform: &Platform) -> Result<&Binary, OciError> {
        self.binaries.get(platform).ok_or_else(|| OciError::WrongPlatform {
            what: reference.to_string(),
            platform: platform.clone(),
            available: self.binaries.keys().cloned().collect(),
        })
    }
}

/// Reads a manifest or an index as far as that can be done without its registry, and gives the platforms
/// that it names; nothing for the manifest of one platform.
///
/// # Errors
/// It is none of a provider, or not whole.
pub fn inspect(bytes: &[u8]) -> Result<Vec<Platform>, OciError> {
    let what = "this manifest";
    match super::manifest::parse(bytes, what)? {
        OciManifest::ImageIndex(index) => {
            Ok(entries(&index, what)?.into_iter().map(|(platform, _)| platform).collect())
        }
        OciManifest::Image(content) => match artifact(&content, Digest::of(bytes), what) {
            Ok(package) => Ok(package.binaries.into_keys().collect()),
            Err(error) => of_platform(&content, what).map(|_| Vec::new()).map_err(|_| error),
        },
    }
}

fn wrong(what: &str, found: String) -> OciError {
    OciError::WrongType { what: what.to_owned(), found }
}

/// The platforms of an index. Entries without one are no programs: signatures, attestations.
pub(crate) fn entries(
    index: &OciImageIndex,
    what: &str,
) -> Result<Vec<(Platform, Digest)>, OciError> {
    if index.artifact_type.as_deref() != Some(PROVIDER) {
        let of = index.artifact_type.as_deref().unwrap_or("container images");
        return Err(wrong(what, format!("it is an index of {of}")));
    }
    let malformed = |reason: String| OciError::Malformed { what: what.to_owned(), reason };
    let mut found = Vec::new();
    for entry in &index.manifests {
        let Some(platform) = &entry.platform else { continue };
        let (os, arch) = (platform.os.to_string(), platform.architecture.to_string());
        if os == "unknown" {
            continue;
        }
        let platform = Platform::new(&os, &arch).map_err(|e| malformed(e.to_string()))?;
        let digest =
            entry.digest.parse().map_err(|e: crate::digest::BadDigest| malformed(e.to_string()))?;
        found.push((platform, digest));
    }
    match found.len() {
        0 => Err(malformed("its index lists no platform".to_owned())),
        1..=64 => Ok(found),
        more => Err(malformed(format!("its index lists {more} platforms"))),
    }
}

/// One manifest of an index: the config describes, the one layer is the program.
pub(crate) fn of_platform(content: &OciImageManifest, what: &str) -> Result<Binary, OciError> {
    let programs: Vec<_> = content.layers.iter().filter(|l| l.media_type == BINARY).collect();
    let [program] = programs[..] else {
        return Err(OciError::Malformed {
            what: what.to_owned(),
            reason: format!(
                "a manifest has {} layers of type {BINARY}, and must have one",
                programs.len()
            ),
        });
    };
    let description = (content.config.media_type == DESCRIPTION)
        .then(|| blob(&content.config, LARGEST_DESCRIPTION, what).map(|blob| blob.digest))
        .transpose()?;
    Ok(Binary { program: blob(program, LARGEST_BINARY, what)?, description })
}

/// The original's form.
pub(crate) fn artifact(
    content: &OciImageManifest,
    digest: Digest,
    what: &str,
) -> Result<Package, OciError> {
    let kind = content.artifact_type.as_deref().unwrap_or(&content.config.media_type);
    if kind != PROVIDER && content.config.media_type != PROVIDER {
        return Err(wrong(what, format!("it is of type {kind}")));
    }
    let title = |layer: &OciDescriptor| layer.annotations.as_ref()?.get(TITLE).cloned();
    let titled: Vec<(String, &OciDescriptor)> =
        content.layers.iter().filter_map(|l| Some((title(l)?, l))).collect();
    let description = titled.iter().find(|(title, _)| title == "provider.json");
    let description = description
        .map(|(_, layer)| blob(layer, LARGEST_DESCRIPTION, what).map(|blob| blob.digest))
        .transpose()?;
    let mut binaries = BTreeMap::new();
    for (title, layer) in &titled {
        let Some(platform) = titled_platform(title) else { continue };
        let binary = Binary {
            program: blob(layer, LARGEST_BINARY, what)?,
            description: description.clone(),
        };
        if binaries.insert(platform.clone(), binary).is_some() {
            let reason = format!("it has two layers for {platform}");
            return Err(OciError::Malformed { what: what.to_owned(), reason });
        }
    }
    if binaries.is_empty() {
        let names: Vec<&str> = titled.iter().map(|(t, _)| t.as_str()).take(10).collect();
        let found = format!(
            "none of its layers is titled `plugin.OS_ARCH`, such as `plugin.linux_amd64`; they are: {}",
            names.join(", ").escape_debug()
        );
        return Err(wrong(what, found));
    }
    let annotations = content.annotations.clone().unwrap_or_default();
    Ok(Package { digest, form: Form::Artifact, binaries, annotations })
}

/// `plugin.linux_amd64`, `plugin.windows_amd64.exe`. Anything else is another file.
pub fn titled_platform(title: &str) -> Option<Platform> {
    let rest = title.strip_prefix("plugin.")?;
    let platform: Platform = rest.strip_suffix(".exe").unwrap_or(rest).parse().ok()?;
    let written = format!("{platform}{}", platform.exe_suffix());
    (written == rest || platform.to_string() == rest).then_some(platform)
}

pub(crate) fn blob(descriptor: &OciDescriptor, limit: u64, what: &str) -> Result<Blob, OciError> {
    let malformed = |reason: String| OciError::Malformed { what: what.to_owned(), reason };
    let digest = descriptor.digest.parse();
    let digest = digest.map_err(|e: crate::digest::BadDigest| malformed(e.to_string()))?;
    let size = u64::try_from(descriptor.size)
        .map_err(|_| malformed(format!("a size of {} bytes", descriptor.size)))?;
    if size > limit {
        return Err(OciError::TooLarge { what: what.to_owned(), limit });
    }
    Ok(Blob { digest, size })
}

#[cfg(test)]
#[path = "package_tests.rs"]
mod tests;
