//! `provider = "file"`: where `dstream-in-file` is looked for, and what is there.

use std::collections::BTreeMap;
use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};

use dstream_protocol::Role;

use crate::program;

/// The folders in which providers are looked for by name, best first.
#[derive(Debug, Clone, Default)]
pub struct SearchPath(Vec<Place>);

#[derive(Debug, Clone)]
struct Place {
    folder: PathBuf,
    /// How it is called in messages, where its path would say too little.
    what: &'static str,
}

/// A provider that was found in a folder of the search path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Available {
    /// What `provider = "…"` calls it.
    pub name: String,
    /// Where it can stand.
    pub role: Role,
    /// The program.
    pub path: PathBuf,
}

/// Why a name leads to no program.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// It cannot be part of a file's name.
    #[error("`{name}` is no provider's name: a name has letters, digits, `-` and `_`")]
    Invalid {
        /// The name.
        name: String,
    },
    /// It is nowhere.
    #[error("there is no {role} provider `{name}` on this machine")]
    NotFound {
        /// The name.
        name: String,
        /// The block that it stands in.
        role: Role,
        /// Where it was looked for.
        searched: Vec<String>,
        /// The names of the providers of that role that are there.
        available: Vec<String>,
    },
    /// A file of that name cannot be executed, and there is no other.
    #[error(transparent)]
    Program(#[from] program::ProgramError),
}

impl NameError {
    /// What to do about it, one line each.
    pub fn help(&self) -> Vec<String> {
        match self {
            Self::Invalid { name } if name.contains(['/', '\\']) => {
                vec![format!("for a program's path write `provider_path = \"{name}\"`")]
            }
            Self::Invalid { .. } => {
                vec!["`provider = \"file\"` stands for the program `dstream-in-file`".to_owned()]
            }
            Self::Program(error) => error.help(),
            Self::NotFound { name, role, searched, available } => {
                let near = nearest(name, available).map(|n| format!("did you mean `{n}`?"));
                let there = match available.as_slice() {
                    [] => format!("no {role} provider is there at all"),
                    names => format!("{role} providers that are there: {}", names.join(", ")),
                };
                let program = file_name(*role, name);
                let looked = format!("looked for `{program}` in {}", searched.join(", "));
                near.into_iter().chain([there, looked]).collect()
            }
        }
    }
}

impl SearchPath {
    /// Beside the program `host`, in the project's `providers` folder, in the folders of `path`
    /// (the environment's PATH).
    pub fn new(host: Option<&Path>, providers: &Path, path: &[PathBuf]) -> Self {
        let beside = host.and_then(Path::parent).map(Path::to_owned);
        let beside = beside.map(|folder| Place { folder, what: "the folder of dstream" });
        let project = Place { folder: providers.to_owned(), what: "the project" };
        let path = path.iter().map(|f| Place { folder: f.clone(), what: "PATH" });
        Self(beside.into_iter().chain([project]).chain(path).collect())
    }

    /// The program for a provider's name.
    ///
    /// # Errors
    /// The name is not one, or there is no such program.
    pub fn find(&self, role: Role, name: &str) -> Result<PathBuf, NameError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || !name.chars().all(plain) {
            return Err(NameError::Invalid { name: name.to_owned() });
        }
        let file = file_name(role, name);
        let mut refused = None;
        for place in &self.0 {
            let path = place.folder.join(&file);
            match program::check(&path) {
                Ok(()) => return Ok(path),
                Err(program::ProgramError::Missing(_)) => {}
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        match refused {
            Some(error) => Err(error.into()),
            None => Err(self.not_found(role, name)),
        }
    }

    /// Every provider of a role, by name, each where [`find`](Self::find) finds it.
    pub fn available(&self, role: Role) -> Vec<Available> {
        let prefix = file_name(role, "").trim_end_matches(EXE_SUFFIX).to_owned();
        let mut found = BTreeMap::new();
        for entry in self.0.iter().filter_map(|p| p.folder.read_dir().ok()).flatten().flatten() {
            let file = entry.file_name();
            let name = file.to_str().and_then(|f| f.strip_prefix(&prefix));
            let Some(name) = name.and_then(|n| n.strip_suffix(EXE_SUFFIX)) else { continue };
            if !name.contains('.') && program::check(&entry.path()).is_ok() {
                found.entry(name.to_owned()).or_insert_with(|| entry.path());
            }
        }
        found.into_iter().map(|(name, path)| Available { name, role, path }).collect()
    }

    fn not_found(&self, role: Role, name: &str) -> NameError {
        let mut searched: Vec<String> = Vec::new();
        for place in &self.0 {
            let text = match place.what {
                "PATH" => "the folders of PATH".to_owned(),
                what => format!("{} ({what})", place.folder.display()),
            };
            if !searched.contains(&text) {
                searched.push(text);
            }
        }
        let available = self.available(role).into_iter().map(|a| a.name).collect();
        NameError::NotFound { name: name.to_owned(), role, searched, available }
    }
}

/// The word for a role in a program's name.
pub(crate) fn kind(role: Role) -> &'static str {
    match role {
        Role::Input => "in",
        Role::Transform => "transform",
        Role::Output => "out",
    }
}

fn file_name(role: Role, name: &str) -> String {
    format!("dstream-{}-{name}{EXE_SUFFIX}", kind(role))
}

fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a String> {
    let score = |k: &String| strsim::jaro_winkler(name, k);
    let best = known.iter().max_by(|a, b| score(a).total_cmp(&score(b)))?;
    Some(best).filter(|b| score(b) >= 0.8)
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
