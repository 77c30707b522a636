//! The files of a run: which are open, which wait for their final name.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use dstream_sdk::{Context as _, Error, Result, fail};

use crate::config::{Existing, Settings};
use crate::journal::{Entry, Journal};
use crate::part::Part;
use crate::state::{FileState, State, part_name};
use crate::template::{Hour, numbered};

/// The journal is begun anew when it has grown by this many files, and drops what is older than
/// as many commits.
const JOURNAL_FILES: u64 = 4096;

/// Open files by the path that was rendered for them.
pub(crate) struct Files {
    pub(crate) settings: Settings,
    pub(crate) open: HashMap<String, Part>,
    /// Full, not yet committed as such.
    rotated: Vec<Part>,
    /// Committed as full: they get their name at the next commit, or when the host has saved.
    closing: Vec<Part>,
    /// Names that this run has used.
    taken: HashSet<PathBuf>,
    journal: Journal,
    entries: Vec<Entry>,
    commits: u64,
}

impl Files {
    pub(crate) fn new(
        settings: Settings,
        open: Vec<Part>,
        journal: Journal,
        entries: Vec<Entry>,
        commits: u64,
    ) -> Self {
        let taken = open.iter().map(|part| part.state.file.clone()).collect();
        let open = open.into_iter().map(|part| (part.state.key.clone(), part)).collect();
        let (rotated, closing) = (Vec::new(), Vec::new());
        Self { settings, open, rotated, closing, taken, journal, entries, commits }
    }

    /// Begins a file for `key`, under the first name that is free.
    pub(crate) fn begin(
        &mut self,
        key: &str,
        stream: &str,
        columns: Option<Vec<String>>,
    ) -> Result<&mut Part> {
        let file = self.free_name(key)?;
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot create the folder {}", folder.display()))?;
        }
        let state = FileState {
            file: file.clone(),
            key: key.to_owned(),
            stream: stream.to_owned(),
            columns,
            since_ms: jiff::Timestamp::now().as_millisecond(),
            ..FileState::default()
        };
        let (compression, sha256) = (self.settings.compression, self.settings.config.sha256);
        let part = Part::create(state, compression, sha256)
            .with_context(|| format!("cannot create {}", part_name(&file).display()))?;
        let inode = part.state.inode;
        self.note(Entry::Begun { commit: self.commits + 1, file: file.clone(), inode })?;
        self.taken.insert(file);
        Ok(self.open.entry(key.to_owned()).insert_entry(part).into_mut())
    }

    fn free_name(&self, key: &str) -> Result<PathBuf> {
        let existing = self.settings.config.existing;
        for number in 0.. {
            let file = PathBuf::from(numbered(key, number));
            if self.taken.contains(&file) || part_name(&file).exists() {
                continue;
            }
            match existing {
                _ if !file.exists() => return Ok(file),
                Existing::Overwrite => return Ok(file),
                Existing::Number => {}
                Existing::Fail => return Err(exists(&file)),
            }
        }
        Err(Error::permanent(format!("there is no free name for {key}")))
    }

    fn note(&mut self, entry: Entry) -> Result<()> {
        self.journal.add(&entry).context("cannot write the journal")?;
        self.entries.push(entry);
        Ok(())
    }

    /// The file is full: the next row for its path begins another.
    pub(crate) fn rotate(&mut self, key: &str) {
        self.rotated.extend(self.open.remove(key));
    }

    /// Rotates what is too old, or belongs to an hour that has passed.
    pub(crate) fn rotate_old(&mut self, hour: Hour) {
        let limit = self.settings.config.rotate_every.map(Duration::from);
        let now = jiff::Timestamp::now().as_millisecond();
        let over = |part: &Part| {
            let age = u64::try_from(now - part.state.since_ms).unwrap_or(0);
            let old = limit.is_some_and(|limit| u128::from(age) >= limit.as_millis());
            let template = &self.settings.template;
            let stream = &part.state.stream;
            old || (template.by_time() && template.render(stream, hour) != part.state.key)
        };
        let keys: Vec<_> =
            self.open.values().filter(|p| over(p)).map(|p| p.state.key.clone()).collect();
        keys.iter().for_each(|key| self.rotate(key));
    }

    /// Makes everything durable.
    pub(crate) fn commit(&mut self) -> Result<State> {
        self.name_closed()?;
        fail::point("before_commit");
        for part in self.open.values_mut().chain(&mut self.rotated) {
            part.commit().with_context(|| format!("cannot write {}", part.state.file.display()))?;
        }
        self.closing.append(&mut self.rotated);
        self.commits += 1;
        fail::point("after_sync");
        let states = |parts: &mut dyn Iterator<Item = &Part>| {
            let mut states: Vec<_> = parts.map(|part| part.state.clone()).collect();
            states.sort_by(|a, b| a.file.cmp(&b.file));
            states
        };
        let open = states(&mut self.open.values());
        let closing = states(&mut self.closing.iter());
        Ok(State { commit: self.commits, open, closing })
    }

    /// Files that a commit has named as full get their names.
    pub(crate) fn name_closed(&mut self) -> Result<()> {
        for part in std::mem::take(&mut self.closing) {
            self.complete(part)?;
        }
        self.shorten_journal()
    }

    fn complete(&mut self, part: Part) -> Result<()> {
        let FileState { file, inode, length, .. } = part.state.clone();
        if self.settings.config.existing != Existing::Overwrite && file.exists() {
            return Err(exists(&file));
        }
        self.note(Entry::Complete { file: file.clone(), inode, length })?;
        part.complete().with_context(|| format!("cannot complete {}", file.display()))
    }

    /// A clean end: every file is complete.
    pub(crate) fn end(mut self) -> Result<()> {
        self.name_closed()?;
        for (_, part) in std::mem::take(&mut self.open) {
            self.complete(part)?;
        }
        Ok(())
    }

    fn shorten_journal(&mut self) -> Result<()> {
        if (self.entries.len() as u64) < 2 * JOURNAL_FILES {
            return Ok(());
        }
        let open: HashSet<_> = self.open.values().map(|part| part.state.inode).collect();
        let oldest = self.commits.saturating_sub(JOURNAL_FILES);
        let mut recent = HashSet::new();
        self.entries.retain(|entry| {
            let keep = match entry {
                Entry::Begun { commit, inode, .. } => *commit > oldest || open.contains(inode),
                Entry::Complete { inode, .. } => recent.contains(inode),
            };
            recent.extend(keep.then(|| entry.inode()));
            keep
        });
        let path = self.journal.path_of().to_owned();
        self.journal =
            Journal::rewrite(&path, &self.entries).context("cannot write the journal")?;
        Ok(())
    }
}

fn exists(file: &Path) -> Error {
    Error::config(
        "existing",
        format!(
            "{} is there already: move it away, or set `existing` to \"number\" or \"overwrite\"",
            file.display()
        ),
    )
}
