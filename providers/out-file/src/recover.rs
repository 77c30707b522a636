//! Brings the files to where the host's saved state says they are.
//!
//! Three things may have happened after that state: rows were written (cut off), files were begun
//! (removed), files were completed (taken back if they hold rows that are not in the state).

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use dstream_sdk::{Context as _, Error, Result, tracing};

use crate::config::Settings;
use crate::journal::Entry;
use crate::part::{self, Part, checksum_name};
use crate::state::{FileState, State, part_name, sync_folder, with_suffix};

/// What is there after recovery.
pub(crate) struct Recovered {
    /// Files that go on.
    pub(crate) open: Vec<Part>,
    /// Journal entries that still matter.
    pub(crate) journal: Vec<Entry>,
}

/// `owned`: the host keeps states, so what the state does not name was never committed.
pub(crate) fn recover(
    settings: &Settings,
    state: State,
    journal: Vec<Entry>,
    owned: bool,
) -> Result<Recovered> {
    remove_unknown(&state, &journal, owned)?;
    for file in &state.closing {
        close(settings, file).with_context(|| file.file.display().to_string())?;
    }
    let mut open = Vec::new();
    for file in &state.open {
        let part = resume(settings, file, &journal).map_err(|e| e.context(file.file.display()))?;
        open.extend(part);
    }
    let named: HashSet<_> = state.open.iter().map(|f| f.file.clone()).collect();
    let journal = journal.into_iter().filter(|entry| named.contains(entry.file())).collect();
    Ok(Recovered { open, journal })
}

/// Files that were begun after the state: all their rows come again.
fn remove_unknown(state: &State, journal: &[Entry], owned: bool) -> Result<()> {
    let named: HashSet<(&PathBuf, _)> =
        state.open.iter().chain(&state.closing).map(|f| (&f.file, f.inode)).collect();
    for entry in journal {
        let Entry::Begun { commit, file, inode } = entry else { continue };
        if *commit <= state.commit || named.contains(&(file, *inode)) || !owned {
            continue;
        }
        if inode.length_at(&part_name(file)).is_some() {
            fs::remove_file(part_name(file)).with_context(|| file.display().to_string())?;
        }
        if inode.length_at(file).is_some() {
            set_aside(file).with_context(|| file.display().to_string())?;
        }
    }
    Ok(())
}

/// A complete file is never deleted: it gets another name, because all its rows come again.
fn set_aside(file: &Path) -> std::io::Result<()> {
    let aside = with_suffix(file, ".uncommitted");
    tracing::warn!(file = %file.display(), renamed_to = %aside.display(),
        "the file was completed, and the host did not save it; its rows are written again");
    remove_checksum(file)?;
    fs::rename(file, &aside)?;
    sync_folder(file)
}

/// A file with all its rows: it only has to get its name.
fn close(settings: &Settings, file: &FileState) -> std::io::Result<()> {
    let (compression, sha256) = (settings.compression, settings.config.sha256);
    if part_name(&file.file).exists() {
        return Part::reopen(file.clone(), compression, sha256)?.complete();
    }
    match file.inode.length_at(&file.file) {
        Some(_) if sha256 => part::add_checksum(&file.file),
        _ => Ok(()),
    }
}

/// A file that was open. `None`: it was completed with exactly the committed rows.
fn resume(settings: &Settings, file: &FileState, journal: &[Entry]) -> Result<Option<Part>> {
    let (compression, sha256) = (settings.compression, settings.config.sha256);
    if !part_name(&file.file).exists() {
        match file.inode.length_at(&file.file) {
            Some(length) if length == file.length => {
                if sha256 {
                    part::add_checksum(&file.file)?;
                }
                return Ok(None);
            }
            Some(_) => take_back(&file.file)?,
            None => return gone(file, journal).map(|()| None),
        }
    }
    Ok(Some(Part::reopen(file.clone(), compression, sha256)?))
}

/// It was completed with rows that the host did not save: they come again.
fn take_back(file: &Path) -> Result<()> {
    tracing::warn!(file = %file.display(), "the file was completed, and the host did not save its last rows; it is written on");
    remove_checksum(file)?;
    fs::rename(file, part_name(file))?;
    sync_folder(file)?;
    Ok(())
}

/// Neither name is there: somebody took the complete file away, or the unfinished one.
fn gone(file: &FileState, journal: &[Entry]) -> Result<()> {
    let completed = journal.iter().rev().find_map(|entry| match entry {
        Entry::Complete { length, .. }
            if entry.file() == file.file && entry.inode() == file.inode =>
        {
            Some(*length)
        }
        _ => None,
    });
    match completed {
        Some(length) if length == file.length => Ok(()),
        Some(length) => {
            tracing::error!(
                file = %file.file.display(), bytes = length - file.length.min(length),
                "the file was completed and taken away before the host had saved its last rows: these bytes are written a second time, into another file"
            );
            Ok(())
        }
        None => Err(Error::permanent(format!(
            "{} bytes were committed to {}, and neither it nor the complete file is there: bring it back, or remove the task's state to begin again",
            file.length,
            part_name(&file.file).display()
        ))),
    }
}

fn remove_checksum(file: &Path) -> std::io::Result<()> {
    match fs::remove_file(checksum_name(file)) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
