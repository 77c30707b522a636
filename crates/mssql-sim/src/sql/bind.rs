//! Names and types: an expression as it was parsed becomes one that can be evaluated.

mod call;
mod operator;
mod select;
mod tables;

pub(crate) use operator::same_family;
pub(crate) use tables::{columns_of, view_column};

use std::rc::Rc;

use sqlparser::ast::{self, Expr, Ident};

use super::plan::{Aggregate, Ex, Op, Plan, Typed};
use crate::error::{Result, SqlError};
use crate::session::Context;
use crate::tds::Named;
use crate::value::{Len, SqlType as T, Value, common_type, convert, unhex};

/// One table of a FROM clause.
#[derive(Debug, Clone)]
pub(crate) struct ScopeTable {
    pub alias: String,
    pub schema: Option<String>,
    pub columns: Vec<Named>,
    /// Where its columns begin in the row.
    pub offset: usize,
}

/// The tables of one query.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub tables: Vec<ScopeTable>,
}

impl Scope {
    pub(crate) fn width(&self) -> usize {
        self.tables.last().map_or(0, |t| t.offset + t.columns.len())
    }

    pub(crate) fn push(&mut self, alias: &str, schema: Option<&str>, columns: Vec<Named>) {
        let offset = self.width();
        self.tables.push(ScopeTable {
            alias: alias.into(),
            schema: schema.map(str::to_owned),
            columns,
            offset,
        });
    }

    fn find(&self, qualifier: Option<&str>, name: &str) -> Result<Option<(usize, &Named)>> {
        let mut found = None;
        for table in &self.tables {
            if qualifier.is_some_and(|q| !table.alias.eq_ignore_ascii_case(q)) {
                continue;
            }
            if let Some(i) = table.columns.iter().position(|c| c.name.eq_ignore_ascii_case(name)) {
                if found.is_some() {
                    return Err(SqlError::new(209, format!("Ambiguous column name '{name}'.")));
                }
                found = Some((table.offset + i, &table.columns[i]));
            }
        }
        Ok(found)
    }
}

/// Binds the expressions of a statement.
pub(crate) struct Binder<'c> {
    pub ctx: &'c Context,
    /// The innermost query last.
    pub scopes: Vec<Scope>,
    ctes: Vec<(String, Vec<String>, ast::Query)>,
    /// The aggregates of the query that is being bound; `None` where none may stand.
    aggregates: Vec<Option<Vec<Aggregate>>>,
}

impl<'c> Binder<'c> {
    pub(crate) fn new(ctx: &'c Context) -> Self {
        Self { ctx, scopes: Vec::new(), ctes: Vec::new(), aggregates: Vec::new() }
    }

    /// Over the columns of one table.
    pub(crate) fn over(ctx: &'c Context, scope: Scope) -> Self {
        Self { scopes: vec![scope], ..Self::new(ctx) }
    }

    /// An expression whose value is of type `ty`.
    pub(crate) fn expr_as(&mut self, expr: &Expr, ty: T) -> Result<Typed> {
        let bound = self.expr(expr)?;
        Ok(cast_to(bound, ty))
    }

    pub(crate) fn expr(&mut self, expr: &Expr) -> Result<Typed> {
        match expr {
            Expr::Identifier(ident) => self.identifier(ident),
            Expr::CompoundIdentifier(parts) => self.compound(parts),
            Expr::Value(value) => literal(&value.value),
            Expr::Nested(inner) => self.expr(inner),
            Expr::Prefixed { prefix, value } if prefix.value.eq_ignore_ascii_case("n") => {
                self.expr(value)
            }
            Expr::Collate { expr, .. } => self.expr(expr),
            Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::IsNull(of) => Ok(Typed::bit(Ex::IsNull(Box::new(self.expr(of)?), false))),
            Expr::IsNotNull(of) => Ok(Typed::bit(Ex::IsNull(Box::new(self.expr(of)?), true))),
            Expr::Between { expr, negated, low, high } => self.between(expr, *negated, low, high),
            Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            Expr::InSubquery { expr, subquery, negated } => {
                let plan = self.subquery(subquery)?;
                let of = self.expr(expr)?;
                let of = cast_to(of.clone(), common_type(of.ty, plan.columns()[0].column.ty));
                Ok(Typed::bit(Ex::InQuery(Box::new(of), Rc::new(plan), *negated)))
            }
            Expr::Exists { subquery, negated } => {
                let plan = Typed::bit(Ex::Exists(Rc::new(self.subquery(subquery)?)));
                Ok(if *negated { Typed::bit(Ex::Not(Box::new(plan))) } else { plan })
            }
            Expr::Subquery(query) => {
                let plan = self.subquery(query)?;
                let ty = plan.columns()[0].column.ty;
                Ok(Typed::new(Ex::Scalar(Rc::new(plan)), ty))
            }
            Expr::Like { negated, expr, pattern, escape_char, .. } => {
                self.like(expr, pattern, escape_char.as_deref(), *negated)
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())
            }
            Expr::Cast { kind, expr, data_type, .. } => {
                let ty = T::parse_cast(&data_type.to_string())?;
                self.cast(expr, ty, None, matches!(kind, ast::CastKind::TryCast))
            }
            Expr::Convert { is_try, expr, data_type: Some(data_type), styles, .. } => {
                let ty = T::parse_cast(&data_type.to_string())?;
                let style = styles.first().map(|s| self.expr(s)).transpose()?;
                self.cast(expr, ty, style, *is_try)
            }
            Expr::AtTimeZone { timestamp, .. } => {
                // The simulator's zone is UTC, and so is every zone that it is asked for.
                let of = self.expr(timestamp)?;
                Ok(cast_to(of, T::DateTimeOffset(7)))
            }
            Expr::Function(function) => self.function(function),
            Expr::Substring {
                expr, substring_from: Some(from), substring_for: Some(len), ..
            } => self.call("substring", &[(**expr).clone(), (**from).clone(), (**len).clone()]),
            Expr::Trim { expr, trim_where: None, trim_what: None, trim_characters: None } => {
                self.call("trim", &[(**expr).clone()])
            }
            Expr::Ceil { expr, .. } => self.call("ceiling", &[(**expr).clone()]),
            Expr::Floor { expr, .. } => self.call("floor", &[(**expr).clone()]),
            other => Err(SqlError::unknown(format!("the expression {other}"))),
        }
    }

    fn cast(&mut self, of: &Expr, ty: T, style: Option<Typed>, attempt: bool) -> Result<Typed> {
        let of = self.expr(of)?;
        let nullable = of.nullable || attempt;
        Ok(Typed {
            ex: Ex::Cast { of: Box::new(of), style: style.map(Box::new), attempt },
            ty,
            nullable,
        })
    }

    fn identifier(&mut self, ident: &Ident) -> Result<Typed> {
        let name = &ident.value;
        if ident.quote_style.is_none() {
            if name.starts_with("@@") {
                return self.call(&name.to_ascii_lowercase(), &[]);
            }
            if name.starts_with('@') {
                let Some((ty, _)) = self.ctx.core.variable(name) else {
                    return Err(SqlError::new(
                        137,
                        format!("Must declare the scalar variable \"{name}\"."),
                    )
                    .class(15));
                };
                return Ok(Typed::new(Ex::Var(name.to_lowercase()), ty));
            }
        }
        match self.column(None, name)? {
            Some(column) => Ok(column),
            None => match name.to_ascii_lowercase().as_str() {
                word @ ("current_timestamp" | "current_user" | "system_user" | "session_user"
                | "user")
                    if ident.quote_style.is_none() =>
                {
                    self.call(word, &[])
                }
                _ => Err(SqlError::no_column(name)),
            },
        }
    }

    fn compound(&mut self, parts: &[Ident]) -> Result<Typed> {
        let [.., table, column] = parts else { return Err(SqlError::syntax("name")) };
        let found = self.column(Some(&table.value), &column.value)?;
        if let Some(found) = found {
            return Ok(found);
        }
        let known = self
            .scopes
            .iter()
            .any(|s| s.tables.iter().any(|t| t.alias.eq_ignore_ascii_case(&table.value)));
        let name = parts.iter().map(|p| p.value.as_str()).collect::<Vec<_>>().join(".");
        Err(if known {
            SqlError::no_column(&column.value)
        } else {
            SqlError::new(4104, format!("The multi-part identifier \"{name}\" could not be bound."))
        })
    }

    fn column(&self, table: Option<&str>, name: &str) -> Result<Option<Typed>> {
        for (depth, scope) in self.scopes.iter().rev().enumerate() {
            if let Some((index, named)) = scope.find(table, name)? {
                return Ok(Some(Typed {
                    ex: Ex::Col(depth, index),
                    ty: named.column.ty,
                    nullable: named.column.nullable,
                }));
            }
        }
        Ok(None)
    }

    pub(super) fn subquery(&mut self, query: &ast::Query) -> Result<Plan> {
        self.query(query)
    }

    fn between(&mut self, of: &Expr, negated: bool, low: &Expr, high: &Expr) -> Result<Typed> {
        let low = self.compare(Op::Ge, of, low)?;
        let high = self.compare(Op::Le, of, high)?;
        let both = Typed::bit(Ex::And(Box::new(low), Box::new(high)));
        Ok(if negated { Typed::bit(Ex::Not(Box::new(both))) } else { both })
    }

    fn in_list(&mut self, of: &Expr, list: &[Expr], negated: bool) -> Result<Typed> {
        let of = self.expr(of)?;
        let items = list.iter().map(|item| self.expr(item)).collect::<Result<Vec<_>>>()?;
        let ty = items.iter().fold(of.ty, |ty, item| common_type(ty, item.ty));
        let items = items.into_iter().map(|item| cast_to(item, ty)).collect();
        Ok(Typed::bit(Ex::In(Box::new(cast_to(of, ty)), items, negated)))
    }

    fn like(
        &mut self,
        text: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
        negated: bool,
    ) -> Result<Typed> {
        let wide = T::NVarChar(Len::Max);
        let text = Box::new(self.expr_as(text, wide)?);
        let pattern = Box::new(self.expr_as(pattern, wide)?);
        let escape = match escape {
            Some(Expr::Value(v)) => v.value.clone().into_string().and_then(|s| s.chars().next()),
            _ => None,
        };
        Ok(Typed::bit(Ex::Like { text, pattern, escape, negated }))
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        arms: &[ast::CaseWhen],
        other: Option<&Expr>,
    ) -> Result<Typed> {
        let mut bound = Vec::new();
        for arm in arms {
            let condition = match operand {
                Some(operand) => self.compare(Op::Eq, operand, &arm.condition)?,
                None => self.expr(&arm.condition)?,
            };
            bound.push((condition, self.expr(&arm.result)?));
        }
        let other = other.map(|e| self.expr(e)).transpose()?;
        Ok(case_of(bound, other))
    }
}

/// CASE with its arms in one type.
pub(super) fn case_of(arms: Vec<(Typed, Typed)>, other: Option<Typed>) -> Typed {
    let mut ty = None;
    for result in arms.iter().map(|(_, r)| r).chain(other.as_ref()) {
        if !matches!(result.ex, Ex::Const(Value::Null)) {
            ty = Some(ty.map_or(result.ty, |ty| common_type(ty, result.ty)));
        }
    }
    let ty = ty.unwrap_or(T::Int);
    let nullable =
        other.as_ref().is_none_or(|o| o.nullable) || arms.iter().any(|(_, r)| r.nullable);
    let arms = arms.into_iter().map(|(c, r)| (c, cast_to(r, ty))).collect();
    Typed { ex: Ex::Case(arms, other.map(|o| Box::new(cast_to(o, ty)))), ty, nullable }
}

/// The implicit conversion, done at once for constants.
pub(crate) fn cast_to(of: Typed, ty: T) -> Typed {
    if of.ty == ty {
        return of;
    }
    if let Ex::Const(value) = &of.ex
        && let Ok(value) = convert(value.clone(), of.ty, ty)
    {
        return Typed { nullable: value.is_null(), ex: Ex::Const(value), ty };
    }
    Typed {
        nullable: of.nullable,
        ex: Ex::Cast { of: Box::new(of), style: None, attempt: false },
        ty,
    }
}

fn literal(value: &ast::Value) -> Result<Typed> {
    Ok(match value {
        ast::Value::Number(text, _) => number(text)?,
        ast::Value::SingleQuotedString(text) | ast::Value::DoubleQuotedString(text) => {
            let len = text.chars().count().max(1);
            let ty = T::VarChar(if len > 8000 { Len::Max } else { Len::Of(len as u16) });
            // What the code page lacks becomes a question mark.
            let (bytes, _, lossy) = encoding_rs::WINDOWS_1252.encode(text);
            let text = if lossy {
                text.chars()
                    .map(|c| {
                        if encoding_rs::WINDOWS_1252.encode(c.encode_utf8(&mut [0; 4])).2 {
                            '?'
                        } else {
                            c
                        }
                    })
                    .collect()
            } else {
                drop(bytes);
                text.clone()
            };
            Typed::constant(Value::Text(text), ty)
        }
        ast::Value::NationalStringLiteral(text) | ast::Value::UnicodeStringLiteral(text) => {
            let len = text.encode_utf16().count().max(1);
            let ty = T::NVarChar(if len > 4000 { Len::Max } else { Len::Of(len as u16) });
            Typed::constant(Value::Text(text.clone()), ty)
        }
        ast::Value::HexStringLiteral(text) => {
            let bytes = unhex(text).ok_or_else(|| SqlError::syntax(text))?;
            let ty = T::VarBinary(if bytes.len() > 8000 {
                Len::Max
            } else {
                Len::Of(bytes.len().max(1) as u16)
            });
            Typed::constant(Value::Bytes(bytes), ty)
        }
        ast::Value::Null => Typed::constant(Value::Null, T::Int),
        other => return Err(SqlError::unknown(format!("the literal {other}"))),
    })
}

fn number(text: &str) -> Result<Typed> {
    if text.contains(['e', 'E']) {
        let f = text.parse().map_err(|_| SqlError::syntax(text))?;
        return Ok(Typed::constant(Value::Float(f), T::Float));
    }
    if let Ok(n) = text.parse::<i32>() {
        return Ok(Typed::constant(n.into(), T::Int));
    }
    let (digits, scale) =
        crate::value::parse_decimal(text).ok_or_else(|| SqlError::syntax(text))?;
    let precision = (digits.unsigned_abs().to_string().len() as u8).max(scale).max(1);
    Ok(Typed::constant(Value::Decimal(digits, scale), T::Numeric(precision, scale)))
}
