//! The functions of task files: one table a group, one file a table.
//!
//! A function is a row: name, parameters, one line of help, what it does with sensitive arguments,
//! code. Names and behaviour are Terraform's where it has the function.

mod call;
mod collections;
mod conversion;
mod dates;
mod encoding;
mod environment;
mod files;
mod numbers;
mod printf;
mod sets;
mod text;

use hcl_edit::expr::Expression;

use crate::diagnostic::Result;
use crate::eval::{Evaluator, Scope};
use crate::source::Span;
use crate::value::Value;

pub(crate) use call::{Arg, Call};

/// One function.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// `name`, `name?` (may be left out), `name...` (any number).
    params: &'static [&'static str],
    pub(crate) help: &'static str,
    pub(crate) taint: Taint,
    pub(crate) run: Run,
}

/// When the result is sensitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taint {
    /// If anything in any argument is.
    Any,
    /// If an argument itself is; what is in it keeps its own mark.
    Pieces,
    /// The function decides.
    Never,
}

pub(crate) enum Run {
    Plain(fn(&Call<'_, '_>) -> Result<Value>),
    /// Gets expressions, not values.
    Lazy(fn(&Evaluator<'_>, &[&Expression], &Scope<'_>, &Span) -> Result<Value>),
}

/// The groups, in the order of the documentation.
const GROUPS: &[(&str, &[Function])] = &[
    ("environment and secrets", environment::FUNCTIONS),
    ("text", text::FUNCTIONS),
    ("lists and maps", collections::FUNCTIONS),
    ("sets", sets::FUNCTIONS),
    ("numbers", numbers::FUNCTIONS),
    ("conversion", conversion::FUNCTIONS),
    ("encoding", encoding::FUNCTIONS),
    ("dates", dates::FUNCTIONS),
    ("files", files::FUNCTIONS),
];

/// A function, for the documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionInfo {
    /// The name.
    pub name: &'static str,
    /// The heading that it stands under.
    pub group: &'static str,
    /// `replace(text, search, replacement)`.
    pub signature: String,
    /// What it gives, in one line.
    pub help: &'static str,
}

/// All functions, by group.
pub fn functions() -> Vec<FunctionInfo> {
    let info = |group| {
        move |f: &Function| FunctionInfo {
            name: f.name,
            group,
            signature: f.signature(),
            help: f.help,
        }
    };
    GROUPS.iter().flat_map(|(group, table)| table.iter().map(info(group))).collect()
}

pub(crate) fn all() -> impl Iterator<Item = &'static Function> {
    GROUPS.iter().flat_map(|(_, table)| table.iter())
}

pub(crate) fn find(name: &str) -> Option<&'static Function> {
    all().find(|f| f.name == name)
}

/// What to use for a function that other tools have.
pub(crate) fn elsewhere(name: &str) -> Option<&'static str> {
    Some(match name {
        "getenv" | "get_env" | "environ" => "use `env(\"NAME\")`",
        "default" => "use `coalesce(value, default)`, or `env(\"NAME\", \"default\")`",
        "toJson" | "to_json" | "tojson" => "use `jsonencode(value)`",
        "fromJson" | "from_json" => "use `jsondecode(text)`",
        "quote" | "squote" => "use `jsonencode(text)`",
        "if" => "use `condition ? a : b`",
        "md5" | "sha1" => "use `sha256(text)`",
        "int" | "float" | "number" => "use `tonumber(value)`",
        "string" | "str" => "use `tostring(value)`",
        "len" | "size" | "count" => "use `length(value)`",
        "has" => "use `contains(list, value)`, or `can(object.key)`",
        _ => return None,
    })
}

impl Function {
    const fn new(
        name: &'static str,
        params: &'static [&'static str],
        help: &'static str,
        run: fn(&Call<'_, '_>) -> Result<Value>,
    ) -> Self {
        Self { name, params, help, taint: Taint::Any, run: Run::Plain(run) }
    }

    /// The same, whose result is made of pieces of its arguments.
    const fn pieces(
        name: &'static str,
        params: &'static [&'static str],
        help: &'static str,
        run: fn(&Call<'_, '_>) -> Result<Value>,
    ) -> Self {
        Self { name, params, help, taint: Taint::Pieces, run: Run::Plain(run) }
    }

    /// The fewest and the most arguments; none: any number.
    pub(crate) fn arity(&self) -> (usize, Option<usize>) {
        let plain = |p: &&&str| !p.ends_with(['?', '.']);
        let least = self.params.iter().filter(plain).count();
        let open = self.params.iter().any(|p| p.ends_with("..."));
        (least, (!open).then_some(self.params.len()))
    }

    /// `replace(text, search, replacement)`.
    pub(crate) fn signature(&self) -> String {
        let mut text = format!("{}(", self.name);
        for (i, param) in self.params.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            text += &match param.strip_suffix('?') {
                Some(optional) => format!("[{comma}{optional}]"),
                None => format!("{comma}{param}"),
            };
        }
        text + ")"
    }
}

#[cfg(test)]
mod tests;
