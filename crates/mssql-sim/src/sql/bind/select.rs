//! Queries.

use sqlparser::ast::{
    self, Expr, GroupByExpr, LimitClause, OrderBy, OrderByKind, OrderBySort, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, SetOperator, SetQuantifier, TopQuantity,
};

use super::{Binder, cast_to};
use crate::error::{Result, SqlError};
use crate::sql::plan::{Ex, From, Plan, SelectPlan, SetKind, Typed};
use crate::tds::{Flags, Named};
use crate::value::{Column, SqlType as T, common_type};

/// Expressions and whether they descend; positions in the select list, from one.
type Order = (Vec<(Typed, bool)>, Vec<u16>);

impl Binder<'_> {
    /// A query that stands alone or within an expression.
    pub(crate) fn query(&mut self, query: &ast::Query) -> Result<Plan> {
        let before = self.ctes.len();
        if let Some(with) = &query.with {
            for cte in &with.cte_tables {
                let columns = cte.alias.columns.iter().map(|c| c.name.value.clone()).collect();
                self.ctes.push((cte.alias.name.value.clone(), columns, (*cte.query).clone()));
            }
        }
        if query.for_clause.is_some() {
            return Err(SqlError::unknown("FOR XML, FOR JSON and FOR BROWSE"));
        }
        let (skip, take) = self.limits(query)?;
        let plan = self.body(&query.body, query.order_by.as_ref(), skip, take);
        self.ctes.truncate(before);
        plan
    }

    fn limits(&mut self, query: &ast::Query) -> Result<(Option<Typed>, Option<Typed>)> {
        let skip = match &query.limit_clause {
            Some(LimitClause::LimitOffset { offset: Some(offset), .. }) => {
                Some(self.expr_as(&offset.value, T::BigInt)?)
            }
            _ => None,
        };
        let take = match query.fetch.as_ref().and_then(|fetch| fetch.quantity.as_ref()) {
            Some(quantity) => Some(self.expr_as(quantity, T::BigInt)?),
            None => None,
        };
        Ok((skip, take))
    }

    fn body(
        &mut self,
        body: &SetExpr,
        order: Option<&OrderBy>,
        skip: Option<Typed>,
        take: Option<Typed>,
    ) -> Result<Plan> {
        match body {
            SetExpr::Select(select) => {
                self.select(select, order, skip, take).map(|p| Plan::Select(Box::new(p)))
            }
            SetExpr::Query(query) if order.is_none() => self.query(query),
            SetExpr::Values(values) => {
                let rows = values
                    .rows
                    .iter()
                    .map(|row| row.content.iter().map(|e| self.expr(e)).collect())
                    .collect::<Result<Vec<Vec<Typed>>>>()?;
                Ok(values_plan(rows))
            }
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                let left = self.body(left, None, None, None)?;
                let right = self.body(right, None, None, None)?;
                let kind = match (op, set_quantifier) {
                    (SetOperator::Union, SetQuantifier::All) => SetKind::UnionAll,
                    (SetOperator::Union, _) => SetKind::Union,
                    (SetOperator::Except, _) => SetKind::Except,
                    (SetOperator::Intersect, _) => SetKind::Intersect,
                    (other, _) => return Err(SqlError::unknown(other)),
                };
                if left.columns().len() != right.columns().len() {
                    return Err(SqlError::new(
                        205,
                        "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal number of expressions in their target lists.",
                    ));
                }
                let columns = left.columns().iter().zip(right.columns()).map(|(l, r)| Named {
                    name: l.name.clone(),
                    column: Column { ty: common_type(l.column.ty, r.column.ty), nullable: true },
                    flags: Flags::NULLABLE,
                });
                let plan = Plan::Union {
                    columns: columns.collect(),
                    left: Box::new(left),
                    right: Box::new(right),
                    kind,
                };
                self.ordered(plan, order, skip, take)
            }
            other => Err(SqlError::unknown(format!("the query {other}"))),
        }
    }

    /// The order of a union names its columns.
    fn ordered(
        &mut self,
        plan: Plan,
        order: Option<&OrderBy>,
        skip: Option<Typed>,
        take: Option<Typed>,
    ) -> Result<Plan> {
        let mut by = Vec::new();
        for (expr, descending) in order_items(order)? {
            let found = match &expr {
                Expr::Identifier(name) => {
                    plan.columns().iter().position(|c| c.name.eq_ignore_ascii_case(&name.value))
                }
                Expr::Value(v) => v.value.to_string().parse::<usize>().ok().map(|n| n - 1),
                _ => None,
            };
            by.push((found.ok_or_else(|| SqlError::no_column(&expr))?, descending));
        }
        if by.is_empty() && skip.is_none() && take.is_none() {
            return Ok(plan);
        }
        Ok(Plan::Ordered { of: Box::new(plan), order: by, skip, take })
    }

    fn select(
        &mut self,
        select: &Select,
        order: Option<&OrderBy>,
        skip: Option<Typed>,
        take: Option<Typed>,
    ) -> Result<SelectPlan> {
        if select.into.is_some() {
            return Err(SqlError::unknown("SELECT … INTO"));
        }
        let top = match &select.top {
            None => None,
            Some(top) if top.percent => return Err(SqlError::unknown("TOP … PERCENT")),
            Some(top) => match &top.quantity {
                Some(TopQuantity::Constant(n)) => {
                    Some(Typed::constant((*n as i64).into(), T::BigInt))
                }
                Some(TopQuantity::Expr(expr)) => Some(self.expr_as(expr, T::BigInt)?),
                None => None,
            },
        };
        let (mut from, scope) = self.from(&select.from)?;
        self.scopes.push(scope);
        self.aggregates.push(None);
        let bound = self.select_within(select, order, &mut from);
        self.aggregates.pop();
        self.scopes.pop();
        let mut plan = bound?;
        plan.ties = select.top.as_ref().is_some_and(|top| top.with_ties);
        if plan.ties && plan.order.is_empty() {
            return Err(SqlError::new(1062, "The TOP N WITH TIES clause is not allowed without a corresponding ORDER BY clause.").class(15));
        }
        plan.from = from;
        plan.skip = skip;
        plan.take = top.or(take);
        Ok(plan)
    }

    fn select_within(
        &mut self,
        select: &Select,
        order: Option<&OrderBy>,
        from: &mut From,
    ) -> Result<SelectPlan> {
        let filter = select.selection.as_ref().map(|e| self.expr(e)).transpose()?;
        let group = match &select.group_by {
            GroupByExpr::Expressions(list, _) => {
                list.iter().map(|e| self.expr(e)).collect::<Result<Vec<_>>>()?
            }
            GroupByExpr::All(_) => return Err(SqlError::unknown("GROUP BY ALL")),
        };
        if let Some(slot) = self.aggregates.last_mut() {
            *slot = Some(Vec::new());
        }
        let (columns, project) = self.projection(&select.projection)?;
        let having = select.having.as_ref().map(|e| self.expr(e)).transpose()?;
        let (order, order_columns) = self.order_by(order, &columns, &project)?;
        let aggregates = self.aggregates.last_mut().and_then(Option::take).unwrap_or_default();
        let grouped = !group.is_empty() || !aggregates.is_empty();
        let mut in_order = false;
        if let From::Scan(scan) = from {
            scan.narrow(filter.as_ref());
            in_order = !grouped && scan.has_order(&order);
        }
        Ok(SelectPlan {
            columns,
            from: From::One,
            filter,
            grouped,
            group,
            aggregates,
            having,
            project,
            order,
            in_order,
            distinct: matches!(select.distinct, Some(ast::Distinct::Distinct)),
            skip: None,
            take: None,
            ties: false,
            order_columns,
        })
    }

    /// The select list; `*` is spelled out.
    pub(crate) fn projection(&mut self, items: &[SelectItem]) -> Result<(Vec<Named>, Vec<Typed>)> {
        let (mut columns, mut exprs) = (Vec::new(), Vec::new());
        for item in items {
            match item {
                SelectItem::Wildcard(_) => self.star(None, &mut columns, &mut exprs)?,
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    _,
                ) => {
                    let alias = name.0.last().and_then(|p| p.as_ident()).map(|i| i.value.clone());
                    self.star(alias.as_deref(), &mut columns, &mut exprs)?;
                }
                SelectItem::UnnamedExpr(expr) => {
                    let typed = self.expr(expr)?;
                    let name = match expr {
                        Expr::Identifier(name) if !name.value.starts_with('@') => {
                            name.value.clone()
                        }
                        Expr::CompoundIdentifier(parts) => {
                            parts.last().map(|p| p.value.clone()).unwrap_or_default()
                        }
                        _ => String::new(),
                    };
                    self.item(name, typed, &mut columns, &mut exprs);
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    let typed = self.expr(expr)?;
                    self.item(alias.value.clone(), typed, &mut columns, &mut exprs);
                }
                other => return Err(SqlError::unknown(format!("the select item {other}"))),
            }
        }
        Ok((columns, exprs))
    }

    fn star(
        &mut self,
        alias: Option<&str>,
        columns: &mut Vec<Named>,
        exprs: &mut Vec<Typed>,
    ) -> Result<()> {
        let Some(scope) = self.scopes.last() else { return Ok(()) };
        let mut any = false;
        for table in &scope.tables {
            if alias.is_some_and(|a| !table.alias.eq_ignore_ascii_case(a)) {
                continue;
            }
            any = true;
            for (i, named) in table.columns.iter().enumerate() {
                columns.push(named.clone());
                exprs.push(Typed {
                    ex: Ex::Col(0, table.offset + i),
                    ty: named.column.ty,
                    nullable: named.column.nullable,
                });
            }
        }
        if any {
            Ok(())
        } else {
            Err(SqlError::new(107, format!("The column prefix '{}' does not match with a table name or alias name used in the query.", alias.unwrap_or("*"))).class(15))
        }
    }

    fn item(
        &mut self,
        name: String,
        typed: Typed,
        columns: &mut Vec<Named>,
        exprs: &mut Vec<Typed>,
    ) {
        let plain = match typed.ex {
            Ex::Col(0, index) => self.scopes.last().and_then(|s| {
                s.tables.iter().find_map(|t| t.columns.get(index.wrapping_sub(t.offset)))
            }),
            _ => None,
        };
        let flags = plain.map_or(u16::from(typed.nullable), |c| c.flags);
        columns.push(Named {
            name,
            column: Column { ty: typed.ty, nullable: typed.nullable },
            flags,
        });
        exprs.push(typed);
    }

    fn order_by(
        &mut self,
        order: Option<&OrderBy>,
        columns: &[Named],
        project: &[Typed],
    ) -> Result<Order> {
        let (mut list, mut positions) = (Vec::new(), Vec::new());
        for (expr, descending) in order_items(order)? {
            let position = match &expr {
                Expr::Value(v) => match v.value.to_string().parse::<usize>() {
                    Ok(n) if (1..=columns.len()).contains(&n) => Some(n - 1),
                    _ => return Err(SqlError::new(108, "The ORDER BY position number is out of range of the number of items in the select list.").class(15)),
                },
                Expr::Identifier(name) => columns.iter().position(|c| c.name.eq_ignore_ascii_case(&name.value)),
                _ => None,
            };
            let typed = match position {
                Some(position) => project[position].clone(),
                None => self.expr(&expr)?,
            };
            let at = position.or_else(|| {
                project.iter().position(
                    |p| matches!((&p.ex, &typed.ex), (Ex::Col(0, a), Ex::Col(0, b)) if a == b),
                )
            });
            positions.push(at.map_or(0, |at| at as u16 + 1));
            list.push((typed, descending));
        }
        Ok((list, positions))
    }
}

fn order_items(order: Option<&OrderBy>) -> Result<Vec<(Expr, bool)>> {
    match order.map(|o| &o.kind) {
        None => Ok(Vec::new()),
        Some(OrderByKind::Expressions(list)) => Ok(list
            .iter()
            .map(|item| (item.expr.clone(), matches!(item.options.sort, Some(OrderBySort::Desc))))
            .collect()),
        Some(OrderByKind::All(_)) => Err(SqlError::unknown("ORDER BY ALL")),
    }
}

/// VALUES: each column in the type that all its values share.
pub(super) fn values_plan(mut rows: Vec<Vec<Typed>>) -> Plan {
    let width = rows.first().map_or(0, Vec::len);
    let columns: Vec<Named> = (0..width)
        .map(|i| {
            let known = rows
                .iter()
                .filter_map(|r| r.get(i))
                .filter(|t| !matches!(t.ex, Ex::Const(crate::value::Value::Null)));
            let ty = known.map(|t| t.ty).reduce(common_type).unwrap_or(T::Int);
            Named {
                name: String::new(),
                column: Column { ty, nullable: true },
                flags: Flags::NULLABLE,
            }
        })
        .collect();
    for row in &mut rows {
        for (typed, named) in row.iter_mut().zip(&columns) {
            *typed = cast_to(typed.clone(), named.column.ty);
        }
    }
    Plan::Values { columns, rows }
}
