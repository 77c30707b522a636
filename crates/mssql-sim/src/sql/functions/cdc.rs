//! `sys.fn_cdc_…`, the scalar ones.
//! <https://learn.microsoft.com/en-us/sql/relational-databases/system-functions/change-data-capture-functions-transact-sql>

use super::{Entry, LSN, Returns, as_text, int};
use crate::error::{Result, SqlError};
use crate::session::Context;
use crate::sql::plan::Typed;
use crate::store::Lsn;
use crate::value::{SqlType as T, Value, convert};

pub(super) const ALL: &[Entry] = &[
    Entry {
        name: "sys.fn_cdc_get_min_lsn",
        arguments: (1, 1),
        returns: Returns::Fixed(LSN),
        call: min_lsn,
    },
    Entry {
        name: "sys.fn_cdc_get_max_lsn",
        arguments: (0, 0),
        returns: Returns::Fixed(LSN),
        call: |c, _, _| Ok(lsn(c.state()?.cdc.max_lsn())),
    },
    Entry {
        name: "sys.fn_cdc_increment_lsn",
        arguments: (1, 1),
        returns: Returns::Fixed(LSN),
        call: |_, v, _| Ok(stepped(&v[0], 1)),
    },
    Entry {
        name: "sys.fn_cdc_decrement_lsn",
        arguments: (1, 1),
        returns: Returns::Fixed(LSN),
        call: |_, v, _| Ok(stepped(&v[0], -1)),
    },
    Entry {
        name: "sys.fn_cdc_map_time_to_lsn",
        arguments: (2, 2),
        returns: Returns::Fixed(LSN),
        call: map_time_to_lsn,
    },
    Entry {
        name: "sys.fn_cdc_map_lsn_to_time",
        arguments: (1, 1),
        returns: Returns::Fixed(T::DateTime),
        call: map_lsn_to_time,
    },
    Entry {
        name: "sys.fn_cdc_get_column_ordinal",
        arguments: (2, 2),
        returns: Returns::Fixed(T::Int),
        call: column_ordinal,
    },
    Entry {
        name: "sys.fn_cdc_is_bit_set",
        arguments: (2, 2),
        returns: Returns::Fixed(T::Bit),
        call: |_, v, _| Ok(is_bit_set(int(v, 0), &v[1])),
    },
    Entry {
        name: "sys.fn_cdc_has_column_changed",
        arguments: (3, 3),
        returns: Returns::Fixed(T::Bit),
        call: |c, v, a| {
            let ordinal = column_ordinal(c, &v[..2], &a[..2])?;
            Ok(is_bit_set(ordinal.as_int(), &v[2]))
        },
    },
];

fn lsn(lsn: Option<Lsn>) -> Value {
    lsn.map(|lsn| Value::Bytes(lsn.0.to_vec())).into()
}

/// Ten zero bytes where the instance is unknown, not yet established, or not for this user.
fn min_lsn(ctx: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    let state = ctx.state()?;
    let name = as_text(v, a, 0).unwrap_or_default();
    let instance = state.cdc.instance(&name).filter(|i| ctx.may_read_instance(i));
    Ok(Value::Bytes(instance.and_then(|i| i.start_lsn).unwrap_or(Lsn::ZERO).0.to_vec()))
}

fn stepped(value: &Value, step: i8) -> Value {
    value.as_bytes().map(|bytes| Value::Bytes(Lsn::from_bytes(bytes).plus(step).0.to_vec())).into()
}

/// By `tran_end_time`, idle rows included.
fn map_time_to_lsn(ctx: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    let operator = as_text(v, a, 0).unwrap_or_default().to_ascii_lowercase();
    let Value::DateTime(day, thirds) = convert(v[1].clone(), a[1].ty, T::DateTime)? else {
        return Ok(Value::Null);
    };
    let time = (day, thirds);
    let state = ctx.state()?;
    let mut rows = state.cdc.mapping.iter();
    let found = match operator.as_str() {
        "smallest greater than" => rows.find(|m| m.end.to_datetime() > time),
        "smallest greater than or equal" => rows.find(|m| m.end.to_datetime() >= time),
        "largest less than" => rows.take_while(|m| m.end.to_datetime() < time).last(),
        "largest less than or equal" => rows.take_while(|m| m.end.to_datetime() <= time).last(),
        _ => {
            return Err(SqlError::new(
                22_985,
                format!("The relational operator '{operator}' is not valid."),
            ));
        }
    };
    Ok(lsn(found.map(|m| m.lsn)))
}

fn map_lsn_to_time(ctx: &Context, v: &[Value], _: &[Typed]) -> Result<Value> {
    let Some(bytes) = v[0].as_bytes() else { return Ok(Value::Null) };
    let wanted = Lsn::from_bytes(bytes);
    let state = ctx.state()?;
    let found = state.cdc.mapping_at(wanted).filter(|m| m.lsn == wanted);
    Ok(found
        .map(|m| {
            let (day, thirds) = m.end.to_datetime();
            Value::DateTime(day, thirds)
        })
        .into())
}

fn column_ordinal(ctx: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    let (Some(instance), Some(column)) = (as_text(v, a, 0), as_text(v, a, 1)) else {
        return Ok(Value::Null);
    };
    let state = ctx.state()?;
    let ordinal = state
        .cdc
        .instance(&instance)
        .and_then(|i| i.columns.iter().position(|c| c.name.eq_ignore_ascii_case(&column)));
    Ok(ordinal.map(|n| n as i64 + 1).into())
}

/// The first column is the lowest bit of the last byte.
fn is_bit_set(position: Option<i64>, mask: &Value) -> Value {
    let (Some(position), Some(mask)) = (position, mask.as_bytes()) else { return Value::Null };
    let (byte, bit) = (((position - 1) / 8) as usize, (position - 1) % 8);
    Value::Bit(mask.iter().rev().nth(byte).is_some_and(|b| b >> bit & 1 == 1))
}
