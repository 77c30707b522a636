//! Operators, and the types that come of them.

use sqlparser::ast::{BinaryOperator as B, Expr, UnaryOperator};

use super::{Binder, cast_to};
use crate::error::{Result, SqlError};
use crate::sql::plan::{Ex, Math, Op, Typed};
use crate::value::{Len, SqlType as T, Value, common_type, digits};

impl Binder<'_> {
    pub(super) fn unary(&mut self, op: UnaryOperator, of: &Expr) -> Result<Typed> {
        let bound = self.expr(of)?;
        match op {
            UnaryOperator::Not => Ok(Typed::bit(Ex::Not(Box::new(bound)))),
            UnaryOperator::Plus => Ok(bound),
            UnaryOperator::Minus => {
                let (ty, nullable) = (bound.ty, bound.nullable);
                // -2147483648 is an int, although 2147483648 is not.
                if let Ex::Const(Value::Decimal(n, 0)) = bound.ex
                    && n == 2_147_483_648
                {
                    return Ok(Typed::constant(Value::Int(-2_147_483_648), T::Int));
                }
                if let Ex::Const(value) = &bound.ex {
                    let negative = match value {
                        Value::Int(n) => Value::Int(-n),
                        Value::Float(f) => Value::Float(-f),
                        Value::Decimal(n, s) => Value::Decimal(-n, *s),
                        other => other.clone(),
                    };
                    return Ok(Typed { ex: Ex::Const(negative), ty, nullable });
                }
                Ok(Typed { ex: Ex::Negate(Box::new(bound)), ty, nullable })
            }
            UnaryOperator::BitwiseNot => {
                let (ty, nullable) = (bound.ty, bound.nullable);
                let ones = cast_to(Typed::constant(Value::Int(-1), T::BigInt), ty);
                Ok(Typed { ex: Ex::Math(Math::Xor, Box::new(bound), Box::new(ones)), ty, nullable })
            }
            other => Err(SqlError::unknown(format!("the operator {other}"))),
        }
    }

    pub(super) fn binary(&mut self, left: &Expr, op: &B, right: &Expr) -> Result<Typed> {
        let compare = match op {
            B::Eq => Some(Op::Eq),
            B::NotEq => Some(Op::Ne),
            B::Lt => Some(Op::Lt),
            B::LtEq => Some(Op::Le),
            B::Gt => Some(Op::Gt),
            B::GtEq => Some(Op::Ge),
            _ => None,
        };
        if let Some(op) = compare {
            return self.compare(op, left, right);
        }
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        let math = match op {
            B::And => return Ok(Typed::bit(Ex::And(Box::new(left), Box::new(right)))),
            B::Or => return Ok(Typed::bit(Ex::Or(Box::new(left), Box::new(right)))),
            B::Plus | B::StringConcat
                if is_text(&left) && is_text(&right)
                    || left.ty.is_binary() && right.ty.is_binary() =>
            {
                return Ok(concat(left, right));
            }
            B::Plus => Math::Add,
            B::Minus => Math::Subtract,
            B::Multiply => Math::Multiply,
            B::Divide => Math::Divide,
            B::Modulo => Math::Modulo,
            B::BitwiseAnd => Math::And,
            B::BitwiseOr => Math::Or,
            B::BitwiseXor => Math::Xor,
            other => return Err(SqlError::unknown(format!("the operator {other}"))),
        };
        Ok(arithmetic(math, left, right))
    }

    /// Both sides in their common type; types of one family are compared as they are.
    pub(super) fn compare(&mut self, op: Op, left: &Expr, right: &Expr) -> Result<Typed> {
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        Ok(comparison(op, left, right))
    }
}

pub(crate) fn comparison(op: Op, left: Typed, right: Typed) -> Typed {
    if same_family(left.ty, right.ty) {
        return Typed::bit(Ex::Compare(op, Box::new(left), Box::new(right)));
    }
    let ty = common_type(left.ty, right.ty);
    Typed::bit(Ex::Compare(op, Box::new(cast_to(left, ty)), Box::new(cast_to(right, ty))))
}

/// Values of both types compare without conversion.
pub(crate) fn same_family(a: T, b: T) -> bool {
    let family = |ty: T| match ty {
        T::TinyInt | T::SmallInt | T::Int | T::BigInt => 1,
        T::Real | T::Float => 2,
        T::Decimal(..) | T::Numeric(..) | T::Money | T::SmallMoney => 3,
        T::Char(_) | T::VarChar(_) | T::NChar(_) | T::NVarChar(_) => 4,
        T::Binary(_) | T::VarBinary(_) | T::RowVersion => 5,
        T::DateTime | T::SmallDateTime => 6,
        _ => 0,
    };
    let equal_length = !matches!((a, b), (T::Binary(x), T::Binary(y)) if x != y);
    a == b || (family(a) == family(b) && family(a) != 0 && equal_length)
}

fn is_text(typed: &Typed) -> bool {
    typed.ty.is_text() || matches!(typed.ex, Ex::Const(Value::Null))
}

fn concat(left: Typed, right: Typed) -> Typed {
    let ty = match common_type(left.ty, right.ty) {
        large if left.ty.is_large() || right.ty.is_large() => large,
        ty if ty.is_unicode() => T::NVarChar(Len::Of(4000)),
        ty if ty.is_text() => T::VarChar(Len::Of(8000)),
        _ => T::VarBinary(Len::Of(8000)),
    };
    let nullable = left.nullable || right.nullable;
    Typed { ex: Ex::Concat(Box::new(left), Box::new(right)), ty, nullable }
}

/// Precision and scale of results:
/// <https://learn.microsoft.com/en-us/sql/t-sql/data-types/precision-scale-and-length-transact-sql>
fn arithmetic(op: Math, left: Typed, right: Typed) -> Typed {
    let ty = common_type(left.ty, right.ty);
    let nullable = left.nullable || right.nullable;
    let make = |left: Typed, right: Typed, ty: T| Typed {
        ex: Ex::Math(op, Box::new(left), Box::new(right)),
        ty,
        nullable,
    };
    if ty.is_time() {
        return make(cast_to(left, T::DateTime), cast_to(right, T::DateTime), T::DateTime);
    }
    if !matches!(ty, T::Decimal(..) | T::Numeric(..)) {
        let ty = match ty {
            T::Bit if !matches!(op, Math::And | Math::Or | Math::Xor) => T::Int,
            text if text.is_text() => T::Int,
            binary if binary.is_binary() => T::BigInt,
            ty => ty,
        };
        return make(cast_to(left, ty), cast_to(right, ty), ty);
    }
    let ((p1, s1), (p2, s2)) = (digits(left.ty), digits(right.ty));
    let (p1, s1, p2, s2) = (i32::from(p1), i32::from(s1), i32::from(p2), i32::from(s2));
    let (precision, scale) = match op {
        Math::Multiply => (p1 + p2 + 1, s1 + s2),
        Math::Divide => {
            let scale = 6.max(s1 + p2 + 1);
            (p1 - s1 + s2 + scale, scale)
        }
        _ => (s1.max(s2) + (p1 - s1).max(p2 - s2) + 1, s1.max(s2)),
    };
    let scale = if precision > 38 { (scale - (precision - 38)).max(scale.min(6)) } else { scale };
    let exact = |typed: Typed| {
        let (p, s) = digits(typed.ty);
        cast_to(typed, T::Decimal(p, s))
    };
    make(exact(left), exact(right), T::Decimal(precision.min(38) as u8, scale as u8))
}
