//! The lock file's text, read. What it does not know is an error: a newer dstream wrote it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;

use dstream_signature::Signer;
use hcl_edit::Span as _;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Attribute, Block, BlockLabel, Body};

use super::{LockError, LockFile, Locked};
use crate::digest::Digest;
use crate::oci::{Binary, Blob};
use crate::platform::Platform;

/// What is wrong, and where.
type Wrong = (Option<Range<usize>>, String);

pub(super) fn read(text: &str, path: &Path) -> Result<LockFile, LockError> {
    let place = |at: usize, reason: String| {
        let before = &text[..text.floor_char_boundary(at)];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        LockError::Wrong { path: path.to_owned(), line, column, reason }
    };
    let body = hcl_edit::parser::parse_body(text)
        .map_err(|e| place(e.location().offset(), e.message().to_owned()))?;
    file(&body).map_err(|(at, reason)| place(at.map_or(0, |range| range.start), reason))
}

fn file(body: &Body) -> Result<LockFile, Wrong> {
    let mut providers = BTreeMap::new();
    if let Some(attribute) = body.attributes().next() {
        return Err((attribute.span(), unknown(attribute.key.as_str(), "`provider` blocks")));
    }
    for block in body.blocks() {
        if block.ident.as_str() != "provider" {
            return Err((block.span(), unknown(block.ident.as_str(), "`provider` blocks")));
        }
        let key = label(block)?;
        if providers.insert(key.clone(), provider(block)?).is_some() {
            return Err((block.span(), format!("`{key}` is locked twice")));
        }
    }
    Ok(LockFile { providers })
}

fn provider(block: &Block) -> Result<Locked, Wrong> {
    let (mut constraint, mut tag, mut digest) = (None, None, None);
    for attribute in block.body.attributes() {
        match attribute.key.as_str() {
            "constraint" => constraint = Some(text(attribute)?),
            "tag" => tag = Some(text(attribute)?),
            "digest" => digest = Some(parsed::<Digest>(attribute)?),
            other => {
                let known = "`constraint`, `tag`, `digest`, `signer` and `platform` blocks";
                return Err((attribute.span(), unknown(other, known)));
            }
        }
    }
    let (mut platforms, mut signed) = (BTreeMap::new(), None);
    for inner in block.body.blocks() {
        match inner.ident.as_str() {
            "platform" => {}
            "signer" if signed.is_none() => {
                signed = Some(signer(inner)?);
                continue;
            }
            "signer" => return Err((inner.span(), "`signer` is there twice".to_owned())),
            other => {
                let known = "`signer` and `platform` blocks";
                return Err((inner.span(), unknown(other, known)));
            }
        }
        let name: Platform = label(inner)?.parse().map_err(|e| wrong(inner.span(), e))?;
        if platforms.insert(name.clone(), binary(inner)?).is_some() {
            return Err((inner.span(), format!("{name} is there twice")));
        }
    }
    let digest = digest.ok_or_else(|| (block.span(), "`digest` is missing".to_owned()))?;
    Ok(Locked { constraint, tag, digest, signer: signed, platforms })
}

fn signer(block: &Block) -> Result<Signer, Wrong> {
    let (mut key, mut identity, mut issuer) = (None, None, None);
    for attribute in block.body.attributes() {
        match attribute.key.as_str() {
            "key" => key = Some(text(attribute)?),
            "identity" => identity = Some(text(attribute)?),
            "issuer" => issuer = Some(text(attribute)?),
            other => {
                let known = "`key`, or `identity` and `issuer`";
                return Err((attribute.span(), unknown(other, known)));
            }
        }
    }
    match (key, identity, issuer) {
        (Some(fingerprint), None, None) => Ok(Signer::Key { fingerprint }),
        (None, Some(identity), Some(issuer)) => Ok(Signer::Identity { identity, issuer }),
        _ => Err((block.span(), "it needs `key`, or `identity` and `issuer`".to_owned())),
    }
}

fn binary(block: &Block) -> Result<Binary, Wrong> {
    let (mut program, mut size, mut description) = (None, None, None);
    for attribute in block.body.attributes() {
        match attribute.key.as_str() {
            "program" => program = Some(parsed::<Digest>(attribute)?),
            "size" => size = Some(number(attribute)?),
            "description" => description = Some(parsed::<Digest>(attribute)?),
            other => {
                let known = "`program`, `size` and `description`";
                return Err((attribute.span(), unknown(other, known)));
            }
        }
    }
    match (program, size) {
        (Some(digest), Some(size)) => Ok(Binary { program: Blob { digest, size }, description }),
        _ => Err((block.span(), "`program` or `size` is missing".to_owned())),
    }
}

fn label(block: &Block) -> Result<String, Wrong> {
    match &block.labels[..] {
        [BlockLabel::String(label)] => Ok(label.as_str().to_owned()),
        _ => Err((block.span(), format!("`{}` needs one label in quotes", block.ident.as_str()))),
    }
}

fn text(attribute: &Attribute) -> Result<String, Wrong> {
    match &attribute.value {
        Expression::String(text) => Ok(text.as_str().to_owned()),
        other => Err((other.span(), format!("`{}` must be a string", attribute.key.as_str()))),
    }
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(attribute: &Attribute) -> Result<T, Wrong> {
    text(attribute)?.parse().map_err(|e| wrong(attribute.value.span(), e))
}

fn number(attribute: &Attribute) -> Result<u64, Wrong> {
    let number = match &attribute.value {
        Expression::Number(number) => number.value().as_u64(),
        _ => None,
    };
    number.ok_or_else(|| {
        let reason = format!("`{}` must be a whole number", attribute.key.as_str());
        (attribute.value.span(), reason)
    })
}

fn wrong(at: Option<Range<usize>>, error: impl std::fmt::Display) -> Wrong {
    (at, error.to_string())
}

fn unknown(name: &str, known: &str) -> String {
    format!("`{name}` means nothing here; known are {known}")
}
