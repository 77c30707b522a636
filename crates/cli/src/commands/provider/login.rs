//! `dstream provider login` and `logout`.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::Args;
use dstream_registry::oci::credentials;
use dstream_registry::oci::logins::{self, StoreError};
use serde_json::json;

use super::desk;
use crate::answer::Answer;
use crate::context::Context;
use crate::problem::{Problem, Result};

/// Store a user and a password, or a token, for a registry.
///
/// They are tried first. They go into `$XDG_CONFIG_HOME/dstream/auth.json`, which only you can read, in
/// the format of Docker's file; Docker's and Podman's own files and helpers are read as well.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream provider login ghcr.io --user octocat --password-stdin < token"
)]
pub(crate) struct Login {
    /// The registry, as references begin: `ghcr.io`, `registry.acme.io:5000`.
    registry: String,
    /// The user.
    #[arg(long, short, value_name = "NAME")]
    user: String,
    /// Read the password or token from stdin.
    #[arg(long)]
    password_stdin: bool,
}

/// Forget what `login` stored for a registry.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dstream provider logout ghcr.io")]
pub(crate) struct Logout {
    /// The registry.
    registry: String,
}

pub(crate) async fn login(context: &Context, args: &Login) -> Result<Answer> {
    let file = file(context)?;
    let password = password(args)?;
    let probe = desk::reference(&format!("{}/dstream/login", args.registry))?;
    let store = desk::store(context)?;
    store
        .registries
        .check(&probe, &args.user, &password)
        .await
        .map_err(|e| e.help().into_iter().fold(Problem::usage(e.to_string()), Problem::help))?;
    logins::store(&file, &args.registry, &args.user, &password).map_err(|e| unstored(&e))?;
    let text = format!("stored in {}", file.display());
    Ok(Answer::new(text, json!({ "registry": args.registry, "file": file.display().to_string() })))
}

pub(crate) fn logout(context: &Context, args: &Logout) -> Result<Answer> {
    let file = file(context)?;
    let removed = logins::remove(&file, &args.registry).map_err(|e| unstored(&e))?;
    let text = match removed {
        true => format!("removed from {}", file.display()),
        false => format!("nothing is stored for {} in {}", args.registry, file.display()),
    };
    Ok(Answer::new(text, json!({ "registry": args.registry, "removed": removed })))
}

fn file(context: &Context) -> Result<PathBuf> {
    credentials::own_file(&context.environment).ok_or_else(|| {
        Problem::usage("there is no folder for credentials").help("set XDG_CONFIG_HOME or HOME")
    })
}

/// A password on the command line could be read by everybody on the machine.
fn password(args: &Login) -> Result<String> {
    let stdin = std::io::stdin();
    if !args.password_stdin && stdin.is_terminal() {
        return Err(Problem::usage("the password must come from stdin").help(format!(
            "write `dstream provider login {} --user {} --password-stdin < FILE`",
            args.registry, args.user
        )));
    }
    let mut line = String::new();
    stdin.lock().read_line(&mut line).map_err(|e| Problem::io("cannot read the password", &e))?;
    let password = line.trim_end_matches(['\r', '\n']);
    match password.is_empty() {
        true => Err(Problem::usage("the password is empty")),
        false => Ok(password.to_owned()),
    }
}

fn unstored(error: &StoreError) -> Box<Problem> {
    let StoreError { file, reason } = error;
    Problem::usage(format!("cannot change {}: {reason}", Path::new(file).display()))
}
