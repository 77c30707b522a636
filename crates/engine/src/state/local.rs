//! State in files: `<root>/tasks/<task>/state.json`, replaced atomically, durable when saved.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::lock::{self, InheritedLock};
use super::{STATE_VERSION, StateError, StateHandle, StateStore, TaskState};

/// State in a folder, `.dstream` as a rule.
#[derive(Debug, Clone)]
pub struct LocalState {
    root: PathBuf,
}

impl LocalState {
    /// Keeps everything below `root`, which is made when it is first needed.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder of one task. A name that is not a plain file name is written with `%` escapes.
    pub fn folder(&self, task: &str) -> PathBuf {
        self.root.join("tasks").join(file_name(task))
    }

    /// The names of all tasks that have a state here, sorted.
    ///
    /// # Errors
    /// Where a state there is cannot be read.
    pub fn tasks(&self) -> Result<Vec<String>, StateError> {
        let Ok(entries) = fs::read_dir(self.root.join("tasks")) else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for entry in entries.flatten() {
            if let Some(state) = read(&entry.path().join("state.json"))? {
                names.push(state.task);
            }
        }
        names.sort();
        Ok(names)
    }
}

impl StateStore for LocalState {
    fn open(&self, task: &str, wait: Duration) -> Result<Box<dyn StateHandle>, StateError> {
        let folder = self.folder(task);
        make_folder(&folder).map_err(|e| io_error("cannot create", &folder, e))?;
        let lock = lock::acquire(task, &folder.join("lock"), wait)?;
        Ok(Box::new(LocalHandle { folder, lock }))
    }

    fn read(&self, task: &str) -> Result<Option<TaskState>, StateError> {
        read(&self.folder(task).join("state.json"))
    }
}

struct LocalHandle {
    folder: PathBuf,
    lock: InheritedLock,
}

impl StateHandle for LocalHandle {
    fn load(&self) -> Result<Option<TaskState>, StateError> {
        read(&self.folder.join("state.json"))
    }

    fn save(&self, state: &TaskState) -> Result<(), StateError> {
        let path = self.folder.join("state.json");
        let bytes = serde_json::to_vec_pretty(state).map_err(|e| StateError::Unreadable {
            path: path.display().to_string(),
            reason: e.to_string(),
        })?;
        replace(&path, &bytes).map_err(|e| io_error("cannot write", &path, e))
    }

    fn remove(&self) -> Result<(), StateError> {
        let path = self.folder.join("state.json");
        match fs::remove_file(&path).and_then(|()| sync_folder(&self.folder)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(io_error("cannot remove", &path, e))
            }
            _ => Ok(()),
        }
    }

    fn inherited_lock(&self) -> Option<InheritedLock> {
        Some(self.lock.clone())
    }
}

fn read(path: &Path) -> Result<Option<TaskState>, StateError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io_error("cannot read", path, e)),
    };
    let unusable = |reason| StateError::Unreadable { path: path.display().to_string(), reason };
    #[derive(serde::Deserialize)]
    struct Version {
        version: u32,
    }
    let found: Version = serde_json::from_slice(&bytes).map_err(|e| unusable(e.to_string()))?;
    if found.version > STATE_VERSION {
        return Err(unusable(format!(
            "it was written by a later dstream (state version {}, this one reads up to {STATE_VERSION}); use that version",
            found.version
        )));
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|e| unusable(e.to_string()))
}

/// Writes beside the file, makes that durable, puts it in the file's place, makes that durable.
/// Whatever is killed in between, one whole document is there.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let next = path.with_extension("json.next");
    let mut file = File::create(&next)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&next, path)?;
    sync_folder(folder)
}

/// Makes a folder and every new one above it durable.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent().filter(|p| !p.as_os_str().is_empty()) {
        make_folder(parent)?;
    }
    match fs::create_dir(folder) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    sync_folder(folder.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// Makes the names in a folder durable. Only Unix lets a folder be opened for that; NTFS journals
/// its names itself.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> StateError {
    StateError::Io { action, path: path.display().to_string(), source }
}

fn file_name(task: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let escape = |c: char| {
        let mut buffer = [0; 4];
        c.encode_utf8(&mut buffer).bytes().map(|b| format!("%{b:02x}")).collect::<String>()
    };
    task.chars().map(|c| if plain(c) { c.to_string() } else { escape(c) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_read_again_and_a_half_written_successor_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalState::new(folder.path().join(".dstream"));
        assert!(store.read("orders").unwrap().is_none());
        let handle = store.open("orders", Duration::ZERO).unwrap();
        let state = TaskState::new("orders");
        handle.save(&state).unwrap();
        fs::write(store.folder("orders").join("state.json.next"), "{\"vers").unwrap();
        assert_eq!(store.read("orders").unwrap().unwrap().task_id, state.task_id);
        assert_eq!(store.tasks().unwrap(), ["orders"]);
        handle.remove().unwrap();
        handle.remove().unwrap();
        assert!(store.read("orders").unwrap().is_none());
    }

    #[test]
    fn a_second_writer_is_told_who_the_first_is_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalState::new(folder.path());
        let first = store.open("orders", Duration::ZERO).unwrap();
        let error = store.open("orders", Duration::ZERO).map(|_| ()).unwrap_err();
        let StateError::Held { holder: Some(holder), .. } = error else { panic!("{error}") };
        assert_eq!(holder.pid, std::process::id());
        drop(store.open("other", Duration::ZERO).unwrap());
        drop(first);
        store.open("orders", Duration::ZERO).unwrap();
    }

    #[test]
    fn a_lock_that_is_given_back_in_a_moment_is_not_held_by_another_run() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalState::new(folder.path());
        let first = store.open("orders", Duration::ZERO).unwrap();
        let soon = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(60));
            drop(first);
        });
        store.open("orders", Duration::ZERO).unwrap();
        soon.join().unwrap();
    }

    /// A host that was killed is gone before its providers are, and they hold the lock too.
    #[cfg(unix)]
    #[test]
    fn what_is_left_of_a_process_that_is_gone_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalState::new(folder.path());
        let first = store.open("orders", Duration::ZERO).unwrap();
        let path = store.folder("orders").join("lock");
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let own = std::process::id().to_string();
        fs::write(&path, text.replace(&own, &child.id().to_string())).unwrap();
        let later = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(800));
            drop(first);
        });
        store.open("orders", Duration::ZERO).unwrap();
        later.join().unwrap();
    }

    #[test]
    fn a_document_of_a_later_version_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalState::new(folder.path());
        drop(store.open("t", Duration::ZERO).unwrap());
        fs::write(store.folder("t").join("state.json"), r#"{"version":99,"new":true}"#).unwrap();
        let error = store.read("t").unwrap_err().to_string();
        assert!(error.contains("later dstream") && error.contains("99"), "{error}");
    }

    #[test]
    fn no_task_name_leaves_the_folder_of_the_tasks() {
        assert_eq!(file_name("../x"), "%2e%2e%2fx");
        assert_eq!(file_name("a_b-9"), "a_b-9");
        assert_ne!(file_name("ä"), file_name("a"));
    }
}
