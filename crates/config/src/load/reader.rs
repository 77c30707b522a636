//! Reads settings as what they must be; what is wrong is kept, not returned.

use std::time::Duration;

use dstream_protocol::byte_size;
use hcl_edit::structure::Attribute;

use crate::diagnostic::{Diagnostic, Kind};
use crate::duration;
use crate::eval::{Context, Evaluator, Scope, span};
use crate::suggest;
use crate::value::{Kind as ValueKind, Number, Value};

/// Reads the settings of one part of a file.
pub(super) struct Reader<'r, 'a> {
    pub(super) evaluator: &'r Evaluator<'a>,
    pub(super) scope: Scope<'r>,
    pub(super) errors: Vec<Diagnostic>,
}

impl<'r, 'a> Reader<'r, 'a> {
    pub(super) fn new(evaluator: &'r Evaluator<'a>, context: Context<'r>) -> Self {
        Self { evaluator, scope: Scope::new(context), errors: Vec::new() }
    }

    /// The value; none where it is in error.
    pub(super) fn value(&mut self, attribute: &Attribute) -> Option<Value> {
        match self.evaluator.eval(&attribute.value, &self.scope) {
            Ok(value) => Some(value),
            Err(error) => {
                self.errors.push(error.or_at(&span(&attribute.value)));
                None
            }
        }
    }

    /// The value, where there is one that is not null.
    fn given(&mut self, attribute: Option<&Attribute>) -> Option<Value> {
        self.value(attribute?).filter(|v| !v.is_null())
    }

    pub(super) fn refuse(&mut self, attribute: &Attribute, what: String, why: &str) {
        self.errors.push(
            Diagnostic::error(format!("`{}` must be {what}", attribute.key.as_str()))
                .at(span(&attribute.value))
                .detail(why.to_owned()),
        );
    }

    fn wrong_type(&mut self, attribute: &Attribute, wanted: &str, value: &Value) {
        self.refuse(attribute, wanted.to_owned(), &format!("this is {}", value.describe()));
    }

    pub(super) fn text(&mut self, attribute: Option<&Attribute>) -> Option<String> {
        let value = self.given(attribute)?;
        let text = value.to_text();
        if text.is_none() {
            self.wrong_type(attribute?, "a string", &value);
        }
        text
    }

    /// A text that says something.
    pub(super) fn filled(&mut self, attribute: Option<&Attribute>) -> Option<String> {
        let text = self.text(attribute)?;
        if text.trim().is_empty() {
            self.refuse(attribute?, "a name".into(), "this is empty");
            return None;
        }
        Some(text)
    }

    pub(super) fn bool(&mut self, attribute: Option<&Attribute>) -> Option<bool> {
        let value = self.given(attribute)?;
        let truth = value.to_bool();
        if truth.is_none() {
            self.wrong_type(attribute?, "true or false", &value);
        }
        truth
    }

    /// A whole number, at least `least`.
    pub(super) fn int<T: TryFrom<i128>>(
        &mut self,
        attribute: Option<&Attribute>,
        least: i128,
    ) -> Option<T> {
        let value = self.given(attribute)?;
        let number = value.to_number().and_then(Number::as_int).filter(|n| *n >= least);
        let number = number.and_then(|n| T::try_from(n).ok());
        if number.is_none() {
            let why = match value.to_number() {
                Some(_) => "this number is out of range".to_owned(),
                None => format!("this is {}", value.describe()),
            };
            self.refuse(attribute?, format!("a whole number, at least {least}"), &why);
        }
        number
    }

    /// `"5s"`, or a number of milliseconds.
    pub(super) fn duration(&mut self, attribute: Option<&Attribute>) -> Option<Duration> {
        let value = self.given(attribute)?;
        let parsed = match &value.kind {
            ValueKind::String(text) => duration::parse(text).map_err(|e| e.to_string()),
            ValueKind::Number(n) if n.as_f64() >= 0.0 => {
                let length = Duration::try_from_secs_f64(n.as_f64() / 1000.0);
                length.map_err(|_| "too large".to_owned())
            }
            ValueKind::Number(_) => Err("this is less than nothing".to_owned()),
            _ => Err(format!("this is {}", value.describe())),
        };
        match parsed {
            Ok(length) => Some(length),
            Err(why) => {
                self.refuse(attribute?, "a duration".into(), &why);
                self.help("write `\"500ms\"`, `\"5s\"`, `\"1m30s\"`, or a number of milliseconds");
                None
            }
        }
    }

    /// `"16MiB"`, or a number of bytes.
    pub(super) fn size(&mut self, attribute: Option<&Attribute>) -> Option<usize> {
        let value = self.given(attribute)?;
        let parsed = match value.to_text() {
            Some(text) => byte_size::parse(&text).map_err(|e| e.to_string()),
            None => Err(format!("this is {}", value.describe())),
        };
        match parsed.and_then(|n| usize::try_from(n).map_err(|e| e.to_string())) {
            Ok(size) => Some(size),
            Err(why) => {
                self.refuse(attribute?, "a size".into(), &why);
                self.help("write `\"16MiB\"`, `\"64KiB\"`, or a number of bytes");
                None
            }
        }
    }

    pub(super) fn texts(&mut self, attribute: Option<&Attribute>) -> Option<Vec<String>> {
        let value = self.given(attribute)?;
        let texts: Option<Vec<String>> =
            value.elements().and_then(|all| all.iter().map(Value::to_text).collect());
        if texts.is_none() {
            self.wrong_type(attribute?, "a list of strings", &value);
        }
        texts
    }

    /// One text, or a list of some.
    pub(super) fn one_or_more(&mut self, attribute: Option<&Attribute>) -> Vec<String> {
        let Some(value) = self.given(attribute) else { return Vec::new() };
        let texts: Option<Vec<String>> = match value.to_text() {
            Some(text) => Some(vec![text]),
            None => value.elements().and_then(|all| all.iter().map(Value::to_text).collect()),
        };
        let filled = texts.filter(|all| all.iter().all(|text| !text.trim().is_empty()));
        match (filled, attribute) {
            (Some(texts), _) => texts,
            (None, Some(attribute)) => {
                self.wrong_type(
                    attribute,
                    "a string, or a list of some, none of them empty",
                    &value,
                );
                Vec::new()
            }
            (None, None) => Vec::new(),
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        attribute: Option<&Attribute>,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        let value = self.given(attribute)?;
        let attribute = attribute?;
        let text = value.to_text().unwrap_or_default();
        if let Some((_, found)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*found);
        }
        let known = || words.iter().map(|(word, _)| *word);
        let written = if value.sensitive { "this value".into() } else { format!("`{text}`") };
        let name = attribute.key.as_str();
        let mut error = Diagnostic::error(format!("`{name}` cannot be {written}"))
            .at(span(&attribute.value))
            .help(format!("it can be {}", suggest::either(known())));
        if !value.sensitive
            && let Some(near) = suggest::did_you_mean(&text, known())
        {
            error.help.insert(0, near);
        }
        self.errors.push(error);
        None
    }

    /// A line of help for the last error.
    pub(super) fn help(&mut self, text: &str) {
        if let Some(last) = self.errors.last_mut()
            && last.kind == Kind::Mistake
        {
            last.help.push(text.to_owned());
        }
    }
}
