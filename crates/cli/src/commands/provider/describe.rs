//! `dstream provider describe`.

use std::path::{Path, PathBuf};

use clap::Args;
use dstream_config::Diagnostic;
use dstream_engine::describe::{Asked, describe};
use dstream_protocol::{Description, Role};
use dstream_registry::SearchPath;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::context::{Context, value};
use crate::exit::Exit;
use crate::problem::{Problem, Result};
use crate::table::{Table, bold};

/// Show what a provider says of itself: version, roles, settings.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream provider describe in-file\n  dstream provider describe ./my-provider --json | jq '.description.config'"
)]
pub(crate) struct Describe {
    /// A program's path, or a provider's name: `in-file`, `file`.
    #[arg(value_name = "PATH|NAME")]
    provider: String,
}

pub(crate) async fn run(context: &Context, args: &Describe) -> Result<Answer> {
    let path = find(context, &args.provider)?;
    let description = describe(Asked::local(&path, &context.environment)).await.map_err(|e| {
        Problem::new(
            Exit::Failed,
            Diagnostic::error(e.to_string()).help(
                "a version-1 provider cannot describe itself; its own pages say what it takes",
            ),
        )
    })?;
    let text = text(&description, context.screen.color_out);
    let document =
        json!({ "program": path.display().to_string(), "description": value(&description) });
    Ok(Answer::new(text, document))
}

/// Whoever asks by hand has said that it is a provider: it may be asked.
fn find(context: &Context, text: &str) -> Result<PathBuf> {
    if text.contains(['/', '\\']) || Path::new(text).is_file() {
        let path =
            std::path::absolute(text).map_err(|e| Problem::io(format!("cannot use {text}"), &e))?;
        return match path.is_file() {
            true => Ok(path),
            false => Err(Problem::usage(format!("there is no file {text}"))),
        };
    }
    let host = std::env::current_exe().ok();
    let file = &context.global.config;
    let folder = file.parent().unwrap_or(Path::new("."));
    // It is started in another folder.
    let providers = folder.join(".dstream").join("providers");
    let providers = std::path::absolute(&providers)
        .map_err(|e| Problem::io(format!("cannot use {}", providers.display()), &e))?;
    let search = SearchPath::new(host.as_deref(), &providers, &context.path());
    let bare = text.strip_prefix("dstream-").unwrap_or(text);
    let prefixed = [("in-", Role::Input), ("transform-", Role::Transform), ("out-", Role::Output)];
    let exact = prefixed.iter().find_map(|(p, role)| bare.strip_prefix(p).map(|n| (*role, n)));
    let all = prefixed.iter().map(|(_, role)| (*role, bare));
    let candidates: Vec<(Role, &str)> = exact.into_iter().chain(all).collect();
    let mut found: Vec<PathBuf> =
        candidates.iter().filter_map(|(role, name)| search.find(*role, name).ok()).collect();
    found.dedup();
    match (found.len(), exact) {
        (1, _) | (2.., Some(_)) => Ok(found.swap_remove(0)),
        (0, _) => {
            let known = prefixed.iter().flat_map(|(p, role)| {
                search.available(*role).into_iter().map(move |a| format!("{p}{}", a.name))
            });
            let known: Vec<String> = known.collect();
            Err(Problem::usage(format!("there is no provider `{text}` on this machine"))
                .help(format!("providers that are there: {}", known.join(", "))))
        }
        _ => {
            let names: Vec<String> = found
                .iter()
                .filter_map(|p| {
                    p.file_stem()?.to_str()?.strip_prefix("dstream-").map(str::to_owned)
                })
                .collect();
            Err(Problem::usage(format!("`{text}` can be several providers"))
                .help(format!("say which: {}", names.join(", "))))
        }
    }
}

pub(super) fn text(description: &Description, color: bool) -> String {
    let Description { name, version, .. } = description;
    let join = |words: Vec<String>| words.join(", ");
    let roles = join(description.roles.iter().map(ToString::to_string).collect());
    let protocol = join(description.protocol.iter().map(u32::to_string).collect());
    let word = |v: Value| v.as_str().unwrap_or_default().to_owned();
    let can = join(description.capabilities.iter().map(|c| word(value(c))).collect());
    let mut lines = vec![bold(&format!("{name} {version}"), color)];
    if !description.description.is_empty() {
        lines.push(description.description.clone());
    }
    lines.push(format!("roles       {roles}"));
    lines.push(format!("protocol    {protocol}"));
    lines.push(format!("can also    {}", if can.is_empty() { "nothing" } else { &can }));
    let promises = value(description.delivery);
    let promises = promises.as_object().into_iter().flatten();
    let promises: Vec<&str> =
        promises.filter(|(_, v)| *v == &Value::Bool(true)).map(|(k, _)| k.as_str()).collect();
    let promises = if promises.is_empty() { "nothing".to_owned() } else { promises.join(", ") };
    lines.push(format!("promises    {promises}"));
    let settings = settings(&description.config);
    if !settings.is_empty() {
        lines.extend([String::new(), settings.render(color)]);
    }
    lines.join("\n")
}

/// The top level of the config's schema.
fn settings(schema: &Value) -> Table {
    let mut table = Table::new(["SETTING", "TYPE", "DEFAULT", "WHAT"]);
    let required: Vec<&str> = schema["required"]
        .as_array()
        .map(|all| all.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    for (name, of) in schema["properties"].as_object().into_iter().flatten() {
        let default = match of.get("default") {
            Some(value) => value.to_string(),
            None if required.contains(&name.as_str()) => "(required)".to_owned(),
            None => String::new(),
        };
        // The first paragraph: lines are broken anywhere in it.
        let what = of["description"].as_str().unwrap_or_default();
        let what: Vec<&str> = what.lines().map(str::trim).take_while(|l| !l.is_empty()).collect();
        table.row([name.clone(), kind(schema, of), default, what.join(" ")]);
    }
    table
}

/// What may be written, in a few words. References and choices are followed.
fn kind(root: &Value, of: &Value) -> String {
    let mut words = Vec::new();
    kinds(root, of, &mut words, 0);
    words.dedup();
    if words.is_empty() { "see --json".to_owned() } else { words.join(" | ") }
}

fn kinds(root: &Value, of: &Value, words: &mut Vec<String>, depth: usize) {
    let plain = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    if depth > 8 {
        return;
    }
    let target = of["$ref"].as_str().and_then(|r| root.pointer(r.strip_prefix('#')?));
    if let Some(target) = target {
        return kinds(root, target, words, depth + 1);
    }
    if let Some(values) = of["enum"].as_array() {
        words.extend(values.iter().filter(|v| !v.is_null()).map(plain));
    } else if of.get("const").is_some_and(|v| !v.is_null()) {
        words.push(plain(&of["const"]));
    } else if let Some(word) = of["type"].as_str() {
        words.extend((word != "null").then(|| word.to_owned()));
    } else if let Some(types) = of["type"].as_array() {
        words.extend(
            types.iter().filter_map(Value::as_str).filter(|w| *w != "null").map(str::to_owned),
        );
    } else {
        let parts = ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|k| of[k].as_array());
        for part in parts.flatten() {
            kinds(root, part, words, depth + 1);
        }
    }
}
