//! `var.x`, `local.x`, `path.module`, `task.name`, and names of for-expressions.

use std::cell::RefCell;

use hcl_edit::expr::{Expression, TraversalOperator};
use hcl_edit::{Decorated, Span as _};

use super::{Context, Evaluator, Scope, span};
use crate::diagnostic::{Diagnostic, Kind, Result};
use crate::source::Span;
use crate::suggest;
use crate::value::Value;

/// An entry of `locals`.
pub(crate) struct Local<'a> {
    expr: &'a Expression,
    key: Span,
    /// None: not computed yet.
    value: RefCell<Option<std::result::Result<Value, Diagnostic>>>,
}

const ROOTS: [&str; 4] = ["var", "local", "path", "task"];

impl<'a> Evaluator<'a> {
    /// Declares a local. False where there is one of the name already.
    pub(crate) fn declare_local(&mut self, name: &str, key: Span, expr: &'a Expression) -> bool {
        if self.locals.contains_key(name) {
            return false;
        }
        let local = Local { expr, key, value: RefCell::new(None) };
        self.locals.insert(name.to_owned(), local);
        true
    }

    /// Computes every local, so that mistakes show in those that nothing refers to, too. What only
    /// lacks something from outside is left to those who refer to it.
    pub(crate) fn check_locals(&self) -> Vec<Diagnostic> {
        for name in self.locals.keys() {
            // The error, if any, is kept with the local.
            drop(self.local(name, &(0..0)));
        }
        let error = |local: &Local<'_>| local.value.borrow().as_ref()?.as_ref().err().cloned();
        let errors = self.locals.values().filter_map(error);
        errors.filter(|e| e.kind == Kind::Mistake).collect()
    }

    /// The value of `root.<first>`, if `root` is one of those that the file has.
    pub(super) fn rooted(
        &self,
        root: &str,
        first: &Decorated<TraversalOperator>,
        root_at: &Span,
        scope: &Scope<'_>,
    ) -> Result<Option<Value>> {
        if !ROOTS.contains(&root) || scope.get(root).is_some() {
            return Ok(None);
        }
        let (name, at) = match first.value() {
            TraversalOperator::GetAttr(name) => (name.as_str().to_owned(), name.span()),
            TraversalOperator::Index(Expression::String(s)) => (s.as_str().to_owned(), s.span()),
            _ => {
                let what = format!("write a name after `{root}`: `{root}.<name>`");
                return Err(Diagnostic::error(what).at(root_at.clone()).into());
            }
        };
        let at = root_at.start..at.unwrap_or_else(|| root_at.clone()).end;
        self.reference(root, &name, &at, scope).map(Some)
    }

    fn reference(&self, root: &str, name: &str, at: &Span, scope: &Scope<'_>) -> Result<Value> {
        match (scope.context, root) {
            (Context::Constant(what), _) => {
                Err(Diagnostic::error(format!("{what} cannot refer to other values"))
                    .at(at.clone())
                    .help("write the value itself, or use a local in the place of the variable")
                    .into())
            }
            (Context::TemplateFile, _) => {
                Err(Diagnostic::error(format!("a template file does not know `{root}.{name}`"))
                    .at(at.clone())
                    .help("hand it over: `templatefile(path, { name = … })`")
                    .into())
            }
            (Context::Validation(own, value), "var") if own == name => {
                self.charge(value)?;
                Ok(value.clone())
            }
            (Context::Validation(own, _), _) => Err(Diagnostic::error(format!(
                "the validation of a variable may refer to `var.{own}` only"
            ))
            .at(at.clone())
            .into()),
            (_, "var") => self.variable(name, at),
            (_, "local") => self.local(name, at),
            (_, "path") => self.path(name, at),
            (Context::Task(task), _) if name == "name" => Ok(Value::string(task)),
            (Context::Task(_), _) => Err(unknown("task", name, ["name"].into_iter(), at).into()),
            _ => Err(Diagnostic::error("`task.name` is known only within a task")
                .at(at.clone())
                .into()),
        }
    }

    fn variable(&self, name: &str, at: &Span) -> Result<Value> {
        match self.variables.get(name) {
            Some(Ok(value)) => {
                self.charge(value).map_err(|e| Box::new(e.or_at(at)))?;
                Ok(value.clone())
            }
            Some(Err(error)) if error.kind == Kind::MissingInput => Err(error.clone().into()),
            Some(Err(_)) => Err(Diagnostic::consequence().at(at.clone()).into()),
            None => {
                let known = self.variables.keys().map(String::as_str);
                Err(unknown("var", name, known, at)
                    .help(format!("or declare it: `variable \"{name}\" {{ }}`"))
                    .into())
            }
        }
    }

    /// Computes a local when it is first referred to.
    fn local(&self, name: &str, at: &Span) -> Result<Value> {
        let Some(local) = self.locals.get(name) else {
            let known = self.locals.keys().map(String::as_str);
            return Err(unknown("local", name, known, at)
                .help(format!("or define it: `locals {{ {name} = … }}`"))
                .into());
        };
        if local.value.borrow().is_none() {
            if let Some(cycle) = self.cycle(name) {
                return Err(cycle.at(at.clone()).into());
            }
            self.computing.borrow_mut().push(name.to_owned());
            let result = self.eval(local.expr, &Scope::new(Context::File));
            self.computing.borrow_mut().pop();
            *local.value.borrow_mut() = Some(result.map_err(|e| e.or_at(&span(local.expr))));
        }
        match &*local.value.borrow() {
            Some(Ok(value)) => {
                self.charge(value).map_err(|e| Box::new(e.or_at(at)))?;
                Ok(value.clone())
            }
            Some(Err(error)) if error.kind == Kind::MissingInput => Err(error.clone().into()),
            // Told once, where the local is defined.
            _ => Err(Diagnostic::consequence().at(at.clone()).into()),
        }
    }

    fn cycle(&self, name: &str) -> Option<Diagnostic> {
        let computing = self.computing.borrow();
        let first = computing.iter().position(|n| n == name)?;
        let mut names: Vec<String> =
            computing[first..].iter().map(|n| format!("local.{n}")).collect();
        names.push(format!("local.{name}"));
        let mut error = Diagnostic::error("these locals refer to each other in a circle")
            .detail(names.join(" → "))
            .help("let one of them stand for itself");
        for name in &computing[first..] {
            let place = self.locals.get(name).map(|l| l.key.clone()).unwrap_or_default();
            error = error.related(place, "in the circle");
        }
        Some(error)
    }

    fn path(&self, name: &str, at: &Span) -> Result<Value> {
        match name {
            "module" | "root" => Ok(Value::string(self.folder.display().to_string())),
            _ => Err(unknown("path", name, ["module", "root"].into_iter(), at).into()),
        }
    }

    /// A name that stands alone.
    pub(super) fn name(&self, name: &str, at: &Span, scope: &Scope<'_>) -> Result<Value> {
        if name == "_"
            && !matches!(scope.context, Context::TemplateFile)
            && let Some(site) = self.actions.get(&at.start)
        {
            return self.action(site);
        }
        if let Some(value) = scope.get(name) {
            self.charge(value)?;
            return Ok(value.clone());
        }
        Err(self.unknown_name(name, scope).at(at.clone()).into())
    }

    fn unknown_name(&self, name: &str, scope: &Scope<'_>) -> Diagnostic {
        let error = Diagnostic::error(format!("unknown name `{name}`"));
        if ROOTS.contains(&name) {
            return error.help(format!("write a name after it: `{name}.<name>`"));
        }
        if matches!(name, "each" | "count" | "module" | "self") {
            return error.help(format!("`{name}` is reserved for later"));
        }
        if self.locals.contains_key(name) {
            return error.help(format!("did you mean `local.{name}`?"));
        }
        if self.variables.contains_key(name) {
            return error.help(format!("did you mean `var.{name}`?"));
        }
        let known = scope.all_names();
        let near = suggest::did_you_mean(name, known.iter().copied().chain(ROOTS));
        error
            .maybe_help(near)
            .help(format!("for a text write it in quotes: `\"{name}\"`"))
            .help("references are `var.<name>`, `local.<name>`, `path.module` and `task.name`")
    }
}

fn unknown<'k>(
    root: &str,
    name: &str,
    known: impl Iterator<Item = &'k str> + Clone,
    at: &Span,
) -> Diagnostic {
    let listed: Vec<String> = known.clone().take(20).map(|n| format!("{root}.{n}")).collect();
    let error = Diagnostic::error(format!("there is no `{root}.{name}`")).at(at.clone());
    let near = suggest::nearest(name, known).map(|n| format!("did you mean `{root}.{n}`?"));
    let error = error.maybe_help(near);
    if listed.is_empty() {
        return error;
    }
    error.help(format!("known are {}", suggest::list(listed.iter().map(String::as_str))))
}
