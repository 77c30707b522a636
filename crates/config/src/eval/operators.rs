//! Operators and conditionals.

use std::cmp::Ordering;

use hcl_edit::Span as _;
use hcl_edit::expr::{BinaryOp, BinaryOperator, Conditional, Expression, UnaryOp, UnaryOperator};

use super::{Evaluator, Scope, span};
use crate::diagnostic::{Diagnostic, Result};
use crate::value::{Kind, Number, Value};

impl Evaluator<'_> {
    pub(super) fn conditional(&self, c: &Conditional, scope: &Scope<'_>) -> Result<Value> {
        let (truth, sensitive) = self.truth(&c.cond_expr, scope, "the condition")?;
        let chosen = if truth { &c.true_expr } else { &c.false_expr };
        Ok(self.eval(chosen, scope)?.tainted(sensitive))
    }

    /// An expression that must be true or false; whether that is sensitive.
    pub(super) fn truth(
        &self,
        expr: &Expression,
        scope: &Scope<'_>,
        what: &str,
    ) -> Result<(bool, bool)> {
        let value = self.eval(expr, scope)?;
        let truth = value.to_bool().ok_or_else(|| {
            Diagnostic::error(format!("{what} must be true or false"))
                .at(span(expr))
                .detail(format!("this is {}", value.describe()))
        })?;
        Ok((truth, value.sensitive))
    }

    pub(super) fn unary(&self, op: &UnaryOp, scope: &Scope<'_>) -> Result<Value> {
        match op.operator.value() {
            UnaryOperator::Not => {
                let (truth, sensitive) = self.truth(&op.expr, scope, "what `!` negates")?;
                Ok(Value::from(!truth).tainted(sensitive))
            }
            UnaryOperator::Neg => {
                let value = self.eval(&op.expr, scope)?;
                let number = operand(&value, &op.expr, "-")?;
                Ok(Value::from(number.neg()).tainted(value.sensitive))
            }
        }
    }

    pub(super) fn binary(&self, op: &BinaryOp, scope: &Scope<'_>) -> Result<Value> {
        let operator = *op.operator.value();
        if matches!(operator, BinaryOperator::And | BinaryOperator::Or) {
            return self.logical(op, operator, scope);
        }
        let left = self.eval(&op.lhs_expr, scope)?;
        let right = self.eval(&op.rhs_expr, scope)?;
        let value = match operator {
            BinaryOperator::Eq => Value::from(left.same(&right)),
            BinaryOperator::NotEq => Value::from(!left.same(&right)),
            _ => {
                if operator == BinaryOperator::Plus {
                    refuse_text(&left, &right, op)?;
                }
                let sign = operator.as_str();
                let a = operand(&left, &op.lhs_expr, sign)?;
                let b = operand(&right, &op.rhs_expr, sign)?;
                arithmetic(operator, a, b).ok_or_else(|| no_result(op, b))?
            }
        };
        Ok(value.tainted(left.holds_secret() || right.holds_secret()))
    }

    fn logical(&self, op: &BinaryOp, operator: BinaryOperator, scope: &Scope<'_>) -> Result<Value> {
        let what = format!("a side of `{}`", operator.as_str());
        let (left, left_secret) = self.truth(&op.lhs_expr, scope, &what)?;
        if left == (operator == BinaryOperator::Or) {
            return Ok(Value::from(left).tainted(left_secret));
        }
        let (right, right_secret) = self.truth(&op.rhs_expr, scope, &what)?;
        Ok(Value::from(right).tainted(left_secret || right_secret))
    }
}

fn operand(value: &Value, expr: &Expression, sign: &str) -> Result<Number> {
    value.to_number().ok_or_else(|| {
        Diagnostic::error(format!("`{sign}` needs numbers"))
            .at(span(expr))
            .detail(format!("this is {}", value.describe()))
            .into()
    })
}

/// The slip that everybody makes once: joining texts with `+`.
fn refuse_text(left: &Value, right: &Value, op: &BinaryOp) -> Result<()> {
    let text = |v: &Value| matches!(v.kind, Kind::String(_)) && v.to_number().is_none();
    if !text(left) && !text(right) {
        return Ok(());
    }
    Err(Diagnostic::error("`+` does not join texts")
        .at(op.operator.span().unwrap_or_default())
        .detail("`+` adds numbers")
        .help("write both into one string: `\"${a}${b}\"`")
        .into())
}

fn arithmetic(operator: BinaryOperator, a: Number, b: Number) -> Option<Value> {
    let order = a.compare(b);
    Some(match operator {
        BinaryOperator::Plus => a.add(b)?.into(),
        BinaryOperator::Minus => a.sub(b)?.into(),
        BinaryOperator::Mul => a.mul(b)?.into(),
        BinaryOperator::Div => a.div(b)?.into(),
        BinaryOperator::Mod => a.rem(b)?.into(),
        BinaryOperator::Less => (order == Ordering::Less).into(),
        BinaryOperator::LessEq => (order != Ordering::Greater).into(),
        BinaryOperator::Greater => (order == Ordering::Greater).into(),
        BinaryOperator::GreaterEq => (order != Ordering::Less).into(),
        _ => return None,
    })
}

fn no_result(op: &BinaryOp, right: Number) -> Diagnostic {
    if right == Number::Int(0) {
        return Diagnostic::error("division by zero").at(span(&op.rhs_expr)).detail("this is zero");
    }
    Diagnostic::error("the result is out of range").at(op.span().unwrap_or_default())
}
