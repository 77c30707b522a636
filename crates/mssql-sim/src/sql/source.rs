//! Scans: how a WHERE clause narrows one, and the rows that it yields.

use std::ops::Bound;
use std::sync::Arc;

use super::bind::same_family;
use super::eval::eval;
use super::plan::{Env, Ex, GO_ON, Op, RowRef, Scan, Stored, Take, Typed};
use crate::cdc;
use crate::error::Result;
use crate::session::Context;
use crate::store::{Key, Lsn};
use crate::value::{Encoded, Value, convert, key_of};

/// The columns that order a change table: `__$start_lsn`, `__$command_id`, `__$seqval`, `__$operation`.
fn change_key(columns: usize) -> [usize; 4] {
    [0, columns - 1, 2, 3]
}

impl Scan {
    fn key(&self) -> Vec<usize> {
        match &self.stored {
            Stored::Rows(_) => self.def.key().to_vec(),
            Stored::Changes(_) => change_key(self.def.columns.len()).to_vec(),
        }
    }

    /// Takes from the filter what bounds the key. The filter itself stays as it is.
    pub(crate) fn narrow(&mut self, filter: Option<&Typed>) {
        let Some(filter) = filter else { return };
        for column in self.key() {
            let Some(logical) = self.physical.iter().position(|p| *p == column) else { return };
            let ty = self.def.columns[column].ty;
            let usable = |value: &Typed| same_family(ty, value.ty) && value.is_fixed();
            if let Some(equal) = equal_to(filter, logical, &usable) {
                self.seek.equal.push(equal);
                continue;
            }
            self.seek.low = bound(filter, logical, true, &usable);
            self.seek.high = bound(filter, logical, false, &usable);
            return;
        }
    }

    /// Do the rows come in this order by themselves?
    pub(crate) fn has_order(&self, order: &[(Typed, bool)]) -> bool {
        // Columns that are fixed by an equality may stand anywhere.
        let key = self.key();
        let fixed = self.seek.equal.len();
        let mut at = 0;
        for (typed, descending) in order {
            let Ex::Col(0, logical) = typed.ex else { return false };
            let Some(position) = key.iter().position(|k| *k == self.physical[logical]) else {
                return false;
            };
            if position < fixed {
                continue;
            }
            at = at.max(fixed);
            if position != at || *descending {
                return false;
            }
            at += 1;
        }
        true
    }

    /// Calls `take` with every row within the bounds, in the order of the key.
    pub(crate) fn each(
        &self,
        ctx: &Context,
        env: Option<&Env<'_>>,
        take: &mut Take<'_>,
    ) -> Result<()> {
        let outer = env.copied().unwrap_or(Env::EMPTY);
        let outer = Env { row: RowRef::None, aggregates: &[], parent: Some(&outer) };
        match &self.stored {
            Stored::Rows(data) => self.each_row(ctx, &outer, |low, high| {
                for (_, row) in data.rows.range::<[u8], _>((low, high)) {
                    let encoded = Encoded { columns: &self.def.encoding, bytes: row };
                    if take(RowRef::Encoded(encoded, &self.physical))?.is_break() {
                        break;
                    }
                }
                Ok(())
            }),
            Stored::Changes(changes) => {
                let (from, to, old) = match &self.changes {
                    Some(call) => cdc::check_range(ctx, &outer, call)?,
                    None => (Lsn::ZERO, Lsn([0xFF; 10]), true),
                };
                let (low, high) = self.lsn_bounds(ctx, &outer)?;
                let (from, to) = (from.max(low), to.min(high));
                let mut place =
                    if from == Lsn::ZERO { changes.start() } else { changes.seek(from) };
                while let Some((lsn, row)) = changes.next(&mut place) {
                    if lsn > to {
                        break;
                    }
                    let encoded = Encoded { columns: &self.def.encoding, bytes: row };
                    if !old && cdc::is_before_image(encoded) {
                        continue;
                    }
                    if take(RowRef::Encoded(encoded, &self.physical))?.is_break() {
                        break;
                    }
                }
                Ok(())
            }
        }
    }

    /// The key range, as bytes.
    fn each_row(
        &self,
        ctx: &Context,
        env: &Env<'_>,
        run: impl FnOnce(Bound<&[u8]>, Bound<&[u8]>) -> Result<()>,
    ) -> Result<()> {
        let key = self.key();
        let mut prefix = Vec::new();
        let value_at = |position: usize, typed: &Typed| -> Result<Option<Value>> {
            let value = eval(ctx, env, typed)?;
            // A conversion that fails is the filter's business.
            let ty = self.def.columns[key[position]].ty;
            let exact = convert(value.clone(), typed.ty, ty).ok();
            Ok(exact.filter(|e| e.is_null() == value.is_null() && lossless(e, &value)))
        };
        for (i, typed) in self.seek.equal.iter().enumerate() {
            match value_at(i, typed)? {
                Some(value) if value.is_null() => return Ok(()),
                Some(value) => crate::value::push_key(&mut prefix, &value),
                None => return run(Bound::Unbounded, Bound::Unbounded),
            }
        }
        let position = self.seek.equal.len();
        let end = |typed: &Option<Typed>| -> Result<Option<Vec<u8>>> {
            let Some(typed) = typed else { return Ok(None) };
            Ok(value_at(position, typed)?
                .filter(|v| !v.is_null())
                .map(|value| [prefix.clone(), key_of([&value])].concat()))
        };
        let low = end(&self.seek.low)?.unwrap_or_else(|| prefix.clone());
        let high = end(&self.seek.high)?
            .or_else(|| (!prefix.is_empty()).then(|| prefix.clone()))
            .and_then(successor);
        let high = high.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        if let Bound::Excluded(high) = high
            && low.as_slice() >= high
        {
            return Ok(());
        }
        run(Bound::Included(&low), high)
    }

    /// The bounds on `__$start_lsn`.
    fn lsn_bounds(&self, ctx: &Context, env: &Env<'_>) -> Result<(Lsn, Lsn)> {
        let lsn = |typed: &Typed| -> Result<Option<Lsn>> {
            Ok(eval(ctx, env, typed)?.as_bytes().filter(|b| b.len() == 10).map(Lsn::from_bytes))
        };
        if let Some(equal) = self.seek.equal.first() {
            return Ok(lsn(equal)?.map_or((Lsn::ZERO, Lsn([0xFF; 10])), |l| (l, l)));
        }
        let low = self.seek.low.as_ref().map(lsn).transpose()?.flatten().unwrap_or(Lsn::ZERO);
        let high =
            self.seek.high.as_ref().map(lsn).transpose()?.flatten().unwrap_or(Lsn([0xFF; 10]));
        Ok((low, high))
    }

    /// Rows with their keys, for UPDATE and DELETE.
    pub(crate) fn each_keyed(
        &self,
        ctx: &Context,
        mut take: impl FnMut(&Key, &Arc<[u8]>) -> Result<()>,
    ) -> Result<()> {
        let Stored::Rows(data) = &self.stored else { return Ok(()) };
        self.each_row(ctx, &Env::EMPTY, |low, high| {
            for (key, row) in data.rows.range::<[u8], _>((low, high)) {
                take(key, row)?;
            }
            Ok(())
        })
    }
}

fn lossless(converted: &Value, value: &Value) -> bool {
    match (converted, value) {
        (Value::Text(a), Value::Text(b)) => a.trim_end() == b.trim_end(),
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::Decimal(..), Value::Decimal(..)) => crate::value::compare(converted, value).is_eq(),
        _ => true,
    }
}

/// The least key above all that begin with `key`.
fn successor(mut key: Vec<u8>) -> Option<Vec<u8>> {
    while let Some(last) = key.pop() {
        if last < 0xFF {
            key.push(last + 1);
            return Some(key);
        }
    }
    None
}

fn is_column(typed: &Typed, column: usize) -> bool {
    matches!(typed.ex, Ex::Col(0, index) if index == column)
}

/// `column = value` among the conditions that all must hold.
fn equal_to(filter: &Typed, column: usize, usable: &dyn Fn(&Typed) -> bool) -> Option<Typed> {
    match &filter.ex {
        Ex::And(a, b) => equal_to(a, column, usable).or_else(|| equal_to(b, column, usable)),
        Ex::Compare(Op::Eq, a, b) if is_column(a, column) && usable(b) => Some((**b).clone()),
        Ex::Compare(Op::Eq, a, b) if is_column(b, column) && usable(a) => Some((**a).clone()),
        _ => None,
    }
}

/// A value that the column does not go below (or above). With OR both sides must have the same one,
/// as `a > @x OR (a = @x AND b > @y)` has.
fn bound(
    filter: &Typed,
    column: usize,
    low: bool,
    usable: &dyn Fn(&Typed) -> bool,
) -> Option<Typed> {
    match &filter.ex {
        Ex::And(a, b) => bound(a, column, low, usable).or_else(|| bound(b, column, low, usable)),
        Ex::Or(a, b) => {
            let (a, b) = (bound(a, column, low, usable)?, bound(b, column, low, usable)?);
            same_value(&a, &b).then_some(a)
        }
        Ex::Compare(op, a, b) => {
            let (op, value) = if is_column(a, column) {
                (*op, b)
            } else if is_column(b, column) {
                (flipped(*op), a)
            } else {
                return None;
            };
            let bounds = match op {
                Op::Eq => true,
                Op::Gt | Op::Ge => low,
                Op::Lt | Op::Le => !low,
                Op::Ne => false,
            };
            (bounds && usable(value)).then(|| (**value).clone())
        }
        _ => None,
    }
}

fn same_value(a: &Typed, b: &Typed) -> bool {
    match (&a.ex, &b.ex) {
        (Ex::Var(a), Ex::Var(b)) => a == b,
        (Ex::Const(a), Ex::Const(b)) => a == b,
        _ => false,
    }
}

fn flipped(op: Op) -> Op {
    match op {
        Op::Lt => Op::Gt,
        Op::Le => Op::Ge,
        Op::Gt => Op::Lt,
        Op::Ge => Op::Le,
        other => other,
    }
}

/// Rows of values, one after the other.
pub(crate) fn each_of(rows: &[Vec<Value>], take: &mut Take<'_>) -> Result<()> {
    for row in rows {
        if take(RowRef::Values(row))? != GO_ON {
            break;
        }
    }
    Ok(())
}
