//! What `init` would pull for a task.

use dstream_config::Diagnostic;
use dstream_registry::signature::Signer;
use dstream_registry::store::here;
use dstream_registry::{Locked, PinError, Store, Wanted};
use dstream_task::Task;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::context::Context;
use crate::exit::Exit;
use crate::locks::signer;
use crate::problem::{Problem, Result};
use crate::project::Project;
use crate::report::format::bytes;
use crate::table::{Table, bold};

/// A provider that is not on this machine yet.
pub(crate) struct Download {
    wanted: Wanted,
    locked: Locked,
    /// Whether the lock file does not name it yet.
    new: bool,
    size: u64,
}

/// What a task takes from registries and the cache does not have. What is not locked is asked of its
/// registry; nothing is written.
pub(crate) async fn find(project: &Project, task: &Task) -> Result<Vec<Download>> {
    let remote = project.registry.remote();
    let (store, lock) = (remote.store(), remote.lock());
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for wanted in project.wanted(std::iter::once(task)).into_values() {
        let new = !lock.providers.contains_key(&wanted.key());
        let locked = match new {
            true => store.pin_after(&wanted, &wanted.earlier(&lock)).await,
            false => wanted.locked(&lock).cloned(),
        };
        let there = match locked {
            Ok(locked) => vouched(store, &wanted, locked).await,
            Err(error) => Err(error),
        };
        let there = there.and_then(|locked| {
            let size = here(&wanted, &locked)?.program.size;
            Ok((store.installed(&wanted, &locked)?.is_some(), size, locked))
        });
        match there {
            Ok((true, ..)) if !new => {}
            Ok((_, size, locked)) => found.push(Download { wanted, locked, new, size }),
            Err(error) => {
                let mut diagnostic = Diagnostic::error(error.to_string());
                diagnostic.help = error.help();
                wrong.push(diagnostic);
            }
        }
    }
    if wrong.is_empty() {
        return Ok(found);
    }
    Err(Problem::within(Exit::Failed, wrong, project.loaded.file.clone()))
}

/// As `init` would lock it: a rule may be newer than the lock file, and then the registry is asked who signed.
async fn vouched(
    store: &Store,
    wanted: &Wanted,
    locked: Locked,
) -> std::result::Result<Locked, PinError> {
    match store.vouched(wanted, &locked) {
        Ok(()) => Ok(locked),
        Err(_) => {
            let signers = store.signers(wanted, &locked.digest).await?;
            locked.signed_by(wanted, &signers, &[])
        }
    }
}

/// The plan of a task whose providers are not here: they must be before they can be asked.
pub(crate) fn answer(context: &Context, task: &Task, downloads: &[Download]) -> Answer {
    let color = context.screen.color_out;
    let mut table =
        Table::new(["PROVIDER", "VERSION", "LOCKED", "SIZE", "FROM", "SIGNER", "DIGEST"]);
    for Download { wanted, locked, new, size } in downloads {
        let reference = wanted.reference();
        table.row([
            reference.repository().to_owned(),
            locked.version(),
            if *new { "not yet" } else { "yes" }.to_owned(),
            bytes(*size),
            reference.registry().to_owned(),
            locked.signer.as_ref().map_or_else(|| "-".to_owned(), Signer::short),
            locked.digest.to_string(),
        ]);
    }
    let text = format!(
        "{}\n{}\n\nWhat the task promises, and what else `init` would make, is known when they are here: `dstream init`, then `dstream plan {}`.",
        bold("What `init` would pull", color),
        table.render(color),
        task.name
    );
    let document: Vec<Value> = downloads.iter().map(Download::to_json).collect();
    Answer::new(text, json!({ "task": task.name, "downloads": document }))
}

impl Download {
    fn to_json(&self) -> Value {
        let reference = self.wanted.reference();
        json!({
            "provider": self.wanted.key(),
            "version": self.locked.version(),
            "locked": !self.new,
            "bytes": self.size,
            "registry": reference.registry(),
            "signer": signer(&self.locked),
            "digest": self.locked.digest.to_string(),
        })
    }
}
