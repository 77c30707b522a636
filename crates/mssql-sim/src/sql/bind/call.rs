//! Function calls: aggregates, the functions that are syntax, and the others.

use sqlparser::ast::{
    self, DuplicateTreatment, Expr, FunctionArg, FunctionArgExpr, FunctionArguments,
};

use super::{Binder, case_of, cast_to};
use crate::error::{Result, SqlError};
use crate::sql::functions::{self, Function};
use crate::sql::plan::{Aggregate, AggregateKind, Ex, Op, Typed};
use crate::value::{Len, SqlType as T, Value, common_type};

impl Binder<'_> {
    pub(super) fn function(&mut self, function: &ast::Function) -> Result<Typed> {
        let name = function.name.to_string().replace(['[', ']', '"'], "").to_ascii_lowercase();
        if function.over.is_some() {
            return Err(SqlError::unknown(format!("{name}(…) OVER (…)")));
        }
        let (arguments, distinct) = match &function.args {
            FunctionArguments::None => (Vec::new(), false),
            FunctionArguments::Subquery(_) => return Err(SqlError::syntax(&name)),
            FunctionArguments::List(list) => (
                list.args.clone(),
                matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct)),
            ),
        };
        let star =
            matches!(arguments.as_slice(), [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]);
        if let Some(kind) = aggregate_kind(&name, star) {
            return self.aggregate(kind, &name, &arguments, distinct);
        }
        let arguments = arguments.into_iter().map(plain).collect::<Result<Vec<_>>>()?;
        // master.sys.fn_… and dbo.fn_… are the same as sys.fn_….
        let name = name.rsplit_once("sys.").map_or(name.clone(), |(_, last)| format!("sys.{last}"));
        self.call(&name, &arguments)
    }

    /// A call of a scalar function.
    pub(super) fn call(&mut self, name: &str, arguments: &[Expr]) -> Result<Typed> {
        match (name, arguments) {
            ("isnull", [value, other]) => {
                let (value, other) = (self.expr(value)?, self.expr(other)?);
                let ty =
                    if matches!(value.ex, Ex::Const(Value::Null)) { other.ty } else { value.ty };
                return Ok(first_of(vec![cast_to(value, ty), cast_to(other, ty)]));
            }
            ("coalesce", list) if !list.is_empty() => {
                let list = list.iter().map(|e| self.expr(e)).collect::<Result<Vec<_>>>()?;
                return Ok(first_of(list));
            }
            ("nullif", [value, other]) => {
                let equal = self.compare(Op::Eq, value, other)?;
                let value = self.expr(value)?;
                let ty = value.ty;
                let null = Typed::constant(Value::Null, ty);
                return Ok(Typed::new(case_of(vec![(equal, null)], Some(value)).ex, ty));
            }
            ("iif", [condition, yes, no]) => {
                let condition = self.expr(condition)?;
                let arms = vec![(condition, self.expr(yes)?)];
                let no = self.expr(no)?;
                return Ok(case_of(arms, Some(no)));
            }
            _ => {}
        }
        let Some(entry) = functions::find(name) else {
            return Err(unknown_function(name));
        };
        let mut bound = Vec::new();
        for (i, argument) in arguments.iter().enumerate() {
            let is_part = i == 0
                && matches!(
                    name,
                    "dateadd" | "datediff" | "datediff_big" | "datepart" | "datename"
                );
            bound.push(match argument {
                Expr::Identifier(part) if is_part => {
                    Typed::constant(Value::text(&part.value), T::VarChar(Len::Of(30)))
                }
                other => self.expr(other)?,
            });
        }
        let (least, most) = entry.arguments;
        if bound.len() < least || bound.len() > most {
            return Err(SqlError::new(
                174,
                format!("The {name} function requires {least} argument(s)."),
            )
            .class(15));
        }
        let ty = match entry.ty(&bound) {
            // An untyped date in DATEADD is a datetime2; text of a binary stays binary.
            ty if name == "dateadd" && ty.is_text() => T::DateTime2(7),
            T::Char(n) if name == "substring" => T::VarChar(Len::Of(n)),
            T::NChar(n) if name == "substring" => T::NVarChar(Len::Of(n)),
            T::Binary(n) if name == "substring" => T::VarBinary(Len::Of(n)),
            ty => ty,
        };
        let nullable = !matches!(
            name,
            "sys.fn_cdc_get_min_lsn"
                | "getdate"
                | "@@rowcount"
                | "@@trancount"
                | "@@spid"
                | "concat"
        );
        let mut typed = Typed {
            ex: Ex::Call(Function { name: entry.name, call: entry.call }, bound),
            ty,
            nullable,
        };
        if name == "dateadd"
            && let Ex::Call(_, arguments) = &mut typed.ex
            && arguments[2].ty.is_text()
        {
            arguments[2] = cast_to(arguments[2].clone(), T::DateTime2(7));
        }
        Ok(typed)
    }

    fn aggregate(
        &mut self,
        kind: AggregateKind,
        name: &str,
        arguments: &[FunctionArg],
        distinct: bool,
    ) -> Result<Typed> {
        // What is aggregated may not itself hold an aggregate.
        let held = self.aggregates.last_mut().and_then(Option::take);
        let Some(mut list) = held else {
            return Err(SqlError::new(147, "An aggregate may not appear in this place."));
        };
        let of = match (kind, arguments.first()) {
            (AggregateKind::CountAll, _) => None,
            (_, Some(argument)) => Some(self.expr(&plain(argument.clone())?)?),
            (_, None) => return Err(SqlError::syntax(name)),
        };
        let separator = match arguments.get(1) {
            Some(argument) => Some(self.expr(&plain(argument.clone())?)?),
            None => None,
        };
        let input = of.as_ref().map_or(T::Int, |of| of.ty);
        let ty = match kind {
            AggregateKind::CountAll | AggregateKind::Count if name == "count_big" => T::BigInt,
            AggregateKind::CountAll | AggregateKind::Count => T::Int,
            AggregateKind::Min | AggregateKind::Max => input,
            AggregateKind::StringAgg => {
                if input.is_unicode() {
                    T::NVarChar(Len::Max)
                } else {
                    T::VarChar(Len::Max)
                }
            }
            AggregateKind::Sum | AggregateKind::Avg => sum_type(input, kind),
        };
        let of = of.map(|of| {
            if matches!(kind, AggregateKind::Sum | AggregateKind::Avg | AggregateKind::StringAgg) {
                cast_to(of, ty)
            } else {
                of
            }
        });
        list.push(Aggregate { kind, of, separator, distinct, ty });
        let index = list.len() - 1;
        if let Some(slot) = self.aggregates.last_mut() {
            *slot = Some(list);
        }
        Ok(Typed {
            ex: Ex::Aggregate(index),
            ty,
            nullable: !matches!(kind, AggregateKind::Count | AggregateKind::CountAll),
        })
    }
}

fn sum_type(input: T, kind: AggregateKind) -> T {
    match input {
        T::TinyInt | T::SmallInt | T::Int | T::Bit => T::Int,
        T::Decimal(_, s) | T::Numeric(_, s) => {
            T::Decimal(38, if kind == AggregateKind::Avg { s.max(6) } else { s })
        }
        T::SmallMoney | T::Money => T::Money,
        T::Real | T::Float => T::Float,
        other => other,
    }
}

fn first_of(list: Vec<Typed>) -> Typed {
    let mut list = list.into_iter().rev();
    let Some(mut last) = list.next() else { return Typed::constant(Value::Null, T::Int) };
    for item in list {
        let null = matches!(last.ex, Ex::Const(Value::Null));
        let ty = if null {
            item.ty
        } else if matches!(item.ex, Ex::Const(Value::Null)) {
            last.ty
        } else {
            common_type(item.ty, last.ty)
        };
        let nullable = item.nullable && last.nullable;
        let given = Typed::bit(Ex::IsNull(Box::new(item.clone()), true));
        last = Typed {
            ex: Ex::Case(vec![(given, cast_to(item, ty))], Some(Box::new(cast_to(last, ty)))),
            ty,
            nullable,
        };
    }
    last
}

fn aggregate_kind(name: &str, star: bool) -> Option<AggregateKind> {
    Some(match name {
        "count" | "count_big" if star => AggregateKind::CountAll,
        "count" | "count_big" => AggregateKind::Count,
        "min" => AggregateKind::Min,
        "max" => AggregateKind::Max,
        "sum" => AggregateKind::Sum,
        "avg" => AggregateKind::Avg,
        "string_agg" => AggregateKind::StringAgg,
        _ => return None,
    })
}

/// An argument as an expression.
pub(super) fn plain(argument: FunctionArg) -> Result<Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Ok(expr),
        other => Err(SqlError::syntax(other)),
    }
}

fn unknown_function(name: &str) -> SqlError {
    if name.contains('.') && !name.starts_with("sys.") {
        let (schema, last) = name.rsplit_once('.').unwrap_or(("", name));
        return SqlError::new(
            4121,
            format!(
                "Cannot find either column \"{schema}\" or the user-defined function or aggregate \"{schema}.{last}\", or the name is ambiguous."
            ),
        );
    }
    SqlError::unknown(format!("the function {name}"))
}
