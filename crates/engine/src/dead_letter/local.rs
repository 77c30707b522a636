//! The dead letters of one task in a file, one JSON object a line.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use dstream_protocol::Role;
use serde::{Deserialize, Serialize};

use super::{Closed, Counts, DeadLetter, DeadLetters};
use crate::state::LocalState;

/// Dead letters of one task in a file, beside its state.
#[derive(Debug)]
pub struct LocalDeadLetters {
    path: PathBuf,
    open: Mutex<Option<(File, bool)>>,
}

/// What a line holds.
enum Line {
    Letter(DeadLetter),
    Closed(Closed),
    /// Of a later version, perhaps.
    Unknown,
}

#[derive(Serialize, Deserialize)]
struct Note {
    closed: Closed,
}

impl LocalDeadLetters {
    /// The dead letters of a task whose state is in `state`.
    pub fn new(state: &LocalState, task: &str) -> Self {
        Self::at(state.folder(task).join("dead_letters.jsonl"))
    }

    /// The dead letters in a file.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), open: Mutex::new(None) }
    }

    /// Where they are.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All of them, oldest first.
    ///
    /// # Errors
    /// Where the file cannot be read. Half a line at its end, of a crash, is left out.
    pub fn list(&self) -> io::Result<Vec<DeadLetter>> {
        let mut letters: Vec<DeadLetter> = Vec::new();
        let mut places = HashMap::new();
        for (_, line) in read(&self.path)? {
            let Line::Letter(mut letter) = line else { continue };
            // Sent again: what was said of it last counts.
            match places.get(&identity(&letter)).copied() {
                Some(at) => {
                    let before: &mut DeadLetter = &mut letters[at];
                    letter.at.clone_from(&before.at);
                    *before = letter;
                }
                None => {
                    places.insert(identity(&letter), letters.len());
                    letters.push(letter);
                }
            }
        }
        Ok(letters)
    }

    /// Removes those for which `gone` is true and says how many that were. Only for a caller who
    /// holds the task's state.
    ///
    /// # Errors
    /// Where the file cannot be read or replaced; nothing is removed then.
    pub fn remove(&self, gone: impl Fn(&DeadLetter) -> bool) -> io::Result<usize> {
        let removed: Vec<_> = self.list()?.into_iter().filter(|l| gone(l)).collect();
        let names: std::collections::HashSet<_> = removed.iter().map(identity).collect();
        self.rewrite(|line| match line {
            Line::Letter(letter) => !names.contains(&identity(letter)),
            _ => true,
        })?;
        Ok(removed.len())
    }

    /// Keeps the lines for which `keep` is true; says how many are gone.
    fn rewrite(&self, keep: impl Fn(&Line) -> bool) -> io::Result<usize> {
        let mut open = self.lock();
        let (mut rest, mut gone) = (Vec::new(), 0);
        for (bytes, line) in read(&self.path)? {
            if !keep(&line) {
                gone += 1;
                continue;
            }
            match line {
                // Its id is made by where it stands, until it is written down.
                Line::Letter(letter) if letter.run.is_none() => {
                    serde_json::to_writer(&mut rest, &letter)?;
                }
                _ => rest.extend_from_slice(&bytes),
            }
            rest.push(b'\n');
        }
        if gone > 0 {
            // What is open is the file that is replaced: what came later would go there and be lost.
            // Windows may also refuse to replace a file that is open.
            *open = None;
            crate::state::replace_file(&self.path, &rest)?;
        }
        Ok(gone)
    }

    fn write(&self, line: &impl Serialize) -> io::Result<()> {
        let mut open = self.lock();
        if open.is_none() {
            *open = Some((append_to(&self.path)?, false));
        }
        let Some((file, dirty)) = open.as_mut() else { return Ok(()) };
        let mut line = serde_json::to_vec(line)?;
        line.push(b'\n');
        *dirty = true;
        let before = file.metadata()?.len();
        let written = file.write_all(&line);
        if written.is_err() {
            // Half of it may be there, and would spoil the next one.
            file.set_len(before)?;
        }
        written
    }

    fn lock(&self) -> MutexGuard<'_, Option<(File, bool)>> {
        self.open.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl DeadLetters for LocalDeadLetters {
    fn append(&self, letter: &DeadLetter) -> io::Result<()> {
        self.write(letter)
    }

    fn close(&self, closed: &Closed) -> io::Result<()> {
        self.write(&Note { closed: closed.clone() })
    }

    fn sync(&self) -> io::Result<()> {
        match self.lock().as_mut() {
            Some((file, dirty)) if *dirty => {
                file.sync_data()?;
                *dirty = false;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn closed(&self, run: &str, checkpoint: u64) -> io::Result<Counts> {
        let mut counts = Counts::new();
        for (_, line) in read(&self.path)? {
            if let Line::Closed(note) = line
                && note.run == run
                && note.checkpoint <= checkpoint
            {
                let count = counts.entry(note.provider).or_default();
                *count = note.letters.max(*count);
            }
        }
        Ok(counts)
    }

    fn cut(&self, run: &str, covered: &Counts) -> io::Result<usize> {
        let beyond = |letter: &DeadLetter| {
            let covered = covered.get(&letter.key()).copied().unwrap_or(0);
            letter.run.as_deref() == Some(run) && letter.n > covered
        };
        let any = read(&self.path)?.iter().any(|(_, l)| matches!(l, Line::Letter(l) if beyond(l)));
        if !any {
            return Ok(0);
        }
        self.rewrite(|line| match line {
            Line::Letter(letter) => !beyond(letter),
            // What they say of older attempts has been heeded.
            Line::Closed(note) => note.run == run,
            Line::Unknown => true,
        })
    }
}

/// Two outputs may reject one envelope, each for a reason of its own.
fn identity(letter: &DeadLetter) -> (String, Role, String) {
    (letter.id.clone(), letter.role, letter.provider.clone())
}

/// Every whole line, and what it holds. A line of an older version may share its id with another
/// letter of the same content; it gets one of its own here.
fn read(path: &Path) -> io::Result<Vec<(Vec<u8>, Line)>> {
    let file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut reader = BufReader::new(file);
    let mut lines = Vec::new();
    let mut seen = std::collections::HashSet::new();
    loop {
        let mut bytes = Vec::new();
        reader.read_until(b'\n', &mut bytes)?;
        if bytes.pop() != Some(b'\n') {
            return Ok(lines);
        }
        let line = match serde_json::from_slice::<DeadLetter>(&bytes) {
            Ok(letter) => Line::Letter(own_id(letter, &mut seen)),
            Err(_) => serde_json::from_slice::<Note>(&bytes)
                .map_or(Line::Unknown, |note| Line::Closed(note.closed)),
        };
        lines.push((bytes, line));
    }
}

fn own_id(
    mut letter: DeadLetter,
    seen: &mut std::collections::HashSet<(String, Role, String)>,
) -> DeadLetter {
    let given = letter.id.clone();
    let mut next = 2;
    while !seen.insert(identity(&letter)) && letter.run.is_none() {
        letter.id = format!("{given}-{next}");
        next += 1;
    }
    letter
}

/// Opens for appending, after whole lines only: half a line of a crash is cut off.
fn append_to(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        crate::state::make_folder(folder)?;
    }
    if let Ok(bytes) = fs::read(path) {
        let whole = memchr::memrchr(b'\n', &bytes).map_or(0, |i| i + 1);
        if whole < bytes.len() {
            OpenOptions::new().write(true).open(path)?.set_len(whole as u64)?;
        }
    }
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    if let Some(folder) = path.parent() {
        crate::state::sync_folder(folder)?;
    }
    Ok(file)
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod tests;
