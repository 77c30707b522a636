//! Signing what is pushed.

use clap::Args;
use dstream_config::Diagnostic;
use dstream_registry::signature::{BadKey, Signer, SigningKey};
use dstream_registry::{Digest, Reference, SignError, Store};

use super::desk;
use crate::context::Context;
use crate::exit::Exit;
use crate::problem::{Problem, Result};

/// The variable that cosign takes a key's password from, too.
const PASSWORD: &str = "COSIGN_PASSWORD";

/// Whose signature what is pushed gets.
#[derive(Debug, Args)]
pub(super) struct Signing {
    /// Sign what is pushed, in cosign's format: a private key in PEM, as a file or as `env://NAME`. One that is
    /// locked is opened with the password in COSIGN_PASSWORD.
    #[arg(long, value_name = "KEY")]
    sign_key: Option<String>,
}

impl Signing {
    /// The key, read before anything is pushed.
    pub(super) fn key(&self, context: &Context) -> Result<Option<SigningKey>> {
        let Some(place) = &self.sign_key else { return Ok(None) };
        let text = match place.strip_prefix("env://") {
            Some(name) => context.variable(name).ok_or_else(|| {
                Problem::usage(format!("`--sign-key {place}`: there is no variable {name}"))
            })?,
            None => std::fs::read_to_string(place)
                .map_err(|e| Problem::io(format!("cannot read the key {place}"), &e))?,
        };
        let key = SigningKey::from_pem(&text, || context.variable(PASSWORD));
        key.map(Some).map_err(|error| {
            let problem = Problem::usage(format!("the key {place} cannot be used: {error}"));
            match error {
                BadKey::Locked => problem.help(format!("set {PASSWORD}; it may be empty")),
                BadKey::Password => problem.help(format!("{PASSWORD} holds another password")),
                BadKey::Kind { .. } => problem.help(
                    "`cosign generate-key-pair` makes one, and so does `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`",
                ),
            }
        })
    }
}

/// Signs what was pushed, where there is a key.
pub(super) async fn sign(
    store: &Store,
    reference: &Reference,
    digest: &Digest,
    key: Option<&SigningKey>,
) -> Result<Option<Signer>> {
    let Some(key) = key else { return Ok(None) };
    store.registries.sign(reference, digest, key).await.map_err(|error| match error {
        SignError::Pull(error) => desk::unpulled(&error),
        SignError::Key(error) => Problem::new(Exit::Failed, Diagnostic::error(error.to_string())),
    })?;
    Ok(key.public().ok().map(|public| public.signer()))
}
