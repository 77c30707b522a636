//! FROM: tables, views of the system, functions that return tables, joins.

use std::rc::Rc;

use sqlparser::ast::{
    FunctionArg, JoinConstraint, JoinOperator, TableAlias, TableFactor, TableWithJoins,
};

use super::{Binder, Scope, cast_to};
use crate::cdc;
use crate::error::{Result, SqlError};
use crate::sql::plan::{ChangesCall, Ex, From, Join, JoinKind, Scan, Seek, Typed};
use crate::sql::syntax::Name;
use crate::sql::views;
use crate::tds::{Flags, Named};
use crate::value::{Column, Len, SqlType as T};

impl Binder<'_> {
    /// The source of a query, and what its columns are called.
    pub(crate) fn from(&mut self, tables: &[TableWithJoins]) -> Result<(From, Scope)> {
        let mut scope = Scope::default();
        let mut whole: Option<From> = None;
        for table in tables {
            let width = scope.width();
            let right = self.joined(table, &mut scope)?;
            whole = Some(match whole {
                None => right,
                Some(left) => From::Join(Box::new(Join {
                    kind: JoinKind::Inner,
                    left,
                    right,
                    left_width: width,
                    right_width: scope.width() - width,
                    on: None,
                    equal: Vec::new(),
                })),
            });
        }
        Ok((whole.unwrap_or(From::One), scope))
    }

    fn joined(&mut self, table: &TableWithJoins, scope: &mut Scope) -> Result<From> {
        let begin = scope.width();
        let mut left = self.factor(&table.relation, scope)?;
        for join in &table.joins {
            let left_width = scope.width() - begin;
            let (kind, constraint) = match &join.join_operator {
                JoinOperator::Join(c) | JoinOperator::Inner(c) => (JoinKind::Inner, Some(c)),
                JoinOperator::Left(c) | JoinOperator::LeftOuter(c) => (JoinKind::Left, Some(c)),
                JoinOperator::Right(c) | JoinOperator::RightOuter(c) => (JoinKind::Right, Some(c)),
                JoinOperator::FullOuter(c) => (JoinKind::Full, Some(c)),
                JoinOperator::CrossJoin(_) => (JoinKind::Inner, None),
                JoinOperator::CrossApply => (JoinKind::Apply, None),
                JoinOperator::OuterApply => (JoinKind::OuterApply, None),
                other => return Err(SqlError::unknown(format!("the join {other:?}"))),
            };
            let apply = matches!(kind, JoinKind::Apply | JoinKind::OuterApply);
            if apply {
                self.scopes.push(scope.clone());
            }
            let tables_before = scope.tables.len();
            let right = self.factor(&join.relation, scope);
            if apply {
                self.scopes.pop();
            }
            let right = right?;
            if matches!(kind, JoinKind::Left | JoinKind::Full | JoinKind::OuterApply) {
                nullable(&mut scope.tables[tables_before..]);
            }
            if matches!(kind, JoinKind::Right | JoinKind::Full) {
                nullable(&mut scope.tables[..tables_before]);
            }
            let right_width = scope.width() - begin - left_width;
            let on = match constraint {
                Some(JoinConstraint::On(expr)) => {
                    self.scopes.push(scope.clone());
                    let bound = self.expr(expr);
                    self.scopes.pop();
                    Some(bound?)
                }
                None | Some(JoinConstraint::None) => None,
                Some(other) => return Err(SqlError::unknown(format!("{other:?}"))),
            };
            // Within a join its own columns begin at zero.
            let on = on.map(|on| shifted(on, begin));
            let equal = on.as_ref().map_or(Vec::new(), |on| equalities(on, left_width));
            left = From::Join(Box::new(Join {
                kind,
                left,
                right,
                left_width,
                right_width,
                on,
                equal,
            }));
        }
        Ok(left)
    }

    fn factor(&mut self, factor: &TableFactor, scope: &mut Scope) -> Result<From> {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let name = Name::of(name)?;
                let (from, columns) = self.table(&name)?;
                let shown = alias.as_ref().map_or(name.name.as_str(), |a| a.name.value.as_str());
                scope.push(shown, name.schema.as_deref(), renamed(columns, alias.as_ref()));
                Ok(from)
            }
            TableFactor::Table { name, alias, args: Some(args), .. } => {
                let name = Name::of(name)?;
                let (from, columns) = self.table_function(&name, &args.args)?;
                let shown = alias.as_ref().map_or(name.name.as_str(), |a| a.name.value.as_str());
                scope.push(shown, None, renamed(columns, alias.as_ref()));
                Ok(from)
            }
            TableFactor::Derived { subquery, alias, .. } => {
                let plan = self.query(subquery)?;
                let columns = renamed(plan.columns().to_vec(), alias.as_ref());
                let shown = alias.as_ref().map_or("", |a| a.name.value.as_str());
                scope.push(shown, None, columns);
                Ok(From::Query(Box::new(plan)))
            }
            TableFactor::NestedJoin { table_with_joins, .. } => {
                let mut inner = Scope::default();
                let from = self.joined(table_with_joins, &mut inner)?;
                for table in inner.tables {
                    scope.push(&table.alias, table.schema.as_deref(), table.columns);
                }
                Ok(from)
            }
            other => Err(SqlError::unknown(format!("the table source {other}"))),
        }
    }

    fn table(&mut self, name: &Name) -> Result<(From, Vec<Named>)> {
        if name.schema.is_none()
            && let Some(at) =
                self.ctes.iter().rposition(|(cte, ..)| cte.eq_ignore_ascii_case(&name.name))
        {
            let (_, columns, query) = self.ctes[at].clone();
            // A CTE sees those before it, not itself.
            let later = self.ctes.split_off(at);
            let plan = self.query(&query);
            self.ctes.extend(later);
            let plan = plan?;
            let mut named = plan.columns().to_vec();
            for (column, name) in named.iter_mut().zip(columns) {
                column.name = name;
            }
            return Ok((From::Query(Box::new(plan)), named));
        }
        if let Some(found) = self.ctx.find_table(name)? {
            self.ctx.need("SELECT", &found.def)?;
            let columns = columns_of(&found.def.columns);
            let scan = Scan {
                stored: self.ctx.stored(&found),
                physical: (0..columns.len()).collect(),
                def: found.def,
                seek: Seek::default(),
                changes: None,
            };
            return Ok((From::Scan(Box::new(scan)), columns));
        }
        if let Some((columns, rows)) = views::find(self.ctx, name)? {
            return Ok((From::Rows(Rc::new(rows)), columns));
        }
        Err(SqlError::no_object(name))
    }

    fn table_function(&mut self, name: &Name, args: &[FunctionArg]) -> Result<(From, Vec<Named>)> {
        let mut arguments = Vec::new();
        for argument in args {
            arguments.push(self.expr(&super::call::plain(argument.clone())?)?);
        }
        let lower = name.name.to_ascii_lowercase();
        match (lower.as_str(), arguments.len()) {
            ("generate_series", 2 | 3) => {
                let ty = arguments[0].ty;
                let mut arguments = arguments.into_iter().map(|a| cast_to(a, T::BigInt));
                let (Some(start), Some(stop)) = (arguments.next(), arguments.next()) else {
                    return Err(SqlError::syntax(name));
                };
                Ok((
                    From::Generate { start, stop, step: arguments.next() },
                    vec![view_column("value", ty)],
                ))
            }
            ("string_split", 2 | 3) => {
                let mut arguments =
                    arguments.into_iter().map(|a| cast_to(a, T::NVarChar(Len::Max)));
                let (Some(text), Some(by)) = (arguments.next(), arguments.next()) else {
                    return Err(SqlError::syntax(name));
                };
                Ok((From::Split { text, by }, vec![view_column("value", T::NVarChar(Len::Max))]))
            }
            _ => self.all_changes(name, arguments),
        }
    }

    /// `cdc.fn_cdc_get_all_changes_<instance>`.
    fn all_changes(&mut self, name: &Name, arguments: Vec<Typed>) -> Result<(From, Vec<Named>)> {
        let is_cdc = name.schema.as_deref().is_some_and(|s| s.eq_ignore_ascii_case("cdc"));
        let database =
            name.database.clone().unwrap_or_else(|| self.ctx.core.database.borrow().clone());
        let state = self.ctx.state_named(&database)?;
        let instance = is_cdc
            .then(|| cdc::instance_of_function(&name.name))
            .flatten()
            .and_then(|i| state.cdc.instance(i));
        let Some(instance) = instance else {
            return Err(SqlError::no_object(name));
        };
        if !self.ctx.may_read_instance(instance) {
            return Err(SqlError::new(229, format!("The SELECT permission was denied on the object '{}', database '{database}', schema 'cdc'.", name.name)).class(14));
        }
        let [from, to, option] = <[Typed; 3]>::try_from(arguments).map_err(|_| cdc::bad_range())?;
        let call = ChangesCall {
            instance: instance.name.clone(),
            database,
            from: cast_to(from, T::Binary(10)),
            to: cast_to(to, T::Binary(10)),
            option: cast_to(option, T::NVarChar(Len::Of(30))),
        };
        // All but __$end_lsn and __$command_id.
        let last = instance.table.columns.len() - 1;
        let physical: Vec<usize> = (0..last).filter(|i| *i != 1).collect();
        let columns = physical
            .iter()
            .map(|i| columns_of(&instance.table.columns[*i..=*i]).remove(0))
            .collect();
        let scan = Scan {
            def: instance.table.clone(),
            stored: crate::sql::plan::Stored::Changes(instance.changes.clone()),
            physical,
            seek: Seek::default(),
            changes: Some(call),
        };
        Ok((From::Scan(Box::new(scan)), columns))
    }
}

/// A table's columns as a query sees them.
pub(crate) fn columns_of(columns: &[crate::store::ColumnDef]) -> Vec<Named> {
    columns
        .iter()
        .map(|c| Named { name: c.name.clone(), column: c.column(), flags: c.flags() })
        .collect()
}

/// A column of a view or function.
pub(crate) fn view_column(name: &str, ty: T) -> Named {
    Named { name: name.into(), column: Column { ty, nullable: true }, flags: Flags::NULLABLE }
}

fn renamed(mut columns: Vec<Named>, alias: Option<&TableAlias>) -> Vec<Named> {
    for (column, name) in columns.iter_mut().zip(alias.iter().flat_map(|a| &a.columns)) {
        column.name = name.name.value.clone();
    }
    columns
}

fn nullable(tables: &mut [super::ScopeTable]) {
    for column in tables.iter_mut().flat_map(|t| &mut t.columns) {
        column.column.nullable = true;
        column.flags |= Flags::NULLABLE;
    }
}

/// The expression with its own row's columns counted from `by` on.
fn shifted(mut typed: Typed, by: usize) -> Typed {
    if by > 0 {
        typed.visit(&mut |ex| {
            if let Ex::Col(0, index) = ex {
                *index -= by;
            }
        });
    }
    typed
}

/// The equalities of a condition that part into a left side and a right side.
fn equalities(on: &Typed, left_width: usize) -> Vec<(Typed, Typed)> {
    match &on.ex {
        Ex::And(a, b) => [equalities(a, left_width), equalities(b, left_width)].concat(),
        Ex::Compare(crate::sql::plan::Op::Eq, a, b) => {
            let side = |typed: &Typed| {
                let (mut left, mut right, mut other) = (false, false, false);
                typed.clone().visit(&mut |ex| match ex {
                    Ex::Col(0, index) if *index < left_width => left = true,
                    Ex::Col(0, _) => right = true,
                    Ex::Scalar(_) | Ex::Exists(_) | Ex::InQuery(..) => other = true,
                    _ => {}
                });
                if other { None } else { Some((left, right)) }
            };
            let same_key = |x: &Typed, y: &Typed| {
                x.ty == y.ty || (x.ty.is_text() && y.ty.is_text()) || (is_int(x.ty) && is_int(y.ty))
            };
            match (side(a), side(b)) {
                _ if !same_key(a, b) => Vec::new(),
                (Some((true, false)), Some((false, true))) => {
                    vec![((**a).clone(), shifted((**b).clone(), left_width))]
                }
                (Some((false, true)), Some((true, false))) => {
                    vec![((**b).clone(), shifted((**a).clone(), left_width))]
                }
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

fn is_int(ty: T) -> bool {
    matches!(ty, T::TinyInt | T::SmallInt | T::Int | T::BigInt)
}

impl Typed {
    /// Calls `f` for every expression within, subqueries' insides left out.
    pub(crate) fn visit(&mut self, f: &mut dyn FnMut(&mut Ex)) {
        f(&mut self.ex);
        match &mut self.ex {
            Ex::Const(_)
            | Ex::Var(_)
            | Ex::Col(..)
            | Ex::Aggregate(_)
            | Ex::Scalar(_)
            | Ex::Exists(_) => {}
            Ex::Cast { of, style, .. } => {
                of.visit(f);
                style.iter_mut().for_each(|s| s.visit(f));
            }
            Ex::Compare(_, a, b)
            | Ex::And(a, b)
            | Ex::Or(a, b)
            | Ex::Math(_, a, b)
            | Ex::Concat(a, b) => {
                a.visit(f);
                b.visit(f);
            }
            Ex::Not(of) | Ex::IsNull(of, _) | Ex::Negate(of) | Ex::InQuery(of, ..) => of.visit(f),
            Ex::In(of, list, _) => {
                of.visit(f);
                list.iter_mut().for_each(|item| item.visit(f));
            }
            Ex::Like { text, pattern, .. } => {
                text.visit(f);
                pattern.visit(f);
            }
            Ex::Case(arms, other) => {
                for (condition, result) in arms {
                    condition.visit(f);
                    result.visit(f);
                }
                other.iter_mut().for_each(|o| o.visit(f));
            }
            Ex::Call(_, arguments) => arguments.iter_mut().for_each(|a| a.visit(f)),
        }
    }

    /// Does it depend on no column of the query's own row?
    pub(crate) fn is_fixed(&self) -> bool {
        let mut fixed = true;
        self.clone().visit(&mut |ex| {
            if matches!(
                ex,
                Ex::Col(0, _) | Ex::Scalar(_) | Ex::Exists(_) | Ex::InQuery(..) | Ex::Aggregate(_)
            ) {
                fixed = false;
            }
        });
        fixed
    }
}
