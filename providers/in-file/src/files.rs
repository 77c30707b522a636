//! Which files `path` names now.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use dstream_sdk::{Context as _, Error, Result};

use crate::config::Config;
use crate::format;
use crate::identity::Inode;

/// A file as the last look found it.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) inode: Inode,
    pub(crate) len: u64,
    /// When it was written last; only ever compared with itself.
    pub(crate) modified: Option<SystemTime>,
}

impl Found {
    pub(crate) fn new(path: PathBuf, metadata: &Metadata) -> Self {
        let (inode, len) = (Inode::of(metadata), metadata.len());
        Self { path, inode, len, modified: metadata.modified().ok() }
    }
}

/// The files, by the partition's name: the path as it was written or found.
pub(crate) type Listing = BTreeMap<String, Found>;

/// Looks. A file that goes away while this looks is left out.
pub(crate) fn list(config: &Config) -> Result<Listing> {
    let mut listing = Listing::new();
    for path in candidates(config)? {
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if metadata.is_file() {
            let found = Found::new(path, &metadata);
            listing.insert(found.path.to_string_lossy().into_owned(), found);
        }
    }
    if listing.is_empty() && !config.follow {
        return Err(Error::config("path", nothing(config)));
    }
    Ok(listing)
}

fn candidates(config: &Config) -> Result<Vec<PathBuf>> {
    let path = Path::new(&config.path);
    if path.is_dir() {
        return folder(config, path);
    }
    if path.exists() || !config.path.contains(['*', '?', '[']) {
        return Ok(vec![path.to_owned()]);
    }
    let pattern = glob::glob(&config.path)
        .map_err(|e| Error::config("path", format!("`{}` is no glob: {e}", config.path)))?;
    Ok(pattern.filter_map(Result::ok).collect())
}

/// Hidden files and unfinished ones are not read; nor, where `format` is not set, are those whose
/// ending says nothing.
fn folder(config: &Config, path: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))?;
    let wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let hidden = name.starts_with('.') || name.ends_with(".part") || name.ends_with(".tmp");
        !hidden && (config.format.is_some() || format::ending(path).format.is_some())
    };
    Ok(entries.filter_map(Result::ok).map(|entry| entry.path()).filter(wanted).collect())
}

fn nothing(config: &Config) -> String {
    let path = Path::new(&config.path);
    let here = std::env::current_dir().unwrap_or_default();
    if path.is_dir() {
        return format!(
            "the folder `{}` holds no file that ends in .csv, .tsv, .jsonl or .ndjson (.gz and .zst may follow); set `format` to read files with other endings",
            config.path
        );
    }
    format!("no file matches `{}`, looked for in {}", config.path, here.display())
}

/// A file beside `path` with this inode: where a rotated file went.
pub(crate) fn sibling(path: &Path, inode: Inode) -> Option<PathBuf> {
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let is_it =
        |path: &PathBuf| fs::metadata(path).is_ok_and(|m| m.is_file() && Inode::of(&m) == inode);
    if !inode.is_known() {
        return None;
    }
    fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path()).find(is_it)
}
