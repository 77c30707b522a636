//! `registry "HOST" { … }` in the `dstream` block: how a registry is reached.

use hcl_edit::structure::{Block, BlockLabel};

use super::fields::{Fields, Shape};
use super::header;
use super::reader::Reader;
use crate::diagnostic::Diagnostic;
use crate::loaded::{Loaded, RegistrySettings};

const REGISTRY: Shape =
    Shape { what: "`registry`", settings: &["plain_http", "ca_file", "mirror"], blocks: &[] };

pub(super) fn load(blocks: &[&Block], reader: &mut Reader<'_, '_>, loaded: &mut Loaded) {
    for block in blocks {
        let Some(host) = host(block, reader) else { continue };
        let fields = Fields::read(&block.body, &REGISTRY, &mut reader.errors);
        let settings = RegistrySettings {
            plain_http: reader.bool(fields.setting_of("plain_http")),
            ca_file: reader.filled(fields.setting_of("ca_file")),
            mirror: reader.filled(fields.setting_of("mirror")),
        };
        if settings.plain_http == Some(true) && settings.ca_file.is_some() {
            reader.errors.push(
                Diagnostic::error("`plain_http` and `ca_file` exclude each other")
                    .at(header(block))
                    .help("without TLS there is no certificate: remove one of them"),
            );
        }
        if loaded.settings.registries.insert(host.clone(), settings).is_some() {
            reader.errors.push(
                Diagnostic::error(format!("there are two `registry` blocks for {host}"))
                    .at(header(block))
                    .help("put the settings into one of them"),
            );
        }
    }
}

/// As references begin: a name or an address, perhaps a port.
fn host(block: &Block, reader: &mut Reader<'_, '_>) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    match &block.labels[..] {
        [BlockLabel::String(host)] if !host.is_empty() && host.chars().all(plain) => {
            return Some(host.as_str().to_owned());
        }
        _ => {}
    }
    reader.errors.push(
        Diagnostic::error("a `registry` block needs the registry's host as its label")
            .at(header(block))
            .help("write `registry \"ghcr.io\" { … }`, with a port where references have one"),
    );
    None
}
