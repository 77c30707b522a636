//! `dstream provider`: what a provider is, what it reaches, and its way from and to registries.

mod binaries;
mod catalogue;
mod clean;
mod describe;
mod desk;
mod list;
mod lock;
mod login;
mod mirror;
mod package;
mod probe;
mod pull;
mod push;
mod show;
mod signing;
mod verify;

use clap::{Args, Subcommand};
use dstream_protocol::{Capability, Operation};

use crate::answer::Answer;
use crate::context::Context;
use crate::problem::Result;

/// Providers: ask them, lock and pull them from registries, publish them.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream provider describe in-file\n  dstream provider show ghcr.io/acme/dstream-in-foo:v1.2.0"
)]
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
    Catalogue(catalogue::Catalogues),
    Clean(clean::Clean),
    List(list::List),
    Lock(lock::Lock),
    Login(login::Login),
    Logout(login::Logout),
    Mirror(mirror::Mirror),
    Package(package::Package),
    Pull(pull::Pull),
    Push(push::Push),
    Search(catalogue::Search),
    Show(show::Show),
    Verify(verify::Verify),
}

impl Provider {
    pub(crate) fn name(&self) -> &'static str {
        match &self.command {
            Command::Describe(_) => "provider describe",
            Command::Check(_) => "provider check",
            Command::Discover(_) => "provider discover",
            Command::Catalogue(catalogues) => catalogues.name(),
            Command::Clean(_) => "provider clean",
            Command::List(_) => "provider list",
            Command::Lock(_) => "provider lock",
            Command::Login(_) => "provider login",
            Command::Logout(_) => "provider logout",
            Command::Mirror(_) => "provider mirror",
            Command::Package(_) => "provider package",
            Command::Pull(_) => "provider pull",
            Command::Push(_) => "provider push",
            Command::Search(_) => "provider search",
            Command::Show(_) => "provider show",
            Command::Verify(_) => "provider verify",
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
        Command::Catalogue(args) => catalogue::run(context, args).await,
        Command::Clean(args) => clean::run(context, args),
        Command::List(args) => list::run(context, args).await,
        Command::Lock(args) => lock::run(context, args).await,
        Command::Login(args) => login::login(context, args).await,
        Command::Logout(args) => login::logout(context, args),
        Command::Mirror(args) => mirror::run(context, args).await,
        Command::Package(args) => package::run(context, args).await,
        Command::Pull(args) => pull::run(context, args).await,
        Command::Push(args) => push::run(context, args).await,
        Command::Search(args) => catalogue::search(context, args).await,
        Command::Show(args) => show::run(context, args).await,
        Command::Verify(args) => verify::run(context, args).await,
    }
}
