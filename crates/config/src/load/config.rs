//! The free-form `config` block becomes JSON; secrets go their own way.

use std::collections::BTreeMap;

use dstream_task::Secrets;
use dstream_task::secret;
use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::structure::{Attribute, Block, Body, Structure};
use serde_json::{Map, Value as Json};

use super::header;
use super::reader::Reader;
use crate::diagnostic::Diagnostic;
use crate::eval::span;
use crate::source::Span;
use crate::spans::BlockSpans;
use crate::value::{Kind, Value};

/// Writes the config of one block.
pub(super) struct Writer<'w, 'r, 'a> {
    pub(super) reader: &'w mut Reader<'r, 'a>,
    pub(super) secrets: &'w mut Secrets,
    pub(super) spans: &'w mut BlockSpans,
    /// What the ids of the block's secrets begin with: `orders/output.main/`.
    pub(super) id: String,
}

impl Writer<'_, '_, '_> {
    /// The block itself.
    pub(super) fn block(&mut self, block: &Block) -> Json {
        self.spans.insert("", header(block), header(block));
        Json::Object(self.body(&block.body, ""))
    }

    /// Attributes as they are; a block becomes an object, of one name several become a list.
    fn body(&mut self, body: &Body, path: &str) -> Map<String, Json> {
        let mut map = Map::new();
        let mut blocks: BTreeMap<&str, Vec<&Block>> = BTreeMap::new();
        for structure in body.iter() {
            match structure {
                Structure::Attribute(a) => {
                    if let Some(value) = self.attribute(a, &join(path, a.key.as_str())) {
                        map.insert(a.key.as_str().to_owned(), value);
                    }
                }
                Structure::Block(b) => blocks.entry(b.ident.as_str()).or_default().push(b),
            }
        }
        for (name, same) in blocks {
            if name == "dynamic" {
                self.reserved(&same);
            } else if body.has_attribute(name) {
                let what = format!("`{name}` is a setting and a block at once");
                self.error(Diagnostic::error(what).at(header(same[0])));
            } else {
                map.insert(name.to_owned(), self.blocks(&same, &join(path, name)));
            }
        }
        map
    }

    fn reserved(&mut self, blocks: &[&Block]) {
        for block in blocks {
            self.error(
                Diagnostic::error("`dynamic` is reserved")
                    .at(header(block))
                    .detail("it has no meaning yet")
                    .help("to repeat a block, write a list: `name = [for x in list : { … }]`"),
            );
        }
    }

    /// Blocks of one name. With labels: an object by label.
    fn blocks(&mut self, blocks: &[&Block], path: &str) -> Json {
        if blocks.iter().all(|b| b.labels.is_empty()) {
            return self.same_blocks(blocks, path);
        }
        let mut map = Map::new();
        let mut labels: Vec<&str> = Vec::new();
        for block in blocks {
            let Some(label) = block.labels.first().filter(|_| block.labels.len() == 1) else {
                let what = "of several blocks of one name all have one label, or none has";
                self.error(Diagnostic::error(what).at(header(block)));
                continue;
            };
            if !labels.contains(&label.as_str()) {
                labels.push(label.as_str());
            }
        }
        for label in labels {
            let labelled = |b: &&&Block| b.labels.first().is_some_and(|l| l.as_str() == label);
            let same: Vec<&Block> = blocks.iter().filter(labelled).copied().collect();
            map.insert(label.to_owned(), self.same_blocks(&same, &join(path, label)));
        }
        Json::Object(map)
    }

    fn same_blocks(&mut self, blocks: &[&Block], path: &str) -> Json {
        if let [one] = blocks {
            self.spans.insert(path, header(one), header(one));
            return Json::Object(self.body(&one.body, path));
        }
        let each = blocks.iter().enumerate().map(|(i, block)| {
            let path = format!("{path}[{i}]");
            self.spans.insert(&path, header(block), header(block));
            Json::Object(self.body(&block.body, &path))
        });
        Json::Array(each.collect())
    }

    /// None where it is null, which is as if it were not written, or in error.
    fn attribute(&mut self, attribute: &Attribute, path: &str) -> Option<Json> {
        let key = attribute.key.span().unwrap_or_default();
        self.note(path, key, &attribute.value);
        self.reserved_key(attribute.key.as_str(), attribute.key.span());
        let value = self.reader.value(attribute).filter(|v| !v.is_null())?;
        self.check_keys(&value, attribute);
        Some(self.store(value, &format!("config.{path}")))
    }

    /// Remembers where the parts of a literal list or object are written.
    fn note(&mut self, path: &str, key: Span, expr: &Expression) {
        self.spans.insert(path, key, span(expr));
        match expr {
            Expression::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.note(&format!("{path}[{i}]"), span(item), item);
                }
            }
            Expression::Object(object) => {
                for (key, value) in object.iter() {
                    let (name, place) = match key {
                        ObjectKey::Ident(name) => (name.as_str(), name.span()),
                        ObjectKey::Expression(Expression::String(s)) => (s.as_str(), s.span()),
                        ObjectKey::Expression(_) => continue,
                    };
                    self.note(&join(path, name), place.unwrap_or_default(), value.expr());
                }
            }
            Expression::Parenthesis(inner) => self.note(path, key_of(expr), inner.inner()),
            _ => {}
        }
    }

    /// The JSON of a value. What is sensitive becomes a reference.
    fn store(&mut self, value: Value, path: &str) -> Json {
        if value.sensitive {
            return self.secrets.insert(format!("{}{path}", self.id), value.to_json());
        }
        match value.kind {
            Kind::List(items) | Kind::Set(items) => {
                let each = items.into_iter().enumerate();
                each.map(|(i, v)| self.store(v, &format!("{path}[{i}]"))).collect()
            }
            Kind::Object(map) => {
                let each = map.into_iter();
                let each = each.map(|(k, v)| {
                    let stored = self.store(v, &format!("{path}.{k}"));
                    (k, stored)
                });
                Json::Object(each.collect())
            }
            _ => value.to_json(),
        }
    }

    /// A config that could be taken for a reference to a secret is refused.
    fn check_keys(&mut self, value: &Value, attribute: &Attribute) {
        if holds_reference(value) {
            self.reserved_key(secret::KEY, Some(span(&attribute.value)));
        }
    }

    fn reserved_key(&mut self, key: &str, at: Option<Span>) {
        if key == secret::KEY {
            let what = format!("`{key}` is reserved: dstream marks secrets with it");
            self.error(Diagnostic::error(what).at(at.unwrap_or_default()));
        }
    }

    fn error(&mut self, error: Diagnostic) {
        self.reader.errors.push(error);
    }

    /// `env = { NAME = value }`.
    pub(super) fn env_map(&mut self, attribute: &Attribute) -> BTreeMap<String, Json> {
        let Some(value) = self.reader.value(attribute) else { return BTreeMap::new() };
        let sensitive = value.sensitive;
        let Kind::Object(map) = value.kind else {
            self.reader.refuse(attribute, "a map".into(), "write `env = { NAME = \"value\" }`");
            return BTreeMap::new();
        };
        let mut all = BTreeMap::new();
        for (name, value) in map {
            if let Some(value) = self.env_entry(&name, value.tainted(sensitive), attribute) {
                all.insert(name, value);
            }
        }
        all
    }

    pub(super) fn env_value(&mut self, attribute: &Attribute) -> Option<Json> {
        let value = self.reader.value(attribute)?;
        self.env_entry(attribute.key.as_str(), value, attribute)
    }

    /// Variables of the environment are texts; null is as if it were not written.
    fn env_entry(&mut self, name: &str, value: Value, attribute: &Attribute) -> Option<Json> {
        if value.is_null() {
            return None;
        }
        let Some(text) = value.to_text() else {
            let why = format!("this is {}", value.describe());
            self.reader.refuse(attribute, "made of texts, numbers and bools".into(), &why);
            return None;
        };
        let text = Value::string(text).tainted(value.sensitive);
        Some(self.store(text, &format!("env.{name}")))
    }
}

fn key_of(expr: &Expression) -> Span {
    span(expr)
}

fn holds_reference(value: &Value) -> bool {
    match &value.kind {
        Kind::Object(map) => map.contains_key(secret::KEY) || map.values().any(holds_reference),
        Kind::List(items) | Kind::Set(items) => items.iter().any(holds_reference),
        _ => false,
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
