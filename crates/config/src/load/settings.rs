//! The `dstream` block.

use hcl_edit::Span as _;
use hcl_edit::structure::{Attribute, Block};

use super::fields::{Fields, Shape};
use super::reader::Reader;
use super::{header, no_labels, registries, single, trust};
use crate::diagnostic::Diagnostic;
use crate::eval::{Context, Evaluator, span};
use crate::loaded::{Loaded, RequiredProvider};
use crate::source::Span;
use crate::suggest;
use crate::value::{Kind, Value};
use dstream_task::Constraint;

const DSTREAM: Shape = Shape {
    what: "the `dstream` block",
    settings: &[
        "required_version",
        "required_providers",
        "catalogues",
        "plugin_registry",
        "required_plugins",
    ],
    blocks: &["required_providers", "registry", "trust", "state", "required_plugins"],
};

const STATE: Shape = Shape { what: "`state`", settings: &["path"], blocks: &[] };

pub(super) fn load(
    file: &Fields<'_>,
    evaluator: &Evaluator<'_>,
    loaded: &mut Loaded,
    errors: &mut Vec<Diagnostic>,
) {
    let Some(block) = single(file.blocks("dstream"), errors) else { return };
    let mut reader = Reader::new(evaluator, Context::File);
    let fields = Fields::read(&block.body, &DSTREAM, &mut reader.errors);
    required_version(fields.setting_of("required_version"), &mut reader, loaded);
    required_providers(&fields, &mut reader, loaded);
    if let Some(state) = single(fields.blocks("state"), &mut reader.errors) {
        let fields = Fields::read(&state.body, &STATE, &mut reader.errors);
        loaded.settings.state_dir = reader.filled(fields.setting_of("path"));
    }
    let catalogues = reader.texts(fields.setting_of("catalogues"));
    loaded.settings.catalogues = catalogues.unwrap_or_default();
    registries::load(fields.blocks("registry"), &mut reader, loaded);
    trust::load(fields.blocks("trust"), &mut reader, loaded);
    loaded.settings.plugin_registry = reader.text(fields.setting_of("plugin_registry"));
    let outdated = fields
        .setting_of("plugin_registry")
        .into_iter()
        .chain(fields.setting_of("required_plugins"))
        .map(|a| (a.key.as_str(), a.key.span().unwrap_or_default()))
        .chain(fields.blocks("required_plugins").iter().map(|b| (b.ident.as_str(), header(b))));
    for (name, at) in outdated {
        loaded.warnings.push(
            Diagnostic::warning(format!("`{name}` is not used any more")).at(at).help(
                "name the registry in `provider_ref`, or list providers in `required_providers`",
            ),
        );
    }
    errors.append(&mut reader.errors);
}

fn required_version(
    attribute: Option<&Attribute>,
    reader: &mut Reader<'_, '_>,
    loaded: &mut Loaded,
) {
    let Some(text) = reader.text(attribute) else { return };
    let Some(attribute) = attribute else { return };
    let at = span(&attribute.value);
    let Some(constraint) = constraint(&text, &at, reader) else { return };
    let host = &reader.evaluator.inputs.host_version;
    if !constraint.matches(host) {
        reader.errors.push(
            Diagnostic::error(format!("this file needs dstream {constraint}"))
                .at(at)
                .detail(format!("this is dstream {host}"))
                .help("install a version that fits, or change `required_version`"),
        );
    }
    loaded.settings.required_version = Some(constraint);
}

fn constraint(text: &str, at: &Span, reader: &mut Reader<'_, '_>) -> Option<Constraint> {
    match Constraint::parse(text) {
        Ok(constraint) => Some(constraint),
        Err(_) => {
            reader.errors.push(
                Diagnostic::error("this is no version condition").at(at.clone()).help(
                    "write such as `\">= 0.1\"`, `\"~> 1.2\"` (1.2 up to 2.0), `\">= 1.0, < 1.5\"`",
                ),
            );
            None
        }
    }
}

/// A block of settings, or one setting that is an object.
fn required_providers(fields: &Fields<'_>, reader: &mut Reader<'_, '_>, loaded: &mut Loaded) {
    for block in fields.blocks("required_providers") {
        no_labels(block, &mut reader.errors);
        of_block(block, reader, loaded);
    }
    let Some(attribute) = fields.setting_of("required_providers") else { return };
    let Some(value) = reader.value(attribute) else { return };
    let Kind::Object(map) = value.kind else {
        reader.refuse(attribute, "a block".into(), "write `required_providers { … }`");
        return;
    };
    for (name, value) in map {
        let at = span(&attribute.value);
        if let Some(provider) = provider(&name, &value, at, reader) {
            loaded.settings.required_providers.insert(name, provider);
        }
    }
}

fn of_block(block: &Block, reader: &mut Reader<'_, '_>, loaded: &mut Loaded) {
    for inner in block.body.blocks() {
        let name = inner.ident.as_str();
        reader.errors.push(
            Diagnostic::error("a provider is a setting, not a block")
                .at(header(inner))
                .help(format!("write `{name} = {{ source = \"…\" }}`")),
        );
    }
    for attribute in block.body.attributes() {
        let name = attribute.key.as_str();
        let Some(value) = reader.value(attribute) else { continue };
        if let Some(provider) = provider(name, &value, span(&attribute.value), reader) {
            loaded.settings.required_providers.insert(name.to_owned(), provider);
        }
    }
}

/// `{ source = "…", version = "…" }`.
fn provider(
    name: &str,
    value: &Value,
    at: Span,
    reader: &mut Reader<'_, '_>,
) -> Option<RequiredProvider> {
    let mut refuse = |what: String| {
        let help = "write `{ source = \"ghcr.io/acme/dstream-in-foo\", version = \"~> 1.2\" }`";
        reader.errors.push(Diagnostic::error(what).at(at.clone()).help(help));
    };
    let Kind::Object(map) = &value.kind else {
        refuse(format!("the provider `{name}` must be an object"));
        return None;
    };
    const KEYS: [&str; 2] = ["source", "version"];
    if let Some(key) = map.keys().find(|k| !KEYS.contains(&k.as_str())) {
        refuse(format!("the provider `{name}` has `{key}`; it can have {}", suggest::list(KEYS)));
        return None;
    }
    let text = |key: &str| map.get(key).filter(|v| !v.is_null()).map(Value::to_text);
    let source = match text("source").flatten() {
        Some(source) if is_repository(&source) => source,
        Some(_) => {
            refuse(format!("the source of `{name}` must be a repository, without tag or scheme"));
            return None;
        }
        None => {
            refuse(format!("the provider `{name}` needs `source`"));
            return None;
        }
    };
    let version = match text("version") {
        None => None,
        Some(Some(text)) => Some(constraint(&text, &at, reader)?),
        Some(None) => {
            refuse(format!("the version of `{name}` must be a string"));
            return None;
        }
    };
    Some(RequiredProvider { source, version, span: at })
}

/// A registry and a path; a port is no tag.
fn is_repository(source: &str) -> bool {
    let last = source.rsplit('/').next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:".contains(c);
    !source.contains("://")
        && source.contains('/')
        && !last.is_empty()
        && !last.contains(':')
        && source.chars().all(plain)
}
