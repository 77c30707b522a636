//! `dstream internal dead-letters FILE`: the input of a replay, a version-2 provider like any other.
//!
//! Its config names the letters: `{"ids":["…"],"replay":"<uuid>"}`. Its checkpoint says how many of
//! them are committed, and of which replay: what a destination remembers of an earlier replay counts
//! for nothing in a new one.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use dstream_engine::dead_letter::LocalDeadLetters;
use dstream_engine::state::TaskState;
use dstream_protocol::{
    Checkpoint, Command as Line, Control, ErrorKind, Json, Operation, ProviderError, Ready,
    Startup, VERSION,
};
use serde::{Deserialize, Serialize};
use serde_json::value::to_raw_value;

use crate::answer::Answer;
use crate::exit::Exit;
use crate::problem::Result;

/// The name of the input block in a replay.
pub(crate) const INPUT: &str = "dead_letters";

/// After how many letters there is a checkpoint: dead letters are few, and each counts.
const EVERY: usize = 20;

/// What dstream calls itself; not for people.
#[derive(Debug, Args)]
pub(crate) struct Internal {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Be the input of a replay.
    DeadLetters {
        /// The dead letters.
        file: PathBuf,
    },
}

#[derive(Deserialize)]
struct Config {
    ids: Vec<String>,
    replay: String,
}

#[derive(Serialize, Deserialize)]
struct Position {
    replay: String,
    done: usize,
}

/// How many letters a replay has committed, by its state. What a destination remembers of an
/// earlier replay counts for nothing.
pub(crate) fn done(state: Option<&TaskState>, replay: &str) -> usize {
    let input = state.and_then(|s| s.inputs.get(INPUT));
    input.and_then(|i| i.checkpoint.get("")).map_or(0, |p| position(p, replay))
}

/// How many letters a checkpoint says are committed, if it is of this replay.
fn position(checkpoint: &Json, replay: &str) -> usize {
    let position = serde_json::from_str::<Position>(checkpoint.get()).ok();
    position.filter(|p| p.replay == replay).map_or(0, |p| p.done)
}

pub(crate) fn run(args: &Internal) -> Result<Answer> {
    let Command::DeadLetters { file } = &args.command;
    let stdin = BufReader::new(io::stdin());
    let ended = serve(file, stdin, BufWriter::new(io::stdout().lock()));
    Ok(Answer::printed(if ended.is_ok() { Exit::Done } else { Exit::Failed }))
}

/// Speaks the protocol as an input.
fn serve(file: &Path, mut stdin: impl BufRead, mut stdout: impl Write) -> io::Result<()> {
    let prepared = prepare(file, &mut stdin);
    let (config, envelopes, first) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            let failed =
                Startup::Failed(ProviderError::new(ErrorKind::Permanent, error.to_string()));
            writeln!(stdout, "{}", failed.to_line())?;
            stdout.flush()?;
            return Err(error);
        }
    };
    let ready = Ready { protocol: Some(VERSION), ..Ready::default() };
    writeln!(stdout, "{}", Startup::Ready(Box::new(ready)).to_line())?;
    let mut id = 0;
    let mut checkpoint = |out: &mut dyn Write, done: usize| -> io::Result<u64> {
        id += 1;
        let position = Position { replay: config.replay.clone(), done };
        let state = BTreeMap::from([(String::new(), to_raw_value(&position)?)]);
        let line = Control::Checkpoint(Checkpoint { id, state, from: None, account: None });
        out.write_all(line.to_line().as_bytes())?;
        out.flush()?;
        Ok(id)
    };
    for (i, envelope) in envelopes.iter().enumerate().skip(first) {
        writeln!(stdout, "{}", envelope.get())?;
        if (i + 1) % EVERY == 0 {
            checkpoint(&mut stdout, i + 1)?;
        }
    }
    let last = checkpoint(&mut stdout, envelopes.len())?;
    stdout.write_all(Control::end().to_line().as_bytes())?;
    stdout.flush()?;
    wait_for(last, stdin)
}

/// Reads the command line and the letters that it names.
fn prepare(file: &Path, stdin: &mut impl BufRead) -> io::Result<(Config, Vec<Json>, usize)> {
    let mut line = String::new();
    stdin.read_line(&mut line)?;
    let command: Line = serde_json::from_str(&line)?;
    if command.command != Operation::Run {
        return Err(io::Error::other(format!("dead letters cannot {}", command.command)));
    }
    let config: Config = serde_json::from_value(command.config)?;
    let envelopes = read(file, &config.ids)?;
    let checkpoint = command.checkpoint.get("");
    let first = checkpoint.map_or(0, |p| position(p, &config.replay)).min(envelopes.len());
    Ok((config, envelopes, first))
}

/// The envelopes of these letters, in this order.
fn read(file: &Path, ids: &[String]) -> io::Result<Vec<Json>> {
    let mut found: HashMap<String, Json> = HashMap::new();
    for letter in LocalDeadLetters::at(file).list()? {
        found.extend(letter.envelope.map(|envelope| (letter.id, envelope)));
    }
    let missing = |id: &String| io::Error::other(format!("the dead letter {id} is gone"));
    ids.iter().map(|id| found.remove(id).ok_or_else(|| missing(id))).collect()
}

/// Reads until the last checkpoint is saved, or nobody is there any more.
fn wait_for(last: u64, stdin: impl BufRead) -> io::Result<()> {
    for line in stdin.split(b'\n') {
        match Control::read(&line?) {
            Ok(Control::Committed(committed)) if committed.id >= last => return Ok(()),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "internal_tests.rs"]
mod tests;
