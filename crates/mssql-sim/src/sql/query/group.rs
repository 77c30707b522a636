//! GROUP BY and aggregates.

use std::collections::{HashMap, HashSet};

use super::{from_each, push_ordered};
use crate::error::{Result, SqlError};
use crate::session::Context;
use crate::sql::eval::{eval, is_true};
use crate::sql::plan::{Aggregate, AggregateKind, Env, GO_ON, RowRef, SelectPlan};
use crate::value::{SqlType as T, Value, compare, convert, key_of};

/// What an aggregate has seen.
#[derive(Default)]
struct Running {
    count: i64,
    value: Option<Value>,
    seen: HashSet<Vec<u8>>,
}

struct Group {
    /// Its first row: what GROUP BY names is the same in all.
    row: Vec<Value>,
    running: Vec<Running>,
}

/// One row a group, filtered by HAVING and in order.
pub(super) fn groups(
    ctx: &Context,
    env: Option<&Env<'_>>,
    plan: &SelectPlan,
) -> Result<Vec<Vec<Value>>> {
    let mut order: Vec<Vec<u8>> = Vec::new();
    let mut groups: HashMap<Vec<u8>, Group> = HashMap::new();
    let new =
        |row| Group { row, running: plan.aggregates.iter().map(|_| Running::default()).collect() };
    if plan.group.is_empty() {
        order.push(Vec::new());
        groups.insert(Vec::new(), new(Vec::new()));
    }
    from_each(ctx, env, &plan.from, &mut |row| {
        let here = Env::of(row, env);
        if !is_true(ctx, &here, plan.filter.as_ref())? {
            return Ok(GO_ON);
        }
        let values = plan.group.iter().map(|e| eval(ctx, &here, e)).collect::<Result<Vec<_>>>()?;
        let key = key_of(&values);
        let group = groups.entry(key).or_insert_with_key(|key| {
            order.push(key.clone());
            new(row.values(width(&row)))
        });
        for (aggregate, running) in plan.aggregates.iter().zip(&mut group.running) {
            add(ctx, &here, aggregate, running)?;
        }
        Ok(GO_ON)
    })?;
    finish(ctx, env, plan, order, groups)
}

fn width(row: &RowRef<'_>) -> usize {
    match row {
        RowRef::None => 0,
        RowRef::Values(values) => values.len(),
        RowRef::Encoded(_, physical) => physical.len(),
    }
}

fn finish(
    ctx: &Context,
    env: Option<&Env<'_>>,
    plan: &SelectPlan,
    order: Vec<Vec<u8>>,
    mut groups: HashMap<Vec<u8>, Group>,
) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for key in order {
        let Some(group) = groups.remove(&key) else { continue };
        let mut aggregates = Vec::new();
        for (aggregate, running) in plan.aggregates.iter().zip(group.running) {
            aggregates.push(result(aggregate, running)?);
        }
        let here = Env { row: RowRef::Values(&group.row), aggregates: &aggregates, parent: env };
        if !is_true(ctx, &here, plan.having.as_ref())? {
            continue;
        }
        let mut sort = Vec::new();
        for (typed, descending) in &plan.order {
            push_ordered(&mut sort, &eval(ctx, &here, typed)?, *descending);
        }
        rows.push((
            sort,
            plan.project.iter().map(|e| eval(ctx, &here, e)).collect::<Result<Vec<_>>>()?,
        ));
    }
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn add(ctx: &Context, env: &Env<'_>, aggregate: &Aggregate, running: &mut Running) -> Result<()> {
    let Some(of) = &aggregate.of else {
        running.count += 1;
        return Ok(());
    };
    let value = eval(ctx, env, of)?;
    if value.is_null() || (aggregate.distinct && !running.seen.insert(key_of([&value]))) {
        return Ok(());
    }
    running.count += 1;
    running.value = Some(match (running.value.take(), aggregate.kind) {
        (_, AggregateKind::Count | AggregateKind::CountAll) => return Ok(()),
        (None, _) => value,
        (Some(best), AggregateKind::Min) => {
            if compare(&value, &best).is_lt() {
                value
            } else {
                best
            }
        }
        (Some(best), AggregateKind::Max) => {
            if compare(&value, &best).is_gt() {
                value
            } else {
                best
            }
        }
        (Some(Value::Text(all)), AggregateKind::StringAgg) => {
            let by = match &aggregate.separator {
                Some(by) => crate::sql::eval::shown(&eval(ctx, env, by)?, by.ty),
                None => String::new(),
            };
            let Value::Text(next) = value else { return Ok(()) };
            Value::Text(all + &by + &next)
        }
        (Some(sum), _) => plus(sum, value)?,
    });
    Ok(())
}

fn plus(a: Value, b: Value) -> Result<Value> {
    Ok(match (a, b) {
        (Value::Int(a), Value::Int(b)) => {
            Value::Int(a.checked_add(b).ok_or_else(|| SqlError::overflow("bigint"))?)
        }
        (Value::Float(a), Value::Float(b)) => Value::Float(a + b),
        (Value::Decimal(a, s), Value::Decimal(b, _)) => {
            Value::Decimal(a.checked_add(b).ok_or_else(|| SqlError::overflow("numeric"))?, s)
        }
        _ => return Err(SqlError::new(8117, "Operand data type is invalid for sum operator.")),
    })
}

fn result(aggregate: &Aggregate, running: Running) -> Result<Value> {
    Ok(match aggregate.kind {
        AggregateKind::Count | AggregateKind::CountAll => Value::Int(running.count),
        AggregateKind::Avg => match running.value {
            Some(Value::Int(sum)) => Value::Int(sum / running.count.max(1)),
            Some(Value::Float(sum)) => Value::Float(sum / running.count.max(1) as f64),
            Some(Value::Decimal(sum, s)) => {
                Value::Decimal(sum / i128::from(running.count.max(1)), s)
            }
            _ => Value::Null,
        },
        AggregateKind::Sum => match running.value {
            Some(value @ Value::Int(_)) => convert(value, T::BigInt, aggregate.ty)?,
            value => value.into(),
        },
        _ => running.value.into(),
    })
}
