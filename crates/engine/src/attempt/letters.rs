//! The dead letters of the attempt before: those that the source brings again go.

use crate::dead_letter::{self, Coverage, Keeper};
use crate::failure::{Failure, FailureKind};
use crate::hub::Hub;
use crate::route::{Member, Route};
use crate::run::Runner;
use crate::saver;
use crate::state::TaskState;

/// The dead letters between two attempts.
pub(super) struct Letters {
    /// What is saved of those of the attempt before.
    pub(super) before: Option<Coverage>,
    pub(super) keeper: Option<Keeper>,
    pub(super) epoch: Option<u64>,
}

impl Letters {
    /// Cuts off what the source brings again, and then has the state speak of this attempt: before
    /// the first letter of it, or that one would be nobody's. `state`: what is saved.
    pub(super) async fn begin(
        self,
        runner: &Runner,
        route: &Route,
        hub: &Hub,
        state: &mut TaskState,
    ) -> Result<(), Failure> {
        if let Some(before) = self.before {
            let replayed = |m: &Member| m.program.delivery.is_some_and(|d| d.replayable);
            let again = route.inputs.iter().all(replayed);
            let store = runner.request.dead_letters.clone();
            // No checkpoint waits for them, so none says what their letters cover: all of them stay.
            let side = route.outputs.iter().filter(|m| !m.block.critical);
            let side: Vec<String> = side.map(|m| dead_letter::key(m.role, &m.block.name)).collect();
            let cut = tokio::task::spawn_blocking(move || {
                let covered = dead_letter::covered(&before, self.keeper.as_ref(), &*store)?;
                match covered.filter(|_| again) {
                    Some(mut covered) => {
                        covered.extend(side.into_iter().map(|key| (key, u64::MAX)));
                        store.cut(&before.run, &covered)
                    }
                    None => Ok(0),
                }
            });
            cut.await.unwrap_or_else(|e| Err(std::io::Error::other(e))).map_err(|e| {
                let message = format!("the dead letters cannot be read or replaced: {e}");
                Failure::new(FailureKind::State, message)
            })?;
        }
        state.dead_letters = hub.graveyard.as_ref().map(|_| Coverage {
            run: hub.run.clone(),
            epoch: self.epoch,
            covered: dead_letter::Counts::new(),
        });
        if state.dead_letters.is_some() {
            saver::stamp(state);
            saver::write(runner.handle.clone(), None, state.clone()).await?;
        }
        let live = &mut hub.book().state;
        live.serial = state.serial;
        live.dead_letters.clone_from(&state.dead_letters);
        Ok(())
    }
}
