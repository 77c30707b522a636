//! The settings and blocks of a body, checked against what may stand there.

use std::collections::BTreeMap;

use dstream_protocol::keys::snake_case;
use hcl_edit::Span as _;
use hcl_edit::structure::{Attribute, Block, Body, Structure};

use super::header;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::suggest;

/// What may stand in a body. Names are in snake case; camel case is taken too.
pub(super) struct Shape {
    /// `a task`.
    pub(super) what: &'static str,
    pub(super) settings: &'static [&'static str],
    pub(super) blocks: &'static [&'static str],
}

/// What stands in a body.
#[derive(Default)]
pub(super) struct Fields<'b> {
    settings: BTreeMap<&'static str, &'b Attribute>,
    blocks: BTreeMap<&'static str, Vec<&'b Block>>,
    /// What unknown names were probably meant to be.
    misspelt: Vec<&'static str>,
}

/// Words that mean nothing yet, so that they can mean something later.
const RESERVED: [&str; 4] = ["module", "for_each", "count", "dynamic"];

impl<'b> Fields<'b> {
    pub(super) fn read(body: &'b Body, shape: &Shape, errors: &mut Vec<Diagnostic>) -> Self {
        let mut fields = Self::default();
        for structure in body.iter() {
            match structure {
                Structure::Attribute(a) => fields.setting(a, shape, errors),
                Structure::Block(b) => fields.block(b, shape, errors),
            }
        }
        fields
    }

    pub(super) fn setting_of(&self, name: &str) -> Option<&'b Attribute> {
        self.settings.get(name).copied()
    }

    pub(super) fn blocks(&self, name: &str) -> &[&'b Block] {
        self.blocks.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether one of these names is there, wrongly written: then it is not missing as well.
    pub(super) fn misspelt(&self, names: &[&str]) -> bool {
        self.misspelt.iter().any(|m| names.contains(m))
    }

    fn unknown(&mut self, written: &str, kind: &str, at: Span, shape: &Shape) -> Diagnostic {
        let names = shape.settings.iter().chain(shape.blocks).copied();
        self.misspelt.extend(suggest::nearest(written, names));
        unknown(written, kind, at, shape)
    }

    fn setting(&mut self, a: &'b Attribute, shape: &Shape, errors: &mut Vec<Diagnostic>) {
        let written = a.key.as_str();
        let at = a.key.span().unwrap_or_default();
        if let Some(name) = known(written, shape.settings) {
            if self.settings.insert(name, a).is_some() {
                let what = format!("`{name}` is set twice, in two ways of writing");
                errors.push(Diagnostic::error(what).at(at));
            }
        } else if let Some(name) = known(written, shape.blocks) {
            self.misspelt.push(name);
            errors.push(
                Diagnostic::error(format!("`{name}` is a block"))
                    .at(at)
                    .detail("no `=` stands between its name and its brace")
                    .help(format!("write `{name} {{ … }}`")),
            );
        } else {
            errors.push(self.unknown(written, "setting", at, shape));
        }
    }

    fn block(&mut self, b: &'b Block, shape: &Shape, errors: &mut Vec<Diagnostic>) {
        let written = b.ident.as_str();
        if let Some(name) = known(written, shape.blocks) {
            self.blocks.entry(name).or_default().push(b);
        } else if let Some(name) = known(written, shape.settings) {
            self.misspelt.push(name);
            errors.push(
                Diagnostic::error(format!("`{name}` is a setting, not a block"))
                    .at(header(b))
                    .help(format!("write `{name} = …`")),
            );
        } else {
            errors.push(self.unknown(written, "block", header(b), shape));
        }
    }
}

fn known(written: &str, names: &'static [&'static str]) -> Option<&'static str> {
    let snake = snake_case(written);
    names.iter().copied().find(|n| *n == snake)
}

fn unknown(written: &str, kind: &str, at: Span, shape: &Shape) -> Diagnostic {
    if RESERVED.contains(&written) {
        return Diagnostic::error(format!("`{written}` is reserved"))
            .at(at)
            .detail("it has no meaning yet")
            .help("it is kept free for a later version; choose another name or leave it out");
    }
    let names = || shape.settings.iter().chain(shape.blocks).copied();
    let mut error = Diagnostic::error(format!("{} has no {kind} `{written}`", shape.what))
        .at(at)
        .maybe_help(suggest::did_you_mean(written, names()))
        .maybe_help(instead(written, shape));
    if !shape.settings.is_empty() {
        error = error.help(format!("settings: {}", suggest::list(shape.settings.iter().copied())));
    }
    if !shape.blocks.is_empty() {
        error = error.help(format!("blocks: {}", suggest::list(shape.blocks.iter().copied())));
    }
    error
}

/// What to write for a name that people bring along from elsewhere.
fn instead(written: &str, shape: &Shape) -> Option<String> {
    let text = match written {
        "plugin_ref" | "pluginRef" => {
            "plugins are providers now: `provider_ref` in `input` and `output`"
        }
        "plugin_path" | "pluginPath" => {
            "plugins are providers now: `provider_path` in `input` and `output`"
        }
        "source" if shape.settings.contains(&"provider_ref") => {
            "an image stands in `provider_ref`, a local program in `provider_path`"
        }
        "resource" | "data" | "provider" | "terraform" if shape.settings.is_empty() => {
            "this is a file of dstream, not of Terraform"
        }
        "config" if shape.blocks.contains(&"input") => {
            "`config` belongs into `input`, `transform` or `output`"
        }
        _ => return None,
    };
    Some(text.to_owned())
}
