//! What a task file's evaluation gets from outside: variables, the environment, the clock.

use std::path::PathBuf;

use jiff::Timestamp;

/// Looks up an environment variable.
pub type EnvLookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Which tasks must be complete.
///
/// A task that is not asked for may refer to an environment variable that is not set: it is left
/// out of [`Loaded::tasks`](crate::Loaded::tasks) and named in
/// [`Loaded::incomplete`](crate::Loaded::incomplete). Other mistakes count in every task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Select {
    /// Every task of the file.
    #[default]
    All,
    /// This one.
    One(String),
    /// None: list what is there.
    Nothing,
}

/// What the evaluation gets from outside.
pub struct Inputs<'a> {
    /// `--var name=value`, in the order given; the last one wins.
    pub vars: Vec<(String, String)>,
    /// `--var-file`, in the order given: HCL attributes, or JSON where the name ends so.
    pub var_files: Vec<PathBuf>,
    /// The environment: for `env()`, `DSTREAM_VAR_<name>` and `pathexpand` (`HOME`).
    pub env: Box<EnvLookup<'a>>,
    /// Which tasks must be complete.
    pub select: Select,
    /// The version that `required_version` is compared with. Default: this crate's.
    pub host_version: semver::Version,
    /// What `timestamp()` gives.
    pub now: Timestamp,
}

impl<'a> Inputs<'a> {
    /// No variables, every task, the clock's time, and this environment.
    pub fn new(env: impl Fn(&str) -> Option<String> + 'a) -> Self {
        Self {
            vars: Vec::new(),
            var_files: Vec::new(),
            env: Box::new(env),
            select: Select::All,
            host_version: host_version(),
            now: Timestamp::now(),
        }
    }

    /// No variables and an empty environment.
    pub fn empty() -> Self {
        Self::new(|_| None)
    }

    /// With a value of `--var`.
    #[must_use]
    pub fn var(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.vars.push((name.into(), value.into()));
        self
    }

    /// Only this task must be complete.
    #[must_use]
    pub fn only(mut self, task: impl Into<String>) -> Self {
        self.select = Select::One(task.into());
        self
    }
}

fn host_version() -> semver::Version {
    semver::Version::parse(env!("CARGO_PKG_VERSION")).unwrap_or(semver::Version::new(0, 0, 0))
}
