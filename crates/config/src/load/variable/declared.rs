//! What a block says of its variable.

use hcl_edit::expr::Expression;
use hcl_edit::structure::Block;

use crate::diagnostic::Diagnostic;
use crate::eval::{Context, Evaluator, span};
use crate::load::fields::Fields;
use crate::load::header;
use crate::load::reader::Reader;
use crate::loaded::{Loaded, VariableInfo};
use crate::source::{SourceFile, Span};
use crate::types::{Mismatch, Type};
use crate::value::Value;

/// A variable as it is declared.
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) of: Type,
    pub(super) default: Option<Value>,
    pub(super) sensitive: bool,
    pub(super) at: Span,
}

pub(super) fn declare(
    name: String,
    block: &Block,
    fields: &Fields<'_>,
    evaluator: &Evaluator<'_>,
    loaded: &mut Loaded,
    errors: &mut Vec<Diagnostic>,
) -> Option<Declared> {
    let constant = Context::Constant("a setting of a variable");
    let mut reader = Reader::new(evaluator, constant);
    let type_at = fields.setting_of("type").map(|a| &a.value);
    let of = match type_at.map(|expr| Type::parse(expr, evaluator)) {
        None => Some(Type::Any),
        Some(Ok(of)) => Some(of),
        Some(Err(error)) => {
            reader.errors.push(*error);
            None
        }
    };
    let sensitive = reader.bool(fields.setting_of("sensitive")).unwrap_or(false);
    let description = reader.text(fields.setting_of("description"));
    let default = fields.setting_of("default");
    let before = reader.errors.len();
    let value = default.and_then(|a| reader.value(a));
    let default_fails = reader.errors.len() > before;
    loaded.variables.push(VariableInfo {
        name: name.clone(),
        type_name: type_at.map_or_else(|| "any".into(), |e| written(e, &loaded.file)),
        description,
        sensitive,
        required: default.is_none(),
        span: header(block),
    });
    errors.append(&mut reader.errors);
    let of = of.filter(|_| !default_fails)?;
    let default = match value.map(|v| of.convert(v)).transpose() {
        Ok(default) => default,
        Err(mismatch) => {
            // The line of a sensitive default is not shown.
            let written = default.filter(|_| !sensitive).map(|a| span(&a.value));
            let at = written.unwrap_or_else(|| header(block));
            let what = format!("the default of `{name}` does not fit its type");
            errors.push(Diagnostic::error(what).at(at).detail(why(&mismatch)));
            return None;
        }
    };
    Some(Declared { name, of, default, sensitive, at: header(block) })
}

fn written(expr: &Expression, file: &SourceFile) -> String {
    let text = &file.text()[file.clamp(&span(expr))];
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Why a value does not fit its type, and where in it.
pub(super) fn why(mismatch: &Mismatch) -> String {
    match mismatch.path.trim_start_matches('.') {
        "" => format!("it {}", mismatch.why),
        path => format!("`{path}` {}", mismatch.why),
    }
}
