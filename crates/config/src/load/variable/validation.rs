//! What a value has to be beside its type.

use hcl_edit::Span as _;

use super::declared::Declared;
use crate::diagnostic::Diagnostic;
use crate::eval::{Context, Evaluator};
use crate::load::fields::{Fields, Shape};
use crate::load::header;
use crate::load::reader::Reader;
use crate::value::Value;

const VALIDATION: Shape =
    Shape { what: "`validation`", settings: &["condition", "error_message"], blocks: &[] };

pub(super) fn validate(
    declared: &Declared,
    value: &Value,
    fields: &Fields<'_>,
    evaluator: &Evaluator<'_>,
    errors: &mut Vec<Diagnostic>,
) {
    for block in fields.blocks("validation") {
        let f = Fields::read(&block.body, &VALIDATION, errors);
        let context = Context::Validation(&declared.name, value);
        let mut reader = Reader::new(evaluator, context);
        let Some(condition) = f.setting_of("condition") else {
            let what = "a validation needs `condition` and `error_message`";
            errors.push(Diagnostic::error(what).at(header(block)));
            continue;
        };
        if reader.bool(Some(condition)) == Some(false) {
            let message = f.setting_of("error_message");
            let text = message.and_then(|a| reader.value(a)).map_or_else(
                || "the condition is not met".to_owned(),
                |v| {
                    let secret = v.holds_secret();
                    let said = v.to_text().filter(|_| !secret);
                    said.unwrap_or_else(|| "(the message holds a sensitive value)".into())
                },
            );
            let at = condition.value.span().unwrap_or_default();
            let what = format!("the value of the variable `{}` is refused", declared.name);
            let mut error = Diagnostic::error(what).at(at).detail(text);
            // Nothing near a sensitive default is shown.
            if !declared.sensitive {
                error = error.related(declared.at.clone(), "this variable");
            }
            errors.push(error);
        }
        errors.append(&mut reader.errors);
    }
}
