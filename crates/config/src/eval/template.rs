//! Strings with `${ … }`, `%{ if }` and `%{ for }`.

use std::borrow::Cow;

use hcl_edit::template::{
    Directive, Element, ForDirective, HeredocTemplate, IfDirective, Template,
};

use super::{Evaluator, Scope, for_expr::names, span};
use crate::diagnostic::{Diagnostic, Result};
use crate::source::Span;
use crate::syntax::action::{Action, Place, Site};
use crate::value::{Kind, Number, Value};

/// What is written so far, and whether a part of it is sensitive.
#[derive(Default)]
struct Written {
    text: String,
    sensitive: bool,
}

/// Whether `~` takes the white space at the two ends, and how far lines are indented in the file.
#[derive(Clone, Copy, Default)]
struct Trim {
    start: bool,
    end: bool,
    /// What `<<-` takes from each line. The parser does that outside of directives, not in them.
    indent: usize,
}

impl Evaluator<'_> {
    /// A string that is one interpolation and nothing else keeps the value's type.
    pub(super) fn template(&self, template: &Template, scope: &Scope<'_>) -> Result<Value> {
        if let Some(Element::Interpolation(only)) = template.as_single_element() {
            return self.eval(&only.expr, scope);
        }
        self.text(template, scope)
    }

    /// `<<EOT` and `<<-EOT`.
    pub(super) fn heredoc(&self, heredoc: &HeredocTemplate, scope: &Scope<'_>) -> Result<Value> {
        let mut out = Written::default();
        let trim = Trim { indent: heredoc.indent().unwrap_or(0), ..Trim::default() };
        self.write(&heredoc.template, trim, true, scope, &mut out)?;
        Ok(Value::string(out.text).tainted(out.sensitive))
    }

    /// Always a string.
    pub(crate) fn text(&self, template: &Template, scope: &Scope<'_>) -> Result<Value> {
        let mut out = Written::default();
        self.write(template, Trim::default(), true, scope, &mut out)?;
        Ok(Value::string(out.text).tainted(out.sensitive))
    }

    fn write(
        &self,
        template: &Template,
        trim: Trim,
        outermost: bool,
        scope: &Scope<'_>,
        out: &mut Written,
    ) -> Result<()> {
        let mut start = trim.start;
        let mut elements = template.iter().peekable();
        while let Some(element) = elements.next() {
            let end = elements.peek().map_or(trim.end, |next| strips_before(next));
            match element {
                Element::Literal(text) => {
                    let cut = if outermost { 0 } else { trim.indent };
                    let text = dedent(text, cut);
                    let text = if start { text.trim_start() } else { &text };
                    out.text.push_str(if end { text.trim_end() } else { text });
                }
                Element::Interpolation(i) => {
                    let value = self.eval(&i.expr, scope)?;
                    let text = value.to_text().ok_or_else(|| no_text(&value, span(&i.expr)))?;
                    self.charge_bytes(text.len() as u64)?;
                    out.text.push_str(&text);
                    out.sensitive |= value.sensitive;
                }
                Element::Directive(d) => match d.as_ref() {
                    Directive::If(d) => self.write_if(d, trim.indent, scope, out)?,
                    Directive::For(d) => self.write_for(d, trim.indent, scope, out)?,
                },
            }
            start = strips_after(element);
        }
        Ok(())
    }

    fn write_if(
        &self,
        d: &IfDirective,
        indent: usize,
        scope: &Scope<'_>,
        out: &mut Written,
    ) -> Result<()> {
        let (truth, secret) = self.truth(&d.if_expr.cond_expr, scope, "the condition of `if`")?;
        out.sensitive |= secret;
        let end = d.endif_expr.strip.strip_start();
        if truth {
            let end = d.else_expr.as_ref().map_or(end, |e| e.strip.strip_start());
            let trim = Trim { start: d.if_expr.strip.strip_end(), end, indent };
            return self.write(&d.if_expr.template, trim, false, scope, out);
        }
        if let Some(otherwise) = &d.else_expr {
            let trim = Trim { start: otherwise.strip.strip_end(), end, indent };
            return self.write(&otherwise.template, trim, false, scope, out);
        }
        Ok(())
    }

    fn write_for(
        &self,
        d: &ForDirective,
        indent: usize,
        scope: &Scope<'_>,
        out: &mut Written,
    ) -> Result<()> {
        let f = &d.for_expr;
        let collection = self.eval(&f.collection_expr, scope)?;
        out.sensitive |= collection.sensitive;
        let end = d.endfor_expr.strip.strip_start();
        let trim = Trim { start: f.strip.strip_end(), end, indent };
        let key_name = f.key_var.as_ref().map(|k| k.as_str());
        for (key, value) in self.pairs(&collection, &f.collection_expr)? {
            let before = out.text.len();
            let inner = scope.inner(names(key_name, f.value_var.as_str(), key, value));
            self.write(&f.template, trim, false, &inner, out)?;
            self.charge_bytes((out.text.len() - before) as u64)?;
        }
        Ok(())
    }

    /// The value of one of the original's templates.
    pub(super) fn action(&self, site: &Site) -> Result<Value> {
        let at = &site.span;
        let (name, default, quoted) = match &site.action {
            Action::Text(text) => return Ok(Value::string(text.as_str())),
            Action::Unsupported => return Err(Diagnostic::consequence().into()),
            Action::Env { name, default, quoted } => (name, default, quoted),
        };
        let set = (self.inputs.env)(name);
        let value = match (set, default) {
            (Some(text), None) => Value::string(text).tainted(true),
            (Some(text), Some(_)) if !text.is_empty() => Value::string(text).tainted(true),
            (_, Some(default)) => Value::string(default.as_str()),
            (None, None) => {
                let or = format!("{{{{ env \"{name}\" | default \"…\" }}}}");
                return Err(not_set(name, &or).at(at.clone()).into());
            }
        };
        if site.place != Place::Bare || *quoted {
            return Ok(value);
        }
        bare(&value).ok_or_else(|| {
            Diagnostic::error(format!("`{name}` is neither a number nor a bool"))
                .at(at.clone())
                .help(format!("for a text write it in quotes: `\"{{{{ env \"{name}\" }}}}\"`"))
                .into()
        })
    }
}

/// That an environment variable is missing.
pub(crate) fn not_set(name: &str, or: &str) -> Diagnostic {
    Diagnostic::error(format!("the environment variable `{name}` is not set"))
        .detail("needed here")
        .help(format!("set it: `export {name}=…`"))
        .help(format!("or give a default: `{or}`"))
        .missing_input()
}

/// Outside of a string the text itself is HCL: a number or a bool.
fn bare(value: &Value) -> Option<Value> {
    let Kind::String(text) = &value.kind else { return None };
    let plain = match text.as_str() {
        "true" => Value::from(true),
        "false" => Value::from(false),
        other => Value::from(Number::parse(other)?),
    };
    Some(plain.tainted(value.sensitive))
}

fn no_text(value: &Value, at: Span) -> Diagnostic {
    let error = Diagnostic::error("this cannot stand in a string")
        .at(at)
        .detail(format!("this is {}", value.describe()));
    match value.kind {
        Kind::Null => error.help("give it a value, or use `coalesce(value, \"\")`"),
        _ => error.help("use `join(\", \", list)` or `jsonencode(value)`"),
    }
}

/// Takes up to `indent` blanks from the beginning of each line but the first, which goes on from
/// what stands before it.
fn dedent(text: &str, indent: usize) -> Cow<'_, str> {
    if indent == 0 {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    for (i, line) in text.split_inclusive('\n').enumerate() {
        let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
        out.push_str(if i == 0 { line } else { &line[blanks.min(indent)..] });
    }
    out.into()
}

fn strips_before(element: &Element) -> bool {
    match element {
        Element::Literal(_) => false,
        Element::Interpolation(i) => i.strip.strip_start(),
        Element::Directive(d) => match d.as_ref() {
            Directive::If(d) => d.if_expr.strip.strip_start(),
            Directive::For(d) => d.for_expr.strip.strip_start(),
        },
    }
}

fn strips_after(element: &Element) -> bool {
    match element {
        Element::Literal(_) => false,
        Element::Interpolation(i) => i.strip.strip_end(),
        Element::Directive(d) => match d.as_ref() {
            Directive::If(d) => d.endif_expr.strip.strip_end(),
            Directive::For(d) => d.endfor_expr.strip.strip_end(),
        },
    }
}
