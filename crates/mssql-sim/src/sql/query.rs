//! Running a query: rows are pushed from the source through filter and projection to the taker, so
//! that a scan is sent as it is read. Groups, sorts and joins hold what they must.

mod group;
mod join;

use std::collections::HashSet;
use std::ops::ControlFlow;

use super::eval::{eval, is_true};
use super::plan::{Env, From, GO_ON, Plan, RowRef, STOP, SelectPlan, SetKind, Take, Typed};
use super::source::each_of;
use crate::error::{Result, SqlError};
use crate::session::Context;
use crate::value::{SqlType as T, Value, convert, key_of, push_key};

/// Calls `take` with each row of the result.
pub(crate) fn run_plan(
    ctx: &Context,
    env: Option<&Env<'_>>,
    plan: &Plan,
    take: &mut Take<'_>,
) -> Result<()> {
    match plan {
        Plan::Select(select) => run_select(ctx, env, select, take),
        Plan::Values { rows, .. } => {
            let empty = Env::of(RowRef::None, env);
            for row in rows {
                let values = row
                    .iter()
                    .map(|e| eval(ctx, env.unwrap_or(&empty), e))
                    .collect::<Result<Vec<_>>>()?;
                if take(RowRef::Values(&values))?.is_break() {
                    break;
                }
            }
            Ok(())
        }
        Plan::Union { left, right, kind, .. } => {
            each_of(&united(ctx, env, plan, left, right, *kind)?, take)
        }
        Plan::Ordered { of, order, skip, take: most } => {
            let mut rows = collect(ctx, env, of)?;
            rows.sort_by_cached_key(|row| {
                let mut key = Vec::new();
                for (column, descending) in order {
                    push_ordered(&mut key, &row[*column], *descending);
                }
                key
            });
            let (skip, most) = limits(ctx, env, skip.as_ref(), most.as_ref())?;
            each_of(&rows[skip.min(rows.len())..(skip.saturating_add(most)).min(rows.len())], take)
        }
    }
}

/// All rows of a query.
pub(crate) fn collect(
    ctx: &Context,
    env: Option<&Env<'_>>,
    plan: &Plan,
) -> Result<Vec<Vec<Value>>> {
    let width = plan.columns().len();
    let mut rows = Vec::new();
    run_plan(ctx, env, plan, &mut |row| {
        rows.push(row.values(width));
        Ok(GO_ON)
    })?;
    Ok(rows)
}

fn united(
    ctx: &Context,
    env: Option<&Env<'_>>,
    plan: &Plan,
    left: &Plan,
    right: &Plan,
    kind: SetKind,
) -> Result<Vec<Vec<Value>>> {
    let types: Vec<T> = plan.columns().iter().map(|c| c.column.ty).collect();
    let side = |side: &Plan| -> Result<Vec<Vec<Value>>> {
        let mut rows = collect(ctx, env, side)?;
        for row in &mut rows {
            for (i, value) in row.iter_mut().enumerate() {
                *value = convert(
                    std::mem::replace(value, Value::Null),
                    side.columns()[i].column.ty,
                    types[i],
                )?;
            }
        }
        Ok(rows)
    };
    let (mut rows, other) = (side(left)?, side(right)?);
    match kind {
        SetKind::UnionAll => rows.extend(other),
        SetKind::Union => {
            rows.extend(other);
            let mut seen = HashSet::new();
            rows.retain(|row| seen.insert(key_of(row)));
        }
        SetKind::Except | SetKind::Intersect => {
            let other: HashSet<_> = other.iter().map(key_of).collect();
            let mut seen = HashSet::new();
            rows.retain(|row| {
                other.contains(&key_of(row)) == (kind == SetKind::Intersect)
                    && seen.insert(key_of(row))
            });
        }
    }
    Ok(rows)
}

pub(super) fn push_ordered(key: &mut Vec<u8>, value: &Value, descending: bool) {
    let from = key.len();
    push_key(key, value);
    if descending {
        key[from..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

fn limits(
    ctx: &Context,
    env: Option<&Env<'_>>,
    skip: Option<&Typed>,
    take: Option<&Typed>,
) -> Result<(usize, usize)> {
    let outer = env.copied().unwrap_or(Env::EMPTY);
    let read = |typed: Option<&Typed>, default: usize| -> Result<usize> {
        let Some(typed) = typed else { return Ok(default) };
        match eval(ctx, &outer, typed)?.as_int() {
            Some(n) if n >= 0 => Ok(n as usize),
            Some(_) => Err(SqlError::new(10_742, "The offset or the number of rows must not be negative.").class(15)),
            None => Err(SqlError::new(1060, "The number of rows provided for a TOP or FETCH clauses row count parameter must be an integer.").class(15)),
        }
    };
    Ok((read(skip, 0)?, read(take, usize::MAX)?))
}

fn run_select(
    ctx: &Context,
    env: Option<&Env<'_>>,
    plan: &SelectPlan,
    take: &mut Take<'_>,
) -> Result<()> {
    let (mut skip, mut most) = limits(ctx, env, plan.skip.as_ref(), plan.take.as_ref())?;
    if most == 0 {
        return Ok(());
    }
    if plan.ties {
        return with_ties(ctx, env, plan, most, take);
    }
    let mut seen = HashSet::new();
    // The last step: DISTINCT, OFFSET, TOP.
    let mut out = |row: RowRef<'_>| {
        if plan.distinct && !seen.insert(key_of(&row.values(plan.project.len()))) {
            return Ok(GO_ON);
        }
        if skip > 0 {
            skip -= 1;
            return Ok(GO_ON);
        }
        most -= 1;
        match take(row)? {
            ControlFlow::Continue(()) if most > 0 => Ok(GO_ON),
            _ => Ok(STOP),
        }
    };
    if plan.grouped {
        return each_of(&group::groups(ctx, env, plan)?, &mut out);
    }
    if !plan.order.is_empty() && !plan.in_order {
        let rows: Vec<_> = sorted(ctx, env, plan)?.into_iter().map(|(_, row)| row).collect();
        return each_of(&rows, &mut out);
    }
    let copied = plan.copied_columns();
    from_each(ctx, env, &plan.from, &mut |row| {
        let here = Env::of(row, env);
        if !is_true(ctx, &here, plan.filter.as_ref())? {
            return Ok(GO_ON);
        }
        if let (Some(copied), RowRef::Encoded(encoded, _)) = (&copied, row) {
            return out(RowRef::Encoded(encoded, copied));
        }
        let values =
            plan.project.iter().map(|e| eval(ctx, &here, e)).collect::<Result<Vec<_>>>()?;
        out(RowRef::Values(&values))
    })
}

impl SelectPlan {
    /// Where the select list is nothing but columns of one table: which of the stored ones.
    fn copied_columns(&self) -> Option<Vec<usize>> {
        let From::Scan(scan) = &self.from else { return None };
        self.project
            .iter()
            .map(|typed| match typed.ex {
                super::plan::Ex::Col(0, index) => scan.physical.get(index).copied(),
                _ => None,
            })
            .collect()
    }
}

/// `TOP (n) WITH TIES`: n rows, and those behind them that stand in the same place of the order.
fn with_ties(
    ctx: &Context,
    env: Option<&Env<'_>>,
    plan: &SelectPlan,
    most: usize,
    take: &mut Take<'_>,
) -> Result<()> {
    if !plan.in_order {
        let mut rows = sorted(ctx, env, plan)?;
        let last = rows.get(most - 1).map(|(key, _)| key.clone());
        rows.retain(|(key, _)| last.as_ref().is_none_or(|last| key <= last));
        let rows: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
        return each_of(&rows, take);
    }
    let copied = plan.copied_columns();
    let (mut taken, mut last) = (0, Vec::new());
    from_each(ctx, env, &plan.from, &mut |row| {
        let here = Env::of(row, env);
        if !is_true(ctx, &here, plan.filter.as_ref())? {
            return Ok(GO_ON);
        }
        taken += 1;
        if taken == most {
            last = order_key(ctx, &here, plan)?;
        } else if taken > most && order_key(ctx, &here, plan)? != last {
            return Ok(STOP);
        }
        if let (Some(copied), RowRef::Encoded(encoded, _)) = (&copied, row) {
            return take(RowRef::Encoded(encoded, copied));
        }
        let values =
            plan.project.iter().map(|e| eval(ctx, &here, e)).collect::<Result<Vec<_>>>()?;
        take(RowRef::Values(&values))
    })
}

fn order_key(ctx: &Context, here: &Env<'_>, plan: &SelectPlan) -> Result<Vec<u8>> {
    let mut key = Vec::new();
    for (typed, descending) in &plan.order {
        push_ordered(&mut key, &eval(ctx, here, typed)?, *descending);
    }
    Ok(key)
}

type Keyed = (Vec<u8>, Vec<Value>);

fn sorted(ctx: &Context, env: Option<&Env<'_>>, plan: &SelectPlan) -> Result<Vec<Keyed>> {
    let mut rows: Vec<Keyed> = Vec::new();
    from_each(ctx, env, &plan.from, &mut |row| {
        let here = Env::of(row, env);
        if is_true(ctx, &here, plan.filter.as_ref())? {
            let values = plan.project.iter().map(|e| eval(ctx, &here, e)).collect::<Result<_>>()?;
            rows.push((order_key(ctx, &here, plan)?, values));
        }
        Ok(GO_ON)
    })?;
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(rows)
}

/// The rows of a FROM clause.
pub(crate) fn from_each(
    ctx: &Context,
    env: Option<&Env<'_>>,
    from: &From,
    take: &mut Take<'_>,
) -> Result<()> {
    match from {
        From::One => take(RowRef::None).map(drop),
        From::Scan(scan) => scan.each(ctx, env, take),
        From::Rows(rows) => each_of(rows, take),
        From::Query(plan) => run_plan(ctx, env, plan, take),
        From::Generate { start, stop, step } => {
            let outer = env.copied().unwrap_or(Env::EMPTY);
            let n = |typed: &Typed| eval(ctx, &outer, typed).map(|v| v.as_int());
            let (Some(start), Some(stop)) = (n(start)?, n(stop)?) else { return Ok(()) };
            let step = match step {
                Some(step) => n(step)?.unwrap_or(1),
                None => {
                    if start <= stop {
                        1
                    } else {
                        -1
                    }
                }
            };
            if step == 0 {
                return Err(SqlError::new(
                    4199,
                    "Argument value 0 is invalid for argument 3 of generate_series function.",
                ));
            }
            let mut at = start;
            while if step > 0 { at <= stop } else { at >= stop } {
                if take(RowRef::Values(&[Value::Int(at)]))?.is_break() {
                    break;
                }
                at += step;
            }
            Ok(())
        }
        From::Split { text, by } => {
            let outer = env.copied().unwrap_or(Env::EMPTY);
            let (Value::Text(text), Value::Text(by)) =
                (eval(ctx, &outer, text)?, eval(ctx, &outer, by)?)
            else {
                return Ok(());
            };
            let rows: Vec<_> = text.split(&by).map(|part| vec![Value::text(part)]).collect();
            each_of(&rows, take)
        }
        From::Join(join) => join::join(ctx, env, join, take),
    }
}
