//! A small file beside the files, which says which ones this task has begun and completed.
//!
//! The state that the host gives back may be older than what is on disk: it was killed before it
//! saved the last commit. The journal names the files that the state cannot know.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::state::{Inode, part_name, sync_folder};

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    /// A file was begun, after the commit before `commit`.
    Begun { commit: u64, file: PathBuf, inode: Inode },
    /// It is about to get its final name, with this many bytes.
    Complete { file: PathBuf, inode: Inode, length: u64 },
}

impl Entry {
    pub(crate) fn file(&self) -> &Path {
        match self {
            Self::Begun { file, .. } | Self::Complete { file, .. } => file,
        }
    }

    pub(crate) fn inode(&self) -> Inode {
        match self {
            Self::Begun { inode, .. } | Self::Complete { inode, .. } => *inode,
        }
    }
}

/// The open journal.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// The journal of this task and output in `folder`.
    pub(crate) fn path(folder: &Path, task_id: &str, task: &str, name: &str) -> PathBuf {
        let id = if task_id.is_empty() { task } else { task_id };
        let safe = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' };
        let id: String = format!("{id}.{name}").chars().map(safe).collect();
        folder.join(format!(".dstream.{id}.journal"))
    }

    /// The entries; a last line that is cut off was never acted on.
    pub(crate) fn read(path: &Path) -> io::Result<Vec<Entry>> {
        let text = match fs::read_to_string(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            text => text?,
        };
        Ok(text.lines().map_while(|line| serde_json::from_str(line).ok()).collect())
    }

    /// Begins the journal anew with the entries that still matter.
    pub(crate) fn rewrite(path: &Path, entries: &[Entry]) -> io::Result<Self> {
        let unfinished = part_name(path);
        let mut file = File::create(&unfinished)?;
        for entry in entries {
            file.write_all(line(entry)?.as_bytes())?;
        }
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        sync_folder(path)?;
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Adds an entry; durable when this returns.
    pub(crate) fn add(&mut self, entry: &Entry) -> io::Result<()> {
        self.file.write_all(line(entry)?.as_bytes())?;
        self.file.sync_data()
    }

    /// Removes it: nothing is open and everything that is complete is in the saved state.
    pub(crate) fn path_of(&self) -> &Path {
        &self.path
    }
}

fn line(entry: &Entry) -> io::Result<String> {
    Ok(serde_json::to_string(entry)? + "\n")
}
