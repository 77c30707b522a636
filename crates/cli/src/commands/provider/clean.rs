//! `dstream provider clean`.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use dstream_registry::{CacheError, Digest, LockFile};
use serde_json::json;

use super::desk;
use crate::answer::Answer;
use crate::context::Context;
use crate::problem::{Problem, Result};
use crate::report::format::bytes;

const DAY: u64 = 24 * 60 * 60;

/// Make room: remove from the cache what was not used for a while.
///
/// What this project has locked stays. A provider that runs is not disturbed.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream provider clean\n  dstream provider clean --unused-days 0"
)]
pub(crate) struct Clean {
    /// For how many days it was not started.
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    unused_days: u64,
}

pub(crate) fn run(context: &Context, args: &Clean) -> Result<Answer> {
    let store = desk::store(context)?;
    let folder = context.global.config.parent().unwrap_or(std::path::Path::new("."));
    let lock = LockFile::load(folder)
        .map_err(|e| e.help().into_iter().fold(Problem::usage(e.to_string()), Problem::help))?;
    let kept = kept(&lock);
    let unused = Duration::from_secs(args.unused_days.saturating_mul(DAY));
    let failed = |e: CacheError| {
        e.help().into_iter().fold(Problem::io(e.to_string(), &e.source), Problem::help)
    };
    let cleaned = store.cache.clean(unused, &|digest| kept.contains(digest)).map_err(failed)?;
    let text = match cleaned.removed {
        0 if cleaned.bytes == 0 => "Nothing to remove.".to_owned(),
        n => format!("removed {n} programs and descriptions, {}", bytes(cleaned.bytes)),
    };
    Ok(Answer::new(text, json!({ "removed": cleaned.removed, "bytes": cleaned.bytes })))
}

/// Every content that the project's lock file names.
fn kept(lock: &LockFile) -> BTreeSet<Digest> {
    let binaries = lock.providers.values().flat_map(|locked| locked.platforms.values());
    binaries
        .flat_map(|binary| [Some(binary.program.digest.clone()), binary.description.clone()])
        .flatten()
        .collect()
}
