//! The `dstream` command.
//!
//! Reading order:
//! - `cli`: every command and flag
//! - `context`, `project`: what a command gets: flags, the loaded task file, where things are
//! - `resolve`, `check`: blocks become programs, checked against what their providers say of themselves
//! - `commands`: one file each; a command gives an [`answer::Answer`] and prints nothing itself
//! - `report`: what is shown while tasks run
//! - `problem`, `diagnostics`, `exit`: how a command fails

mod answer;
mod check;
mod cli;
mod commands;
#[cfg(test)]
mod configuration_tests;
mod context;
mod diagnostics;
mod downloads;
mod exit;
mod lifecycle;
mod locks;
mod logging;
mod problem;
mod project;
mod pulls;
mod remotes;
mod report;
mod resolve;
mod screen;
mod signals;
mod streams;
mod table;

use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::parse();
    let context = match context::Context::new(cli.global) {
        Ok(context) => context,
        Err(e) => return screen::fatal(&e),
    };
    logging::init(&context);
    let name = cli.command.name();
    let result = commands::dispatch(&context, cli.command);
    context.finish(&name, result).into()
}
