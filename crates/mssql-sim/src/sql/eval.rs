//! The value of an expression.

use std::cmp::Ordering;

use super::plan::{Env, Ex, GO_ON, Math, Op, Plan, STOP, Typed};
use super::query::run_plan;
use crate::error::{Result, SqlError};
use crate::session::Context;
use crate::value::{
    SqlType as T, Value, compare, convert, convert_styled, decimal_text, parse_decimal, rescale,
    to_text,
};

/// The value of `typed`; of its type, or NULL.
pub(crate) fn eval(ctx: &Context, env: &Env<'_>, typed: &Typed) -> Result<Value> {
    Ok(match &typed.ex {
        Ex::Const(value) => value.clone(),
        Ex::Var(name) => ctx.core.variable(name).map_or(Value::Null, |(_, value)| value),
        Ex::Col(depth, index) => env.up(*depth).row.get(*index),
        Ex::Aggregate(index) => env.aggregates.get(*index).cloned().unwrap_or(Value::Null),
        Ex::Cast { of, style, attempt } => {
            return cast(ctx, env, of, style.as_deref(), *attempt, typed.ty);
        }
        Ex::Compare(op, left, right) => {
            let (left, right) = (eval(ctx, env, left)?, eval(ctx, env, right)?);
            if left.is_null() || right.is_null() {
                return Ok(Value::Null);
            }
            Value::Bit(holds(*op, compare(&left, &right)))
        }
        Ex::And(left, right) => match eval(ctx, env, left)? {
            Value::Bit(false) => Value::Bit(false),
            first => match (first, eval(ctx, env, right)?) {
                (_, Value::Bit(false)) => Value::Bit(false),
                (Value::Bit(true), Value::Bit(true)) => Value::Bit(true),
                _ => Value::Null,
            },
        },
        Ex::Or(left, right) => match eval(ctx, env, left)? {
            Value::Bit(true) => Value::Bit(true),
            first => match (first, eval(ctx, env, right)?) {
                (_, Value::Bit(true)) => Value::Bit(true),
                (Value::Bit(false), Value::Bit(false)) => Value::Bit(false),
                _ => Value::Null,
            },
        },
        Ex::Not(of) => match eval(ctx, env, of)? {
            Value::Bit(b) => Value::Bit(!b),
            _ => Value::Null,
        },
        Ex::IsNull(of, negated) => Value::Bit(eval(ctx, env, of)?.is_null() != *negated),
        Ex::In(of, list, negated) => {
            let value = eval(ctx, env, of)?;
            let mut found = Seen::default();
            for item in list {
                if found.look(&value, &eval(ctx, env, item)?) {
                    break;
                }
            }
            found.answer(*negated)
        }
        Ex::InQuery(of, plan, negated) => in_query(ctx, env, of, plan, *negated)?,
        Ex::Like { text, pattern, escape, negated } => {
            match (eval(ctx, env, text)?, eval(ctx, env, pattern)?) {
                (Value::Text(text), Value::Text(pattern)) => {
                    Value::Bit(like(&text, &pattern, *escape) != *negated)
                }
                _ => Value::Null,
            }
        }
        Ex::Case(arms, other) => {
            for (condition, result) in arms {
                if eval(ctx, env, condition)? == Value::Bit(true) {
                    return eval(ctx, env, result);
                }
            }
            match other {
                Some(other) => eval(ctx, env, other)?,
                None => Value::Null,
            }
        }
        Ex::Math(op, left, right) => {
            let (left, right) = (eval(ctx, env, left)?, eval(ctx, env, right)?);
            if left.is_null() || right.is_null() {
                return Ok(Value::Null);
            }
            math(*op, left, right, typed.ty)?
        }
        Ex::Negate(of) => match eval(ctx, env, of)? {
            Value::Int(n) => Value::Int(-n),
            Value::Float(f) => Value::Float(-f),
            Value::Decimal(n, s) => Value::Decimal(-n, s),
            other => other,
        },
        Ex::Concat(left, right) => match (eval(ctx, env, left)?, eval(ctx, env, right)?) {
            (Value::Text(a), Value::Text(b)) => Value::Text(a + &b),
            (Value::Bytes(a), Value::Bytes(b)) => Value::Bytes([a, b].concat()),
            _ => Value::Null,
        },
        Ex::Call(function, arguments) => {
            let values = arguments.iter().map(|a| eval(ctx, env, a)).collect::<Result<Vec<_>>>()?;
            (function.call)(ctx, &values, arguments)?
        }
        Ex::Scalar(plan) => scalar(ctx, env, plan)?,
        Ex::Exists(plan) => {
            let mut found = false;
            run_plan(ctx, Some(env), plan, &mut |_| {
                found = true;
                Ok(STOP)
            })?;
            Value::Bit(found)
        }
    })
}

/// A condition holds only when it is true, not when it is unknown.
pub(crate) fn is_true(ctx: &Context, env: &Env<'_>, condition: Option<&Typed>) -> Result<bool> {
    condition.map_or(Ok(true), |c| Ok(eval(ctx, env, c)? == Value::Bit(true)))
}

fn holds(op: Op, order: Ordering) -> bool {
    match op {
        Op::Eq => order.is_eq(),
        Op::Ne => order.is_ne(),
        Op::Lt => order.is_lt(),
        Op::Le => order.is_le(),
        Op::Gt => order.is_gt(),
        Op::Ge => order.is_ge(),
    }
}

fn cast(
    ctx: &Context,
    env: &Env<'_>,
    of: &Typed,
    style: Option<&Typed>,
    attempt: bool,
    ty: T,
) -> Result<Value> {
    let value = eval(ctx, env, of)?;
    let style = match style {
        Some(style) => eval(ctx, env, style)?.as_int().unwrap_or(0),
        None => 0,
    };
    match convert_styled(value, of.ty, ty, style) {
        Err(_) if attempt => Ok(Value::Null),
        other => other,
    }
}

/// IN knows three answers, too.
#[derive(Default)]
struct Seen {
    found: bool,
    unknown: bool,
}

impl Seen {
    fn look(&mut self, value: &Value, item: &Value) -> bool {
        if value.is_null() || item.is_null() {
            self.unknown = true;
        } else if compare(value, item).is_eq() {
            self.found = true;
        }
        self.found
    }

    fn answer(&self, negated: bool) -> Value {
        if self.found {
            Value::Bit(!negated)
        } else if self.unknown {
            Value::Null
        } else {
            Value::Bit(negated)
        }
    }
}

fn in_query(ctx: &Context, env: &Env<'_>, of: &Typed, plan: &Plan, negated: bool) -> Result<Value> {
    let value = eval(ctx, env, of)?;
    let from = plan.columns()[0].column.ty;
    let mut seen = Seen::default();
    run_plan(ctx, Some(env), plan, &mut |row| {
        let item = convert(row.get(0), from, of.ty)?;
        Ok(if seen.look(&value, &item) { STOP } else { GO_ON })
    })?;
    Ok(seen.answer(negated))
}

fn scalar(ctx: &Context, env: &Env<'_>, plan: &Plan) -> Result<Value> {
    let mut found = None;
    run_plan(ctx, Some(env), plan, &mut |row| {
        if found.is_some() {
            return Err(SqlError::new(
                512,
                "Subquery returned more than 1 value. This is not permitted when the subquery follows =, !=, <, <= , >, >= or when the subquery is used as an expression.",
            ));
        }
        found = Some(row.get(0));
        Ok(GO_ON)
    })?;
    Ok(found.unwrap_or(Value::Null))
}

/// LIKE: `%`, `_`, `[a-z]`, `[^a]`, without regard to case.
pub(crate) fn like(text: &str, pattern: &str, escape: Option<char>) -> bool {
    let fold = |s: &str| s.to_lowercase().chars().collect::<Vec<_>>();
    matches(&fold(text), &fold(pattern), escape)
}

fn matches(text: &[char], pattern: &[char], escape: Option<char>) -> bool {
    let Some((first, rest)) = pattern.split_first() else {
        return text.iter().all(|c| *c == ' ');
    };
    if Some(*first) == escape {
        return rest.split_first().is_some_and(|(literal, rest)| {
            text.split_first().is_some_and(|(c, text)| c == literal && matches(text, rest, escape))
        });
    }
    match first {
        '%' => (0..=text.len()).any(|i| matches(&text[i..], rest, escape)),
        '_' => text.split_first().is_some_and(|(_, text)| matches(text, rest, escape)),
        '[' => {
            let Some(end) = rest.iter().skip(1).position(|c| *c == ']').map(|i| i + 1) else {
                return false;
            };
            let (set, rest) = (&rest[..end], &rest[end + 1..]);
            text.split_first()
                .is_some_and(|(c, text)| in_set(*c, set) && matches(text, rest, escape))
        }
        literal => {
            text.split_first().is_some_and(|(c, text)| c == literal && matches(text, rest, escape))
        }
    }
}

fn in_set(c: char, set: &[char]) -> bool {
    let (negated, set) = if set.first() == Some(&'^') { (true, &set[1..]) } else { (false, set) };
    let mut i = 0;
    let mut found = false;
    while i < set.len() {
        if i + 2 < set.len() && set[i + 1] == '-' {
            found |= (set[i]..=set[i + 2]).contains(&c);
            i += 3;
        } else {
            found |= set[i] == c;
            i += 1;
        }
    }
    found != negated
}

fn math(op: Math, left: Value, right: Value, ty: T) -> Result<Value> {
    let by_zero = || SqlError::new(8134, "Divide by zero error encountered.");
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => {
            let n = match op {
                Math::Add => a.checked_add(b),
                Math::Subtract => a.checked_sub(b),
                Math::Multiply => a.checked_mul(b),
                Math::Divide if b == 0 => return Err(by_zero()),
                Math::Modulo if b == 0 => return Err(by_zero()),
                Math::Divide => a.checked_div(b),
                Math::Modulo => a.checked_rem(b),
                Math::And => Some(a & b),
                Math::Or => Some(a | b),
                Math::Xor => Some(a ^ b),
            };
            let n = n.ok_or_else(|| SqlError::overflow(ty.name()))?;
            convert(Value::Int(n), T::BigInt, ty)
        }
        (Value::Bit(a), Value::Bit(b)) => Ok(Value::Bit(match op {
            Math::And => a & b,
            Math::Or => a | b,
            _ => a ^ b,
        })),
        (Value::Float(a), Value::Float(b)) => Ok(Value::Float(match op {
            Math::Add => a + b,
            Math::Subtract => a - b,
            Math::Multiply => a * b,
            Math::Divide if b == 0.0 => return Err(by_zero()),
            Math::Divide => a / b,
            _ => return Err(SqlError::unknown("this operator with float")),
        })),
        (Value::Decimal(a, s), Value::Decimal(b, t)) => decimal_math(op, (a, s), (b, t), ty),
        (Value::DateTime(a, s), Value::DateTime(b, t)) => {
            let thirds =
                i64::from(s) + if op == Math::Subtract { -i64::from(t) } else { i64::from(t) };
            let days =
                i64::from(a) + if op == Math::Subtract { -i64::from(b) } else { i64::from(b) };
            let days = days + thirds.div_euclid(25_920_000);
            Ok(Value::DateTime(days as i32, thirds.rem_euclid(25_920_000) as u32))
        }
        _ => Err(SqlError::new(402, "The data types are incompatible in the operator.")),
    }
}

fn decimal_math(op: Math, (a, s): (i128, u8), (b, t): (i128, u8), ty: T) -> Result<Value> {
    let overflow = || SqlError::overflow("numeric");
    let scale = match ty {
        T::Decimal(_, scale) | T::Numeric(_, scale) => scale,
        _ => 4,
    };
    let wide = s.max(t);
    let both = || Some((rescale(a, s, wide)?, rescale(b, t, wide)?));
    let (digits, have) = match op {
        Math::Add => (both().and_then(|(x, y)| x.checked_add(y)).ok_or_else(overflow)?, wide),
        Math::Subtract => (both().and_then(|(x, y)| x.checked_sub(y)).ok_or_else(overflow)?, wide),
        Math::Multiply => (a.checked_mul(b).ok_or_else(overflow)?, s + t),
        Math::Divide | Math::Modulo if b == 0 => {
            return Err(SqlError::new(8134, "Divide by zero error encountered."));
        }
        Math::Divide => {
            let up = i32::from(scale) + i32::from(t) - i32::from(s);
            let scaled =
                if up >= 0 { rescale(a, 0, up as u8) } else { Some(a / 10_i128.pow((-up) as u32)) };
            (scaled.ok_or_else(overflow)? / b, scale)
        }
        Math::Modulo => (both().map(|(x, y)| x % y).ok_or_else(overflow)?, wide),
        _ => return Err(SqlError::unknown("this operator with decimal")),
    };
    // 17 digits behind the point are cut to what the type has.
    let value = Value::Decimal(digits, have);
    if have > 38 {
        let text = decimal_text(digits, have);
        let (digits, have) = parse_decimal(&text).ok_or_else(overflow)?;
        return convert(Value::Decimal(digits, have), T::Float, ty);
    }
    convert(value, T::Decimal(38, have), ty)
}

/// A value as text, for messages and PRINT.
pub(crate) fn shown(value: &Value, ty: T) -> String {
    to_text(value, ty, 0)
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn like_knows_percent_underscore_and_sets() {
        assert!(like("Orders", "ord%", None));
        assert!(like("a_b", "a!_b", Some('!')));
        assert!(!like("axb", "a!_b", Some('!')));
        assert!(like("b7", "[a-c][^0-5]", None));
        assert!(!like("d7", "[a-c]_", None));
    }
}
