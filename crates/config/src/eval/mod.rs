//! Expressions become values. Each error points at the part that is wrong.
//!
//! Evaluation is lazy where Terraform's is: a local is computed when it is first referred to, of a
//! conditional only one side, and `try` and `can` get expressions, not values.

mod calls;
mod for_expr;
mod operators;
mod references;
mod scope;
mod template;
mod traversal;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, ObjectKey};

use crate::diagnostic::{Diagnostic, Result};
use crate::inputs::Inputs;
use crate::source::Span;
use crate::syntax::action::Site;
use crate::value::{Kind, Number, Value};

pub(crate) use references::Local;
pub(crate) use scope::{Context, Scope};
pub(crate) use template::not_set;

/// Expressions within expressions and locals within locals: more is an error, not a crash.
const MAX_DEPTH: usize = 400;

/// What all values together may cost, roughly in bytes copied. A few locals that each double the
/// one before would else fill the memory.
const MAX_WORK: u64 = 512 << 20;

/// Evaluates the expressions of one file.
pub(crate) struct Evaluator<'a> {
    pub(crate) inputs: &'a Inputs<'a>,
    /// The folder of the file; relative paths begin there.
    pub(crate) folder: PathBuf,
    pub(crate) actions: HashMap<usize, Site>,
    /// An error is reported where the variable is declared, not where it is referred to.
    pub(crate) variables: BTreeMap<String, std::result::Result<Value, Diagnostic>>,
    locals: BTreeMap<String, Local<'a>>,
    /// The locals that are being computed, innermost last.
    computing: RefCell<Vec<String>>,
    depth: Cell<usize>,
    work: Cell<u64>,
    /// Set within `templatefile`, which must not call itself.
    pub(crate) in_template_file: Cell<bool>,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(inputs: &'a Inputs<'a>, folder: PathBuf) -> Self {
        Self {
            inputs,
            folder,
            actions: HashMap::new(),
            variables: BTreeMap::new(),
            locals: BTreeMap::new(),
            computing: RefCell::new(Vec::new()),
            depth: Cell::new(0),
            work: Cell::new(0),
            in_template_file: Cell::new(false),
        }
    }

    /// The value of an expression.
    pub(crate) fn eval(&self, expr: &Expression, scope: &Scope<'_>) -> Result<Value> {
        let depth = self.depth.get();
        if depth >= MAX_DEPTH {
            return Err(too_deep().at(span(expr)).into());
        }
        self.depth.set(depth + 1);
        let result = self.eval_inner(expr, scope);
        self.depth.set(depth);
        result
    }

    fn eval_inner(&self, expr: &Expression, scope: &Scope<'_>) -> Result<Value> {
        match expr {
            Expression::Null(_) => Ok(Value::NULL),
            Expression::Bool(b) => Ok((*b.value()).into()),
            Expression::Number(n) => number(n.value(), expr),
            Expression::String(s) => Ok(Value::string(s.as_str())),
            Expression::Array(items) => {
                items.iter().map(|i| self.eval(i, scope)).collect::<Result<_>>().map(Value::list)
            }
            Expression::Object(object) => self.object(object, scope),
            Expression::StringTemplate(t) => self.template(t, scope),
            Expression::HeredocTemplate(t) => self.heredoc(t, scope),
            Expression::Parenthesis(inner) => self.eval(inner.inner(), scope),
            Expression::Variable(name) => self.name(name, &span(expr), scope),
            Expression::Conditional(c) => self.conditional(c, scope),
            Expression::FuncCall(call) => self.call(call, scope),
            Expression::Traversal(t) => self.traversal(t, scope),
            Expression::UnaryOp(op) => self.unary(op, scope),
            Expression::BinaryOp(op) => self.binary(op, scope),
            Expression::ForExpr(f) => self.for_expr(f, scope),
        }
    }

    fn object(&self, object: &hcl_edit::expr::Object, scope: &Scope<'_>) -> Result<Value> {
        let mut map = BTreeMap::new();
        let mut sensitive = false;
        for (key, value) in object.iter() {
            let (name, place) = match key {
                ObjectKey::Ident(name) => (name.as_str().to_owned(), name.span()),
                ObjectKey::Expression(expr) => {
                    let key = self.eval(expr, scope)?;
                    sensitive |= key.sensitive;
                    let text = key.to_text().ok_or_else(|| {
                        Diagnostic::error("a key must be a string")
                            .at(span(expr))
                            .detail(format!("this is {}", key.describe()))
                    })?;
                    (text, expr.span())
                }
            };
            let value = self.eval(value.expr(), scope)?;
            if map.insert(name, value).is_some() {
                let place = place.unwrap_or_default();
                return Err(Diagnostic::error("this key is in the object twice").at(place).into());
            }
        }
        Ok(Value::from(Kind::Object(map)).tainted(sensitive))
    }

    /// Accounts for a copy of a value.
    pub(crate) fn charge(&self, value: &Value) -> Result<()> {
        self.charge_bytes(value.size())
    }

    pub(crate) fn charge_bytes(&self, bytes: u64) -> Result<()> {
        let work = self.work.get().saturating_add(bytes);
        self.work.set(work);
        if work > MAX_WORK {
            return Err(Diagnostic::error("the values of this file are too large")
                .help("a local or a for-expression multiplies another; make it smaller")
                .into());
        }
        Ok(())
    }
}

fn too_deep() -> Diagnostic {
    Diagnostic::error("this is nested too deeply")
        .detail("too many expressions and locals within each other")
        .help("let fewer locals refer to each other in a chain")
}

fn number(number: &hcl_edit::Number, expr: &Expression) -> Result<Value> {
    let value = match (number.as_u64(), number.as_i64(), number.as_f64()) {
        (Some(u), _, _) => Some(Number::Int(u.into())),
        (_, Some(i), _) => Some(Number::Int(i.into())),
        (_, _, f) => f.and_then(Number::from_float),
    };
    value
        .map(Value::from)
        .ok_or_else(|| Box::new(Diagnostic::error("this number is out of range").at(span(expr))))
}

/// Where an expression is written.
pub(crate) fn span(expr: &Expression) -> Span {
    expr.span().unwrap_or_default()
}

#[cfg(test)]
mod tests;
