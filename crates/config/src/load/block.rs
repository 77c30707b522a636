//! `input`, `transform` and `output` blocks.

use std::collections::BTreeMap;

use dstream_protocol::Role;
use dstream_task::{Block as TaskBlock, Source};
use hcl_edit::Span as _;
use hcl_edit::structure::{Attribute, Block};
use serde_json::Value as Json;

use super::fields::{Fields, Shape};
use super::reader::Reader;
use super::{config, header, sandbox, single, task};
use crate::diagnostic::Diagnostic;
use crate::loaded::Loaded;
use crate::spans::BlockSpans;
use crate::suggest;

const SOURCES: [&str; 3] = ["provider", "provider_ref", "provider_path"];

const INPUT: Shape = Shape {
    what: "this block",
    settings: &["provider", "provider_ref", "provider_path", "protocol", "pass_env", "env"],
    blocks: &["config", "env", "sandbox"],
};

const OUTPUT: Shape = Shape {
    what: "an output",
    settings: &[
        "provider",
        "provider_ref",
        "provider_path",
        "protocol",
        "critical",
        "pass_env",
        "env",
    ],
    blocks: &["config", "env", "sandbox"],
};

/// The names of the blocks of one role: labels, which several blocks must have.
pub(super) fn names<'b>(
    role: Role,
    blocks: &[&'b Block],
    errors: &mut Vec<Diagnostic>,
) -> Vec<&'b str> {
    let kind = role.as_str();
    let mut names: Vec<&'b str> = Vec::new();
    for (i, block) in blocks.iter().enumerate() {
        let label = block.labels.first().map(|l| l.as_str());
        let error = |what: String| Diagnostic::error(what).at(header(block));
        if block.labels.len() > 1 {
            errors.push(error(format!("`{kind}` takes one label")));
        }
        match label {
            None if blocks.len() > 1 => errors.push(
                error(format!("with several {kind} blocks each needs a label"))
                    .detail(format!("one of {}", blocks.len()))
                    .help(format!("write `{kind} \"a-name\" {{ … }}`")),
            ),
            Some(label) if !task::is_name(label) => {
                errors.push(error("this is no name for a block".into()).help(
                    "letters, digits, spaces, `_`, `-` and `.`; a letter, digit or `_` first",
                ))
            }
            Some(label) => {
                if let Some(first) = names.iter().position(|n| *n == label) {
                    errors.push(
                        error(format!("there are two {kind} blocks `{label}`"))
                            .detail("give one of them another label")
                            .related(header(blocks[first]), "the first one"),
                    );
                }
            }
            None => {}
        }
        debug_assert_eq!(names.len(), i);
        names.push(label.unwrap_or(match role {
            Role::Input => "input",
            Role::Transform => "transform",
            Role::Output => "output",
        }));
    }
    names
}

/// Reads one block.
pub(super) fn load(
    role: Role,
    task: &str,
    name: &str,
    block: &Block,
    reader: &mut Reader<'_, '_>,
    loaded: &mut Loaded,
) -> Option<TaskBlock> {
    let shape = if role == Role::Output { &OUTPUT } else { &INPUT };
    let fields = Fields::read(&block.body, shape, &mut reader.errors);
    let label = if block.labels.is_empty() { String::new() } else { format!(".{name}") };
    let id = format!("{task}/{role}{label}/");
    let source = source(block, &fields, reader);
    let mut spans = BlockSpans::new(header(block));
    let mut config = config::Writer { reader, secrets: &mut loaded.secrets, spans: &mut spans, id };
    let written = single(fields.blocks("config"), &mut config.reader.errors);
    let value = match written {
        Some(body) => config.block(body),
        None => Json::Object(serde_json::Map::new()),
    };
    let env = env(&fields, &mut config);
    loaded.spans.insert(task, role, name, spans);
    let protocol = protocol(fields.setting_of("protocol"), reader);
    Some(TaskBlock {
        name: name.to_owned(),
        source: source?,
        config: value,
        protocol,
        critical: reader.bool(fields.setting_of("critical")).unwrap_or(true),
        pass_env: reader.texts(fields.setting_of("pass_env")).unwrap_or_default(),
        env,
        sandbox: sandbox::load(fields.blocks("sandbox"), reader),
    })
}

/// Exactly one of the three.
fn source(block: &Block, fields: &Fields<'_>, reader: &mut Reader<'_, '_>) -> Option<Source> {
    let mut given: Vec<(&str, &Attribute)> =
        SOURCES.iter().filter_map(|s| Some((*s, fields.setting_of(s)?))).collect();
    given.sort_by_key(|(_, a)| a.key.span().map(|s| s.start));
    let kind = block.ident.as_str();
    match given.as_slice() {
        [] if fields.misspelt(&SOURCES) => None,
        [] => {
            reader.errors.push(
                Diagnostic::error(format!("this {kind} does not say which provider it is"))
                    .at(header(block))
                    .help("add one of `provider = \"csv\"` (installed), `provider_ref = \"ghcr.io/…:v1\"` (a registry), `provider_path = \"./read.sh\"` (a program here)"),
            );
            None
        }
        [(name, attribute)] => {
            let text = reader.filled(Some(attribute))?;
            Some(match *name {
                "provider" => Source::Name(text),
                "provider_ref" => Source::Ref(text),
                _ => Source::Path(text),
            })
        }
        [(first, one), others @ ..] => {
            for (name, attribute) in others {
                reader.errors.push(
                    Diagnostic::error(format!("`{first}` and `{name}` exclude each other"))
                        .at(attribute.key.span().unwrap_or_default())
                        .detail("keep one of the two")
                        .related(one.key.span().unwrap_or_default(), "the other one")
                        .help(format!(
                            "exactly one of {} stands in a block",
                            suggest::list(SOURCES)
                        )),
                );
            }
            None
        }
    }
}

fn protocol(attribute: Option<&Attribute>, reader: &mut Reader<'_, '_>) -> Option<u32> {
    let version = reader.int::<u32>(attribute, 1)?;
    if version > dstream_protocol::VERSION {
        reader.refuse(attribute?, "1 or 2".into(), "there is no such version");
        return None;
    }
    Some(version)
}

/// `env = { … }` or `env { … }`.
fn env(fields: &Fields<'_>, config: &mut config::Writer<'_, '_, '_>) -> BTreeMap<String, Json> {
    let mut all = BTreeMap::new();
    if let Some(attribute) = fields.setting_of("env") {
        all.extend(config.env_map(attribute));
    }
    if let Some(block) = single(fields.blocks("env"), &mut config.reader.errors) {
        for inner in block.body.blocks() {
            let what = "`env` holds settings, no blocks";
            config.reader.errors.push(Diagnostic::error(what).at(header(inner)));
        }
        for attribute in block.body.attributes() {
            if let Some(value) = config.env_value(attribute) {
                all.insert(attribute.key.as_str().to_owned(), value);
            }
        }
    }
    all
}
