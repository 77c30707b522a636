//! `trust "SOURCE" { … }` in the `dstream` block: whose signature a provider must bear.

use hcl_edit::structure::{Block, BlockLabel};

use super::fields::{Fields, Shape};
use super::header;
use super::reader::Reader;
use crate::diagnostic::Diagnostic;
use crate::loaded::{Loaded, TrustSettings};

const TRUST: Shape = Shape {
    what: "`trust`",
    settings: &["require_signature", "public_key", "identity", "issuer", "trusted_root"],
    blocks: &[],
};

pub(super) fn load(blocks: &[&Block], reader: &mut Reader<'_, '_>, loaded: &mut Loaded) {
    for block in blocks {
        let Some(source) = source(block, reader) else { continue };
        let before = reader.errors.len();
        let fields = Fields::read(&block.body, &TRUST, &mut reader.errors);
        let settings = TrustSettings {
            require_signature: reader.bool(fields.setting_of("require_signature")).unwrap_or(true),
            public_keys: reader.one_or_more(fields.setting_of("public_key")),
            identities: reader.one_or_more(fields.setting_of("identity")),
            issuer: reader.filled(fields.setting_of("issuer")),
            trusted_root: reader.filled(fields.setting_of("trusted_root")),
            span: header(block),
        };
        // What is in error is not missed besides.
        if reader.errors.len() == before {
            check(&settings, reader);
        }
        if loaded.settings.trust.insert(source.clone(), settings).is_some() {
            reader.errors.push(
                Diagnostic::error(format!("there are two `trust` blocks for {source}"))
                    .at(header(block))
                    .help("put the settings into one of them; keys and identities may be lists"),
            );
        }
    }
}

fn check(settings: &TrustSettings, reader: &mut Reader<'_, '_>) {
    let TrustSettings { public_keys, identities, issuer, span, .. } = settings;
    let wrong = if public_keys.is_empty() && identities.is_empty() && issuer.is_none() {
        Some((
            "a `trust` block must say whose signature counts",
            "add `public_key`, or `identity` and `issuer`: a signature by just anybody proves nothing",
        ))
    } else if identities.is_empty() != issuer.is_none() {
        Some((
            "`identity` and `issuer` belong together",
            "say who signs, and who vouches for it: `issuer = \"https://token.actions.githubusercontent.com\"` for workflows on GitHub",
        ))
    } else if identities.is_empty() && settings.trusted_root.is_some() {
        Some((
            "`trusted_root` is for signatures by `identity`",
            "a `public_key` needs no root: remove it",
        ))
    } else {
        None
    };
    if let Some((summary, help)) = wrong {
        reader.errors.push(Diagnostic::error(summary).at(span.clone()).help(help));
    }
}

fn source(block: &Block, reader: &mut Reader<'_, '_>) -> Option<String> {
    if let [BlockLabel::String(source)] = &block.labels[..] {
        return Some(source.as_str().to_owned());
    }
    reader.errors.push(
        Diagnostic::error("a `trust` block needs a source as its label").at(header(block)).help(
            "write `trust \"ghcr.io/acme/dstream-in-foo\" { … }`, or `\"ghcr.io/acme/*\"`, or `\"*\"`",
        ),
    );
    None
}
