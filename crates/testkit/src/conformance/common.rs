//! Checks for providers of every role.

use std::time::Instant;

use dstream_protocol::{Description, limits};
use serde_json::{Value, json};

use super::Subject;
use crate::failure::{Failure, Result, ensure};
use crate::host::FakeHost;

/// Nothing that is a setting.
const NO_SETTING: &str = "no_such_setting";

/// Would be seen anywhere.
const CANARY: &str = "canary-4d1f0a";

/// `describe` prints one document that says what the host needs, in time, and exits with 0.
///
/// # Errors
/// What is wrong with it.
pub fn describe_is_valid(subject: &Subject) -> Result {
    let description = describe(subject)?;
    let Description { name, version, protocol, roles, config, .. } = &description;
    ensure!(!name.is_empty(), "`name` is empty");
    ensure!(version.split('.').count() >= 3, "`version` is no semantic version: {version}");
    ensure!(protocol.contains(&2), "`protocol` does not name version 2: {protocol:?}");
    ensure!(roles.contains(&subject.role()), "`roles` does not name {}", subject.role());
    ensure!(config["type"] == "object", "`config` is no schema of an object: {config}");
    ensure!(
        config["additionalProperties"] == false,
        "`config` must say \"additionalProperties\": false, so that a host can name unknown keys"
    );
    Ok(())
}

/// A config key that does not exist is an error that names those that do.
///
/// # Errors
/// Where it is taken, or the error does not help.
pub fn an_unknown_setting_is_refused(subject: &Subject) -> Result {
    let mut config = subject.config().clone();
    config[NO_SETTING] = json!(1);
    let mut host = subject.begin(&json!({"config": config}))?;
    let line = host.json()?;
    ensure!(
        line["status"] == "error" && line["kind"] == "config",
        "the first line should be an error of kind config, and is {line}"
    );
    ensure!(line["path"] == NO_SETTING, "`path` should be {NO_SETTING}: {line}");
    let message = line["message"].as_str().unwrap_or_default();
    let description = describe(subject)?;
    for known in properties(&description.config).keys() {
        ensure!(message.contains(known), "the message does not name `{known}`: {message}");
    }
    ensure!(!host.exit()?.success(), "the exit code should not be 0");
    Ok(())
}

/// With a config that works it is ready within the limit.
///
/// # Errors
/// Where it is not.
pub fn it_is_ready_in_time(subject: &Subject) -> Result {
    let began = Instant::now();
    subject.ready(&json!({}))?;
    let took = began.elapsed();
    ensure!(took < limits::START_TIMEOUT, "it took {took:?}");
    Ok(())
}

/// A setting that the schema marks `writeOnly` does not appear on stdout or stderr, at any level.
///
/// # Errors
/// Where it does.
pub fn secrets_are_not_shown(subject: &Subject) -> Result {
    let mut config = subject.config().clone();
    for (key, schema) in properties(&describe(subject)?.config) {
        if schema["writeOnly"] == true {
            config[key] = json!(CANARY);
        }
    }
    let mut host = subject.begin(&json!({"config": config}))?;
    let first = host.line()?.unwrap_or_default();
    host.close();
    let rest = host.rest()?;
    host.exit()?;
    let shown = format!("{first}{rest:?}{}", host.stderr_to_end()?);
    ensure!(!shown.contains(CANARY), "a secret is shown: {shown}");
    Ok(())
}

/// SIGTERM ends it within the time that a host gives.
///
/// # Errors
/// Where it does not.
#[cfg(unix)]
pub fn sigterm_ends_it(subject: &Subject) -> Result {
    let mut host = subject.ready(&json!({}))?.patience(limits::STOP_TIMEOUT);
    host.terminate()?;
    // An input may wait for its last commit.
    std::thread::sleep(std::time::Duration::from_millis(50));
    host.close();
    host.rest()?;
    host.exits_with(0)
}

fn describe(subject: &Subject) -> Result<Description> {
    let began = Instant::now();
    let mut host = FakeHost::start_with(subject.program(), &["describe"])?;
    host.close();
    let lines = host.rest()?;
    host.exits_with(0)?;
    let took = began.elapsed();
    ensure!(took < limits::DESCRIBE_TIMEOUT * 5, "describe took {took:?}");
    let text = lines.join("\n");
    ensure!(text.len() <= limits::DESCRIBE_MAX_BYTES, "describe prints {} bytes", text.len());
    serde_json::from_str(&text).map_err(|e| Failure(format!("describe: {e} in {text}")))
}

fn properties(schema: &Value) -> serde_json::Map<String, Value> {
    schema["properties"].as_object().cloned().unwrap_or_default()
}
