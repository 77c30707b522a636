//! The replay of the letters of one block.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use dstream_engine::dead_letter::LocalDeadLetters;
use dstream_engine::route::title;
use dstream_engine::state::{InheritedLock, TaskState};
use dstream_engine::{Cancel, Outcome, Route, RunRequest};
use dstream_task::Task;
use uuid::Uuid;

use super::memory::{MemoryState, Noting};
use super::route::{Group, Replayed, build};
use crate::commands::internal;
use crate::context::Context;
use crate::problem::{Problem, Result};
use crate::project::Project;
use crate::report::log;

/// Everything that the replay of each group needs.
pub(super) struct Bench<'a> {
    pub(super) context: &'a Context,
    pub(super) project: &'a Project,
    pub(super) task: &'a Task,
    pub(super) route: Route,
    /// Under which destinations know the replays of this task.
    pub(super) task_id: String,
    pub(super) lock: Option<InheritedLock>,
    pub(super) cancel: Cancel,
}

/// What became of the letters.
#[derive(Default)]
pub(super) struct Sums {
    pub(super) taken: usize,
    pub(super) rejected: usize,
    pub(super) skipped: Vec<(usize, String)>,
}

impl Bench<'_> {
    /// Replays the letters of one block, and removes those that were taken.
    pub(super) async fn replay(&self, mut group: Group, sums: &mut Sums) -> Result<()> {
        let readable = group.letters.len();
        group.letters.retain(|l| l.envelope.is_some());
        if group.letters.len() < readable {
            let whose = title(group.role, &group.provider);
            let why = format!("{whose} rejected lines that are no envelopes; drop them");
            sums.skipped.push((readable - group.letters.len(), why));
        }
        if group.letters.is_empty() {
            return Ok(());
        }
        let state = self.state();
        let letters = super::letters(self.project, &self.task.name);
        let store = super::letters(self.project, &self.task.name);
        let noting = Arc::new(Noting::new(store, group.letters.clone()));
        let id = Uuid::new_v4().to_string();
        let request = self.request(&group, &id, letters.path(), &state, &noting)?;
        let report = dstream_engine::run(request).await;
        let committed = internal::done(state.get().as_ref(), &id).min(group.letters.len());
        let back = noting.taken();
        self.forget(&letters, &group, committed, &back)?;
        // Also those that came back from further on, under an id of their own.
        let rejected = back.len().min(committed);
        sums.rejected += rejected;
        sums.taken += committed - rejected;
        match report.outcome {
            Outcome::Failed(failure) | Outcome::Held(failure) => {
                Err(Problem::failure(&self.project.loaded, &self.task.name, &failure)
                    .help("the letters that were not sent are still there"))
            }
            Outcome::Completed | Outcome::Stopped | Outcome::Killed => Ok(()),
        }
    }

    /// The first letters of the group are durable in the destination, or dead letters again.
    fn forget(
        &self,
        letters: &LocalDeadLetters,
        group: &Group,
        committed: usize,
        back: &BTreeSet<String>,
    ) -> Result<()> {
        let taken: BTreeSet<&str> = group.letters[..committed]
            .iter()
            .map(|l| l.id.as_str())
            .filter(|id| !back.contains(*id))
            .collect();
        letters
            .remove(|l| taken.contains(l.id.as_str()))
            .map(|_| ())
            .map_err(|e| Problem::io(format!("cannot write {}", letters.path().display()), &e))
    }

    fn request(
        &self,
        group: &Group,
        id: &str,
        file: &Path,
        state: &MemoryState,
        noting: &Arc<Noting>,
    ) -> Result<RunRequest> {
        let dstream =
            std::env::current_exe().map_err(|e| Problem::io("cannot find dstream", &e))?;
        let replay = Replayed { dstream, file: file.to_owned(), id: id.to_owned() };
        let (task, route) = build(self.task, &self.route, group, &replay);
        Ok(RunRequest {
            task,
            route,
            secrets: self.project.loaded.secrets.clone(),
            folder: self.project.folder.clone(),
            environment: self.context.environment.clone(),
            state: Arc::new(state.clone()),
            dead_letters: noting.clone(),
            events: Arc::new(log::event),
            cancel: self.cancel.clone(),
        })
    }

    /// Nothing is remembered from one replay to the next.
    fn state(&self) -> MemoryState {
        let mut state = TaskState::new(&self.task.name);
        state.task_id.clone_from(&self.task_id);
        MemoryState::new(state, self.lock.clone())
    }
}
