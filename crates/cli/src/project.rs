//! The task file, loaded, and the folders that belong to it.

use std::path::{Path, PathBuf};

use dstream_config::{Diagnostic, Diagnostics, Loaded, Select, render};
use dstream_engine::mask::Mask;
use dstream_engine::state::{Holder, LocalState};
use dstream_registry::{Registry, SearchPath};
use dstream_task::Task;

use crate::cli::Vars;
use crate::context::Context;
use crate::exit::Exit;
use crate::problem::{Problem, Result};

/// One task file.
pub(crate) struct Project {
    pub(crate) loaded: Loaded,
    /// The task file's folder, absolute: providers start in it.
    pub(crate) folder: PathBuf,
    /// `.dstream` in it, or where the file says.
    pub(crate) data: PathBuf,
    pub(crate) registry: Registry,
}

impl Project {
    /// Loads the task file.
    pub(crate) fn load(context: &Context, vars: &Vars, select: Select) -> Result<Self> {
        let project = Self::read(context, vars, select)??;
        if !context.global.json {
            let short = unmasked(&project.loaded);
            for warning in project.loaded.warnings.iter().chain(&short) {
                let file = &project.loaded.file;
                context.screen.error(&render(warning, file, context.screen.color_err));
            }
        }
        Ok(project)
    }

    /// The same without a word of warnings, and with what there is of a file that has mistakes.
    pub(crate) fn read(
        context: &Context,
        vars: &Vars,
        select: Select,
    ) -> Result<std::result::Result<Self, Diagnostics>> {
        let file = &context.global.config;
        if !file.exists() {
            return Err(Problem::usage(format!("there is no task file {}", file.display()))
                .help("name another with `--config FILE`"));
        }
        let mut inputs = context.inputs(vars);
        inputs.select = select;
        let loaded = match dstream_config::load(file, &inputs) {
            Ok(loaded) => loaded,
            Err(found) => return Ok(Err(found)),
        };
        Self::of(context, loaded).map(Ok)
    }

    /// What belongs to a loaded task file.
    pub(crate) fn of(context: &Context, loaded: Loaded) -> Result<Self> {
        let file = &context.global.config;
        let parent = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = whole_path(parent)
            .map_err(|e| Problem::io(format!("cannot use the folder {}", parent.display()), &e))?;
        let data = folder.join(loaded.settings.state_dir.as_deref().unwrap_or(".dstream"));
        let host = std::env::current_exe().ok();
        let providers = folder.join(".dstream").join("providers");
        let search = SearchPath::new(host.as_deref(), &providers, &context.path());
        let remote = crate::remotes::open(context, &loaded, &folder, &data)?;
        let registry = Registry::new(&folder, search, remote);
        Ok(Self { loaded, folder, data, registry })
    }

    /// The task of this name, or why there is none.
    pub(crate) fn task(&self, name: &str) -> Result<&Task> {
        self.loaded.task(name).map_err(|diagnostic| {
            Problem::within(Exit::Usage, vec![*diagnostic], self.loaded.file.clone())
        })
    }

    /// Where the state of the tasks is.
    pub(crate) fn state(&self) -> LocalState {
        LocalState::new(&self.data)
    }

    /// Makes the data folder, which versions control is told to leave alone.
    pub(crate) fn prepare(&self) -> Result<()> {
        let ignore = self.data.join(".gitignore");
        if ignore.exists() {
            return Ok(());
        }
        std::fs::create_dir_all(&self.data)
            .and_then(|()| std::fs::write(&ignore, "# Written by dstream: state, caches.\n*\n"))
            .map_err(|e| Problem::io(format!("cannot write {}", ignore.display()), &e))
    }

    /// Names a task that has a state, or that the file knows.
    pub(crate) fn known_task(&self, name: &str) -> Result<()> {
        let has_state = || self.state().tasks().is_ok_and(|all| all.iter().any(|t| t == name));
        let incomplete = self.loaded.incomplete.iter().any(|(n, _)| n == name);
        if incomplete || has_state() {
            return Ok(());
        }
        self.task(name).map(|_| ())
    }
}

/// Secrets that are too short to be masked anywhere.
fn unmasked(loaded: &Loaded) -> Option<Diagnostic> {
    let short = |word: &String| !word.is_empty() && word.trim().len() < Mask::SHORTEST;
    loaded.secrets.words().iter().any(short).then(|| {
        Diagnostic::warning(format!(
            "a sensitive value has less than {} bytes, and is not masked: every count would vanish",
            Mask::SHORTEST
        ))
        .help("where it is no secret, write `nonsensitive(…)` around it")
    })
}

/// Windows' canonical paths begin with `\\?\`, and many programs fail in a folder that is named so:
/// there symbolic links stay as they are.
fn whole_path(folder: &Path) -> std::io::Result<PathBuf> {
    if cfg!(windows) { std::path::absolute(folder) } else { std::fs::canonicalize(folder) }
}

/// Which tasks must be complete for a command about one.
pub(crate) fn one(task: &str) -> Select {
    Select::One(task.to_owned())
}

/// Who holds the state in this folder, if somebody does. Only looks: for an instant it shares the
/// lock with other lookers, and lets go.
pub(crate) fn holder(folder: &Path) -> Option<Holder> {
    let file = std::fs::File::open(folder.join("lock")).ok()?;
    match file.try_lock_shared() {
        Err(std::fs::TryLockError::WouldBlock) => {
            let text = std::fs::read_to_string(folder.join("lock")).unwrap_or_default();
            let unknown = Holder { pid: 0, host: String::new(), since: String::new() };
            Some(serde_json::from_str(&text).unwrap_or(unknown))
        }
        _ => None,
    }
}
