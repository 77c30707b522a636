//! Every command and flag. Each command's own arguments stand in its file in `commands`.

use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::commands::{
    completions, destroy, dlq, fmt, graph, init, internal, list, plan, provider, run, state,
    status, validate,
};

/// Terraform for data streaming: say where data comes from and where it goes, and run it.
#[derive(Debug, Parser)]
#[command(name = "dstream", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The task file.
    #[arg(long, short, global = true, value_name = "FILE", default_value = "dstream.hcl")]
    pub(crate) config: PathBuf,
    /// What is logged to stderr; providers are told too.
    #[arg(long, short, global = true, value_enum, value_name = "LEVEL", default_value = "info")]
    #[arg(env = "DSTREAM_LOG_LEVEL", hide_env_values = true, ignore_case = true)]
    pub(crate) log_level: LogLevel,
    /// How it is logged, a line for people or a JSON object a line; providers are told too.
    #[arg(long, short = 'f', global = true, value_enum, value_name = "FORMAT")]
    #[arg(default_value = "text", env = "DSTREAM_LOG_FORMAT", hide_env_values = true)]
    pub(crate) log_format: LogFormat,
    /// Put the time before each log line.
    #[arg(long, short = 't', global = true)]
    pub(crate) log_time: bool,
    /// Write one JSON document to stdout in the place of text; `run` writes one line for each event.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// No colour and no live lines; also with NO_COLOR set, and where there is no terminal.
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// How it is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// The variables of the task file.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Vars {
    /// Set a variable of the task file; may be given several times.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) vars: Vec<(String, String)>,
    /// Read variables from a file: HCL attributes, or JSON where the name ends in .json.
    #[arg(long = "var-file", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(run::Run),
    Init(init::Init),
    Plan(plan::Plan),
    Status(status::Status),
    Destroy(destroy::Destroy),
    Validate(validate::Validate),
    Fmt(fmt::Fmt),
    List(list::List),
    Graph(graph::Graph),
    State(state::State),
    Provider(provider::Provider),
    Dlq(dlq::Dlq),
    Completions(completions::Completions),
    #[command(hide = true)]
    Internal(internal::Internal),
}

impl Command {
    /// As it is written: `state show`.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Run(_) => "run",
            Self::Init(_) => "init",
            Self::Plan(_) => "plan",
            Self::Status(_) => "status",
            Self::Destroy(_) => "destroy",
            Self::Validate(_) => "validate",
            Self::Fmt(_) => "fmt",
            Self::List(_) => "list",
            Self::Graph(_) => "graph",
            Self::State(state) => state.name(),
            Self::Provider(provider) => provider.name(),
            Self::Dlq(dlq) => dlq.name(),
            Self::Completions(_) => "completions",
            Self::Internal(_) => "internal",
        }
        .to_owned()
    }
}

/// The definition, with the exit codes below its help.
pub(crate) fn definition() -> clap::Command {
    let text = format!(
        "Exit codes:\n{}\n\nExample:\n  dstream init\n  dstream plan orders\n  dstream run orders",
        crate::exit::help()
    );
    Cli::command().after_help(text)
}

/// Reads the command line; ends the process with help or an error where that is due.
pub(crate) fn parse() -> Cli {
    let read = definition().try_get_matches().and_then(|m| Cli::from_arg_matches(&m));
    match read {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && std::env::args_os().any(|a| a == "--json") => {
            let text = error.render().to_string();
            let text = text.trim_start_matches("error: ").trim_end();
            crate::context::refuse_usage(text)
        }
        Err(error) => error.exit(),
    }
}

#[cfg(test)]
#[path = "cli_tests.rs"]
mod tests;
