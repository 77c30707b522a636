//! `dstream provider`: what a provider is, what it reaches, what it finds.

mod describe;
mod probe;

use clap::{Args, Subcommand};
use dstream_protocol::{Capability, Operation};

use crate::answer::Answer;
use crate::context::Context;
use crate::problem::Result;

/// Ask a provider what it is, whether it reaches its system, and which streams are there.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dstream provider describe in-file")]
pub(crate) struct Provider {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Describe(describe::Describe),
    /// Check whether a task's providers reach their systems with the credentials they are given.
    #[command(
        after_help = "Example:\n  dstream provider check orders\n  dstream provider check orders db"
    )]
    Check(probe::Probe),
    /// List the streams, with their columns, that a task's providers find.
    #[command(
        after_help = "Example:\n  dstream provider discover orders input\n  dstream provider discover orders --json"
    )]
    Discover(probe::Probe),
}

impl Provider {
    pub(crate) fn name(&self) -> &'static str {
        match self.command {
            Command::Describe(_) => "provider describe",
            Command::Check(_) => "provider check",
            Command::Discover(_) => "provider discover",
        }
    }
}

pub(crate) async fn run(context: &Context, args: &Provider) -> Result<Answer> {
    match &args.command {
        Command::Describe(args) => describe::run(context, args).await,
        Command::Check(args) => {
            probe::run(context, args, Operation::Check, Capability::Check).await
        }
        Command::Discover(args) => {
            probe::run(context, args, Operation::Discover, Capability::Discover).await
        }
    }
}
