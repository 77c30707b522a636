//! What commands do with the lock file: choose again, and look whether a tag was moved.

use std::collections::{BTreeMap, BTreeSet};

use dstream_config::Diagnostic;
use dstream_registry::signature::Signer;
use dstream_registry::{Locked, PinError, PullError, RemoteError, Wanted};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::Exit;
use crate::problem::{Problem, Result};
use crate::project::Project;

/// What became of one entry of the lock file.
pub(crate) struct Change {
    pub(crate) key: String,
    /// Nothing where it is new.
    pub(crate) before: Option<Locked>,
    /// Nothing where no task asks for it any more.
    pub(crate) after: Option<Locked>,
}

impl Change {
    fn is_none(&self) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => before == after,
            _ => false,
        }
    }

    /// `~ ghcr.io/acme/x: v1.2.0 → v1.3.0`.
    pub(crate) fn line(&self) -> String {
        let key = &self.key;
        match (&self.before, &self.after) {
            (None, Some(new)) => format!("+ {key}: {}", named(new)),
            (Some(_), None) => format!("- {key}: no task asks for it"),
            (Some(_), Some(same)) if self.is_none() => {
                format!("  {key}: {}, as before", named(same))
            }
            (Some(old), Some(new)) => format!("~ {key}: {} → {}", named(old), named(new)),
            (None, None) => String::new(),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let of = |locked: &Option<Locked>| {
            locked.as_ref().map(
                |l| json!({ "tag": l.tag, "digest": l.digest.to_string(), "signer": signer(l) }),
            )
        };
        json!({ "provider": self.key, "before": of(&self.before), "after": of(&self.after) })
    }
}

/// What is locked, for people: version, digest, and who signed it.
pub(crate) fn named(locked: &Locked) -> String {
    let by = match &locked.signer {
        Some(signer) => format!("signed by {}", signer.short()),
        None => "no known signer".to_owned(),
    };
    format!("{}, {}, {by}", locked.version(), locked.digest.short())
}

/// Who signed it, for programs to read.
pub(crate) fn signer(locked: &Locked) -> Value {
    match &locked.signer {
        None => Value::Null,
        Some(Signer::Key { fingerprint }) => json!({ "key": fingerprint }),
        Some(Signer::Identity { identity, issuer }) => {
            json!({ "identity": identity, "issuer": issuer })
        }
    }
}

/// Whether another signer than the one that is locked is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NewSigner {
    Refuse,
    Accept,
}

impl NewSigner {
    pub(crate) fn of(accept: bool) -> Self {
        if accept { Self::Accept } else { Self::Refuse }
    }
}

/// Asks the registries again what is meant by each, and writes that; what no task asks for goes.
/// Nothing is written where one of them cannot be had.
pub(crate) async fn renew(
    project: &Project,
    wanted: &BTreeMap<String, Wanted>,
    chosen: &dyn Fn(&str) -> bool,
    new_signer: NewSigner,
) -> Result<Vec<Change>> {
    let remote = project.registry.remote();
    let before = remote.lock();
    let (mut changes, mut wrong) = (Vec::new(), Vec::new());
    for (key, wanted) in wanted.iter().filter(|(key, _)| chosen(key)) {
        let earlier = match new_signer {
            NewSigner::Refuse => wanted.earlier(&before),
            NewSigner::Accept => Vec::new(),
        };
        match remote.store().pin_after(wanted, &earlier).await {
            Ok(after) => changes.push(Change {
                key: key.clone(),
                before: before.providers.get(key).cloned(),
                after: Some(after),
            }),
            Err(error) => wrong.push(diagnostic(&error)),
        }
    }
    if !wrong.is_empty() {
        return Err(Problem::within(Exit::Failed, wrong, project.loaded.file.clone()));
    }
    let unknown = before.providers.iter().filter(|(key, _)| !wanted.contains_key(*key));
    let gone = unknown.filter(|(key, _)| chosen(key)).map(|(key, locked)| Change {
        key: key.clone(),
        before: Some(locked.clone()),
        after: None,
    });
    changes.extend(gone);
    if changes.iter().all(Change::is_none) {
        return Ok(changes);
    }
    let written = remote.change(|lock| {
        for Change { key, after, .. } in &changes {
            match after {
                Some(after) => lock.providers.insert(key.clone(), after.clone()),
                None => lock.providers.remove(key),
            };
        }
    });
    written.map_err(|error| unlocked(&error.into()))?;
    Ok(changes)
}

/// Whether every tag still leads to what is locked. A registry that does not answer is a warning: what
/// is locked runs without it.
pub(crate) async fn check_tags(
    context: &Context,
    project: &Project,
    wanted: &BTreeMap<String, Wanted>,
) -> Result<()> {
    let remote = project.registry.remote();
    let lock = remote.lock();
    let (mut wrong, mut silent) = (Vec::new(), BTreeSet::new());
    for wanted in wanted.values() {
        let Ok(locked) = wanted.locked(&lock) else { continue };
        // One that did not answer once is not waited for again.
        if silent.contains(wanted.reference().registry()) {
            continue;
        }
        match remote.store().unmoved(wanted, locked).await {
            Ok(()) => {}
            Err(error @ PinError::Moved { .. }) => wrong.push(diagnostic(&error)),
            Err(PinError::Pull(PullError::Oci(error))) => {
                let registry = wanted.reference().registry();
                silent.insert(registry);
                let line = format!("warning: tags of {registry} are not compared: {error}");
                context.screen.error(&line);
            }
            Err(error) => wrong.push(diagnostic(&error)),
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Problem::within(Exit::Failed, wrong, project.loaded.file.clone()))
}

/// As a command's failure.
pub(crate) fn unlocked(error: &RemoteError) -> Box<Problem> {
    let mut diagnostic = Diagnostic::error(error.to_string());
    diagnostic.help = error.help();
    Problem::new(Exit::Failed, diagnostic)
}

fn diagnostic(error: &PinError) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(error.to_string());
    diagnostic.help = error.help();
    diagnostic
}
