//! The commands, one file each.

pub(crate) mod completions;
pub(crate) mod destroy;
pub(crate) mod dlq;
pub(crate) mod fmt;
pub(crate) mod graph;
pub(crate) mod init;
pub(crate) mod internal;
pub(crate) mod list;
pub(crate) mod plan;
pub(crate) mod provider;
pub(crate) mod run;
pub(crate) mod state;
pub(crate) mod status;
pub(crate) mod validate;

use crate::answer::Answer;
use crate::cli::Command;
use crate::context::Context;
use crate::problem::{Problem, Result};

/// Does what the command line says. One thread carries all tasks: the host only moves lines.
pub(crate) fn dispatch(context: &Context, command: Command) -> Result<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Problem::io("cannot start", &e))?;
    runtime.block_on(async {
        match command {
            Command::Run(args) => run::run(context, &args).await,
            Command::Init(args) => init::run(context, &args).await,
            Command::Plan(args) => plan::run(context, &args).await,
            Command::Status(args) => status::run(context, &args).await,
            Command::Destroy(args) => destroy::run(context, &args).await,
            Command::Validate(args) => validate::run(context, &args).await,
            Command::Fmt(args) => fmt::run(context, &args),
            Command::List(args) => list::run(context, &args),
            Command::Graph(args) => graph::run(context, &args),
            Command::State(args) => state::run(context, &args),
            Command::Provider(args) => provider::run(context, &args).await,
            Command::Dlq(args) => dlq::run(context, &args).await,
            Command::Completions(args) => completions::run(&args),
            Command::Internal(args) => internal::run(&args),
        }
    })
}
