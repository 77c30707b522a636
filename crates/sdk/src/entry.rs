//! Where a provider's process begins: the command line, the operation, the exit code.

use std::future::Future;
use std::io::IsTerminal;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::time::Duration;

use dstream_protocol::{Command, CommandV1, Description, Operation, Role, VERSION};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::builder::Facts;
use crate::lifecycle::{Handlers, TaskContext, answer, report_error};
use crate::session::{Failure, Session, report};
use crate::stdio::{Stdin, Stdout, take_over};
use crate::stop::Stop;
use crate::{Error, Result, config, logging, panics, signals};

/// As Rust's own `main` has it for a panic.
const EXIT_PANIC: u8 = 101;

/// Runs the provider; `run` is the loop of its role.
pub(crate) fn main<C, R, F>(facts: Facts, handlers: Handlers<C>, run: R) -> ExitCode
where
    C: DeserializeOwned + JsonSchema,
    R: FnOnce(Session, C) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    let (stdin, mut stdout) = match take_over() {
        Ok(taken) => taken,
        Err(_) => return ExitCode::FAILURE,
    };
    match std::env::args().nth(1).as_deref() {
        None => {}
        Some("describe") => return describe::<C>(&facts, &handlers, &mut stdout),
        Some(other) => return usage(&facts, other, &mut stdout),
    }
    logging::init();
    if stdin.file.is_terminal() {
        tracing::info!(
            "{}: a provider, started by dstream; it now waits for a command",
            facts.about.name
        );
    }
    let Ok(spare) = stdout.try_clone() else { return ExitCode::FAILURE };
    panics::remember();
    let caught =
        panic::catch_unwind(AssertUnwindSafe(|| start(facts, handlers, run, stdin, stdout)));
    caught.unwrap_or_else(|_| report_panic(spare))
}

/// Reads the command and does it.
fn start<C, R, F>(
    facts: Facts,
    handlers: Handlers<C>,
    run: R,
    mut stdin: Stdin,
    mut stdout: Stdout,
) -> ExitCode
where
    C: DeserializeOwned + JsonSchema,
    R: FnOnce(Session, C) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    let command =
        stdin.first_line().map_err(Error::from).and_then(|line| read_command(&line, facts));
    let (command, v2) = match command {
        Ok(read) => read,
        Err(error) => return failed(&mut stdout, &Failure::Error(error)),
    };
    if !v2 {
        stdout.speak_v1();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return failed(&mut stdout, &Failure::Error(error.into())),
    };
    let config = config::read::<C>(command.config.clone());
    if command.command != Operation::Run {
        return operate(&runtime, &handlers, config, &command, facts.about.name, &mut stdout);
    }
    let Ok(mut spare) = stdout.try_clone() else { return ExitCode::FAILURE };
    let config = match config {
        Ok(config) => config,
        Err(error) => return failed(&mut stdout, &Failure::Error(error)),
    };
    let stop = Stop::default();
    signals::watch(stop.clone(), grace(facts.role));
    let session = Session { command, v2, stdin, stdout, stop };
    match runtime.block_on(run(session, config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failed(&mut spare, &failure),
    }
}

/// An input has things to finish; the others give up what is open, but not a commit half done.
fn grace(role: Role) -> Duration {
    let seconds = if role == Role::Input { 8 } else { 5 };
    Duration::from_secs(seconds)
}

/// Version 2, or version 1 made to look like it. The `bool`: it is version 2.
fn read_command(line: &[u8], facts: Facts) -> Result<(Command, bool)> {
    let wrong = |e: serde_json::Error| {
        // The line holds secrets; serde's message holds at most one value of the frame around them.
        Error::permanent(format!(
            "the command on stdin cannot be read: {e}; expected is one line such as \
             {{\"command\":\"run\",\"config\":{{}}}}"
        ))
    };
    let value: Value = serde_json::from_slice(line).map_err(wrong)?;
    if value.get("protocol").and_then(Value::as_u64).is_some_and(|version| version >= 2) {
        let command: Command = serde_json::from_value(value).map_err(wrong)?;
        if command.role != facts.role {
            let (name, is, asked) = (facts.about.name, facts.role, command.role);
            return Err(Error::config(
                "",
                format!("{name} is an {is}; it cannot stand in a block `{asked}`"),
            ));
        }
        return Ok((command, true));
    }
    let CommandV1 { command, config } = serde_json::from_value(value).map_err(wrong)?;
    let name = facts.role.as_str().to_owned();
    Ok((
        Command {
            protocol: 1,
            command,
            role: facts.role,
            task: String::new(),
            task_id: String::new(),
            name,
            config,
            checkpoint: Default::default(),
            state: None,
            confirmed: None,
            adopt: Default::default(),
            inputs: Vec::new(),
            streams: Vec::new(),
            commit_within_ms: None,
            dead_letter: false,
            max_line_bytes: None,
        },
        false,
    ))
}

/// Everything but `run`: one line, and the exit code says how it went.
fn operate<C>(
    runtime: &tokio::runtime::Runtime,
    handlers: &Handlers<C>,
    config: Result<C>,
    command: &Command,
    provider: &str,
    stdout: &mut Stdout,
) -> ExitCode {
    let context = TaskContext {
        operation: command.command,
        role: command.role,
        task: command.task.clone(),
        task_id: command.task_id.clone(),
        name: command.name.clone(),
        inputs: command.inputs.clone(),
        checkpoint: command.checkpoint.clone(),
        streams: command.streams.clone(),
    };
    let done = config.and_then(|config| runtime.block_on(answer(handlers, config, context)));
    let report = done.unwrap_or_else(|error| report_error(&error));
    if report.is_error() {
        let error = report.error.as_deref().unwrap_or(&report.status);
        tracing::error!("{provider}: {}: {error}", command.command);
    }
    let line = serde_json::to_string(&report).unwrap_or_default() + "\n";
    if report.is_error() | stdout.send(line.as_bytes()).is_err() {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn describe<C: JsonSchema>(facts: &Facts, handlers: &Handlers<C>, stdout: &mut Stdout) -> ExitCode {
    let description = Description {
        name: facts.about.name.into(),
        version: facts.about.version.into(),
        description: facts.about.description.into(),
        protocol: vec![1, VERSION],
        roles: vec![facts.role],
        capabilities: handlers.capabilities(),
        config: config::schema_of::<C>(),
        delivery: facts.delivery,
    };
    let line = serde_json::to_string(&description).unwrap_or_default() + "\n";
    exit_code(stdout.send(line.as_bytes()).is_ok())
}

/// For people who call a provider by hand.
fn usage(facts: &Facts, argument: &str, stdout: &mut Stdout) -> ExitCode {
    let about = facts.about;
    let (name, version, description) = (about.name, about.version, about.description);
    let asked = matches!(argument, "--help" | "-h" | "help" | "--version" | "-V");
    let text = format!(
        "dstream-{name} {version}: {description}\n\n\
         This is a provider: `dstream run` starts it and talks to it over stdin and stdout.\n\
         dstream-{name} describe    prints what it is and its settings, as JSON\n"
    );
    let problem = if asked { String::new() } else { format!("unknown argument `{argument}`\n\n") };
    let sent = stdout.send((problem + &text).as_bytes());
    exit_code(asked && sent.is_ok())
}

fn exit_code(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A stop by signal is no failure; a host that is gone is one, though nobody hears of it.
fn failed(stdout: &mut Stdout, failure: &Failure) -> ExitCode {
    match failure {
        Failure::Stopped => ExitCode::SUCCESS,
        Failure::HostGone => ExitCode::FAILURE,
        Failure::Error(error) => {
            if report(stdout, error).is_err() {
                tracing::debug!("the host is gone");
            }
            ExitCode::FAILURE
        }
    }
}

fn report_panic(mut stdout: Stdout) -> ExitCode {
    let error = Error::permanent(format!("the provider panicked: {}", panics::last()));
    if report(&mut stdout, &error).is_err() {
        tracing::debug!("the host is gone");
    }
    ExitCode::from(EXIT_PANIC)
}
