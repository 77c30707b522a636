//! Joins: by hash where ON has an equality, else every row with every row.

use std::collections::HashMap;

use super::from_each;
use crate::error::Result;
use crate::session::Context;
use crate::sql::eval::{eval, is_true};
use crate::sql::plan::{Env, From, GO_ON, Join, JoinKind, RowRef, STOP, Take};
use crate::value::{Value, key_of};

pub(super) fn join(
    ctx: &Context,
    env: Option<&Env<'_>>,
    join: &Join,
    take: &mut Take<'_>,
) -> Result<()> {
    if matches!(join.kind, JoinKind::Apply | JoinKind::OuterApply) {
        return apply(ctx, env, join, take);
    }
    let right = rows(ctx, env, &join.right, join.right_width)?;
    let index = index(ctx, env, join, &right)?;
    let mut matched = vec![false; right.len()];
    let mut stopped = false;
    from_each(ctx, env, &join.left, &mut |row| {
        let mut both = row.values(join.left_width);
        let candidates = candidates(ctx, env, join, &both, index.as_ref(), right.len())?;
        let mut any = false;
        for i in candidates {
            both.truncate(join.left_width);
            both.extend_from_slice(&right[i]);
            if !is_true(ctx, &Env::of(RowRef::Values(&both), env), join.on.as_ref())? {
                continue;
            }
            any = true;
            matched[i] = true;
            if take(RowRef::Values(&both))?.is_break() {
                stopped = true;
                return Ok(STOP);
            }
        }
        if !any && matches!(join.kind, JoinKind::Left | JoinKind::Full) {
            both.truncate(join.left_width);
            both.resize(join.left_width + join.right_width, Value::Null);
            let flow = take(RowRef::Values(&both))?;
            stopped = flow.is_break();
            return Ok(flow);
        }
        Ok(GO_ON)
    })?;
    if stopped || !matches!(join.kind, JoinKind::Right | JoinKind::Full) {
        return Ok(());
    }
    for (row, _) in right.iter().zip(&matched).filter(|(_, matched)| !**matched) {
        let mut both = vec![Value::Null; join.left_width];
        both.extend_from_slice(row);
        if take(RowRef::Values(&both))?.is_break() {
            break;
        }
    }
    Ok(())
}

fn rows(
    ctx: &Context,
    env: Option<&Env<'_>>,
    from: &From,
    width: usize,
) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    from_each(ctx, env, from, &mut |row| {
        rows.push(row.values(width));
        Ok(GO_ON)
    })?;
    Ok(rows)
}

type Index = HashMap<Vec<u8>, Vec<usize>>;

fn index(
    ctx: &Context,
    env: Option<&Env<'_>>,
    join: &Join,
    right: &[Vec<Value>],
) -> Result<Option<Index>> {
    if join.equal.is_empty() {
        return Ok(None);
    }
    let mut index = Index::new();
    for (i, row) in right.iter().enumerate() {
        let here = Env::of(RowRef::Values(row), env);
        let values =
            join.equal.iter().map(|(_, e)| eval(ctx, &here, e)).collect::<Result<Vec<_>>>()?;
        if values.iter().all(|v| !v.is_null()) {
            index.entry(key_of(&values)).or_default().push(i);
        }
    }
    Ok(Some(index))
}

fn candidates(
    ctx: &Context,
    env: Option<&Env<'_>>,
    join: &Join,
    left: &[Value],
    index: Option<&Index>,
    all: usize,
) -> Result<Vec<usize>> {
    let Some(index) = index else { return Ok((0..all).collect()) };
    let here = Env::of(RowRef::Values(left), env);
    let values = join.equal.iter().map(|(e, _)| eval(ctx, &here, e)).collect::<Result<Vec<_>>>()?;
    Ok(index.get(&key_of(&values)).cloned().unwrap_or_default())
}

fn apply(ctx: &Context, env: Option<&Env<'_>>, join: &Join, take: &mut Take<'_>) -> Result<()> {
    from_each(ctx, env, &join.left, &mut |row| {
        let left = row.values(join.left_width);
        let here = Env::of(RowRef::Values(&left), env);
        let right = rows(ctx, Some(&here), &join.right, join.right_width)?;
        let empty = right.is_empty() && join.kind == JoinKind::OuterApply;
        let filler = vec![vec![Value::Null; join.right_width]];
        for row in if empty { &filler } else { &right } {
            let both = [left.as_slice(), row].concat();
            if take(RowRef::Values(&both))?.is_break() {
                return Ok(STOP);
            }
        }
        Ok(GO_ON)
    })
}
