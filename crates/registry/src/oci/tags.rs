//! Which versions a repository has.

use oci_client::RegistryOperation;
use oci_client::secrets::RegistryAuth;
use semver::Version;

use super::error::OciError;
use super::retry::retried;
use super::session::Registries;
use crate::reference::Reference;

/// How many tags a page has, and how many pages are read: beyond them it is no list of versions.
const PAGE: usize = 1000;
const PAGES: usize = 20;

impl Registries {
    /// Every tag of a repository.
    ///
    /// # Errors
    /// It is not there, or may not be listed.
    pub async fn tags(&self, reference: &Reference) -> Result<Vec<String>, OciError> {
        let what = reference.source();
        let mut all: Vec<String> = Vec::new();
        for _ in 0..PAGES {
            let last = all.last().cloned();
            let page = retried(|| async {
                let session = self.open(reference, RegistryOperation::Pull).await?;
                // The session has authenticated already; the library keeps what it was told first.
                let page = session
                    .oci
                    .list_tags(
                        &session.target,
                        &RegistryAuth::Anonymous,
                        Some(PAGE),
                        last.as_deref(),
                    )
                    .await;
                page.map_err(|e| session.error(e, &what))
            })
            .await?;
            // Some registries ignore where a page should begin, or how long it may be.
            let new: Vec<String> = page.tags.into_iter().filter(|t| !all.contains(t)).collect();
            let full = new.len() >= PAGE;
            all.extend(new);
            if !full {
                break;
            }
        }
        Ok(all)
    }
}

/// The tags that are versions, `v1.2.0` or `1.2.0`, lowest first.
pub fn versions(tags: &[String]) -> Vec<(Version, String)> {
    let version = |tag: &String| Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok();
    let mut found: Vec<(Version, String)> =
        tags.iter().filter_map(|tag| Some((version(tag)?, tag.clone()))).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_the_tags_that_are_some_in_their_order() {
        let tags = ["latest", "v1.10.0", "v1.9.0", "1.9.1", "v2", "sha256-abc.sig", "v2.0.0-rc.1"];
        let tags: Vec<String> = tags.iter().map(ToString::to_string).collect();
        let found: Vec<String> = versions(&tags).into_iter().map(|(_, tag)| tag).collect();
        assert_eq!(found, ["v1.9.0", "1.9.1", "v1.10.0", "v2.0.0-rc.1"]);
    }
}
