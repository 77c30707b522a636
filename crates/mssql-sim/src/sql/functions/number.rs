//! Functions of numbers.

use super::{Entry, Returns, int};
use crate::error::Result;
use crate::session::Context;
use crate::sql::plan::Typed;
use crate::value::{SqlType as T, Value, convert, rescale};

pub(super) const ALL: &[Entry] = &[
    Entry {
        name: "abs",
        arguments: (1, 1),
        returns: Returns::Same(0),
        call: |_, v, _| {
            Ok(match v[0] {
                Value::Int(n) => Value::Int(n.abs()),
                Value::Float(f) => Value::Float(f.abs()),
                Value::Decimal(n, s) => Value::Decimal(n.abs(), s),
                _ => Value::Null,
            })
        },
    },
    Entry {
        name: "sign",
        arguments: (1, 1),
        returns: Returns::Same(0),
        call: |_, v, _| {
            Ok(match v[0] {
                Value::Int(n) => Value::Int(n.signum()),
                Value::Float(f) => Value::Float(if f == 0.0 { 0.0 } else { f.signum() }),
                Value::Decimal(n, s) => Value::Decimal(n.signum() * 10_i128.pow(u32::from(s)), s),
                _ => Value::Null,
            })
        },
    },
    Entry {
        name: "ceiling",
        arguments: (1, 1),
        returns: Returns::Same(0),
        call: |_, v, _| Ok(whole(&v[0], 1)),
    },
    Entry {
        name: "floor",
        arguments: (1, 1),
        returns: Returns::Same(0),
        call: |_, v, _| Ok(whole(&v[0], -1)),
    },
    Entry { name: "round", arguments: (2, 3), returns: Returns::Same(0), call: round },
    Entry {
        name: "power",
        arguments: (2, 2),
        returns: Returns::Fixed(T::Float),
        call: |_, v, a| both(v, a, f64::powf),
    },
    Entry {
        name: "sqrt",
        arguments: (1, 1),
        returns: Returns::Fixed(T::Float),
        call: |_, v, a| {
            both(
                &[v[0].clone(), Value::Int(0)],
                &[a[0].clone(), Typed::constant(Value::Int(0), T::Int)],
                |x, _| x.sqrt(),
            )
        },
    },
    Entry {
        name: "rand",
        arguments: (0, 1),
        returns: Returns::Fixed(T::Float),
        call: |_, _, _| Ok(Value::Float(fastrand::f64())),
    },
    Entry {
        name: "newid",
        arguments: (0, 0),
        returns: Returns::Fixed(T::UniqueIdentifier),
        call: |_, _, _| Ok(Value::Guid(uuid::Uuid::new_v4().to_bytes_le())),
    },
    Entry {
        name: "newsequentialid",
        arguments: (0, 0),
        returns: Returns::Fixed(T::UniqueIdentifier),
        call: |_, _, _| Ok(Value::Guid(uuid::Uuid::new_v4().to_bytes_le())),
    },
    Entry {
        name: "isnumeric",
        arguments: (1, 1),
        returns: Returns::Fixed(T::Int),
        call: |_, v, a| {
            Ok(i32::from(!v[0].is_null() && convert(v[0].clone(), a[0].ty, T::Float).is_ok())
                .into())
        },
    },
];

fn whole(value: &Value, up: i128) -> Value {
    match value {
        Value::Float(f) => Value::Float(if up > 0 { f.ceil() } else { f.floor() }),
        Value::Decimal(n, s) => {
            let unit = 10_i128.pow(u32::from(*s));
            let floor = n.div_euclid(unit);
            let part = n.rem_euclid(unit) != 0;
            Value::Decimal((floor + i128::from(up > 0 && part)) * unit, *s)
        }
        other => other.clone(),
    }
}

fn round(_: &Context, v: &[Value], _: &[Typed]) -> Result<Value> {
    let Some(places) = int(v, 1) else { return Ok(Value::Null) };
    Ok(match &v[0] {
        Value::Decimal(n, s) => {
            let keep = places.clamp(-20, i64::from(*s));
            if keep >= 0 {
                let cut = rescale(*n, *s, keep as u8).unwrap_or(*n);
                Value::Decimal(rescale(cut, keep as u8, *s).unwrap_or(*n), *s)
            } else {
                let unit = 10_i128.pow((i64::from(*s) - keep) as u32);
                Value::Decimal((n + unit / 2 * n.signum()) / unit * unit, *s)
            }
        }
        Value::Float(f) => {
            let unit = 10_f64.powi(places as i32);
            Value::Float((f * unit).round() / unit)
        }
        other => other.clone(),
    })
}

fn both(v: &[Value], a: &[Typed], f: impl Fn(f64, f64) -> f64) -> Result<Value> {
    match (convert(v[0].clone(), a[0].ty, T::Float)?, convert(v[1].clone(), a[1].ty, T::Float)?) {
        (Value::Float(x), Value::Float(y)) => Ok(Value::Float(f(x, y))),
        _ => Ok(Value::Null),
    }
}
