//! Which streams a task's outputs will get, asked of its inputs.

use std::time::Duration;

use dstream_engine::Protocol;
use dstream_protocol::{Capability, Operation, Role, StreamSchema};
use serde::Serialize;

use crate::lifecycle::{Asking, builders};
use crate::resolve::{Provider, Resolved};

/// How long an input may take to say which streams it has: the rest of a plan waits for it.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What is known of the streams before a run.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    pub(crate) known: Vec<StreamSchema>,
    pub(crate) unknown: Vec<Unknown>,
}

/// An input whose streams are not known.
#[derive(Debug, Serialize)]
pub(crate) struct Unknown {
    input: String,
    reason: String,
    #[serde(skip)]
    title: String,
}

impl Unknown {
    /// In one line, behind what is known.
    pub(crate) fn line(&self) -> String {
        let Self { title, reason, .. } = self;
        format!(
            "The tables, files or queues that the streams of {title} need are not shown: {reason}. `run` makes them."
        )
    }
}

/// Asks every input, where an output can make use of it.
pub(crate) async fn find(asking: &Asking<'_>, resolved: &Resolved) -> Streams {
    let mut streams = Streams::default();
    if !builders(resolved).into_iter().any(takes_streams) {
        return streams;
    }
    let of = |role| resolved.providers.iter().filter(move |p| p.member.role == role);
    let transform = of(Role::Transform).next();
    for input in of(Role::Input) {
        let name = &input.member.block.name;
        let asked = match transform {
            // None says whether it leaves columns as they are.
            Some(one) => Err(format!("{} may give them other columns", one.member.title())),
            None => discovered(asking, input).await,
        };
        match asked {
            Ok(found) => {
                let from = (asking.task.inputs.len() > 1).then(|| name.clone());
                let named = |schema| StreamSchema { from: from.clone(), ..schema };
                streams.known.extend(found.into_iter().map(named));
            }
            Err(reason) => {
                let title = input.member.title();
                streams.unknown.push(Unknown { input: name.clone(), reason, title });
            }
        }
    }
    streams
}

/// Whether the streams are handed to this provider.
pub(crate) fn takes_streams(provider: &Provider) -> bool {
    provider.member.role == Role::Output && provider.member.program.protocol == Protocol::V2
}

/// The streams of one input; otherwise why not.
async fn discovered(asking: &Asking<'_>, input: &Provider) -> Result<Vec<StreamSchema>, String> {
    if !input.can(Capability::Discover) {
        return Err("its provider cannot say which streams there are".into());
    }
    let asked = asking.ask_plainly(input, Operation::Discover, &[]);
    match tokio::time::timeout(TIMEOUT, asked).await {
        Err(_) => Err(format!("`discover` took longer than {TIMEOUT:?}")),
        Ok(Err(failure)) => {
            Err(format!("`discover` failed: {}", failure.message.trim_end_matches('.')))
        }
        Ok(Ok(answer)) if answer.report.streams.is_empty() => Err("there are none yet".into()),
        Ok(Ok(answer)) => Ok(answer.report.streams),
    }
}
