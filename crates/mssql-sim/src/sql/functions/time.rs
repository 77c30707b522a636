//! Functions of time. The clock is the server's, which tests move.

use super::{Entry, Returns, as_text, int};
use crate::error::{Result, SqlError};
use crate::session::Context;
use crate::sql::plan::Typed;
use crate::value::{SqlType as T, Value, civil, convert, days_from_civil};

pub(super) const ALL: &[Entry] = &[
    Entry {
        name: "getdate",
        arguments: (0, 0),
        returns: Returns::Fixed(T::DateTime),
        call: legacy_now,
    },
    Entry {
        name: "getutcdate",
        arguments: (0, 0),
        returns: Returns::Fixed(T::DateTime),
        call: legacy_now,
    },
    Entry {
        name: "current_timestamp",
        arguments: (0, 0),
        returns: Returns::Fixed(T::DateTime),
        call: legacy_now,
    },
    Entry {
        name: "sysdatetime",
        arguments: (0, 0),
        returns: Returns::Fixed(T::DateTime2(7)),
        call: now,
    },
    Entry {
        name: "sysutcdatetime",
        arguments: (0, 0),
        returns: Returns::Fixed(T::DateTime2(7)),
        call: now,
    },
    Entry {
        name: "sysdatetimeoffset",
        arguments: (0, 0),
        returns: Returns::Fixed(T::DateTimeOffset(7)),
        call: |c, _, _| {
            let now = c.core.now();
            Ok(Value::Offset(now.day, now.ticks, 0))
        },
    },
    Entry { name: "dateadd", arguments: (3, 3), returns: Returns::Same(2), call: dateadd },
    Entry { name: "datediff", arguments: (3, 3), returns: Returns::Fixed(T::Int), call: datediff },
    Entry {
        name: "datediff_big",
        arguments: (3, 3),
        returns: Returns::Fixed(T::BigInt),
        call: datediff,
    },
    Entry { name: "datepart", arguments: (2, 2), returns: Returns::Fixed(T::Int), call: datepart },
    Entry {
        name: "year",
        arguments: (1, 1),
        returns: Returns::Fixed(T::Int),
        call: |_, v, a| part_of("year", &v[0], a[0].ty),
    },
    Entry {
        name: "month",
        arguments: (1, 1),
        returns: Returns::Fixed(T::Int),
        call: |_, v, a| part_of("month", &v[0], a[0].ty),
    },
    Entry {
        name: "day",
        arguments: (1, 1),
        returns: Returns::Fixed(T::Int),
        call: |_, v, a| part_of("day", &v[0], a[0].ty),
    },
    Entry {
        name: "switchoffset",
        arguments: (2, 2),
        returns: Returns::Fixed(T::DateTimeOffset(7)),
        call: switchoffset,
    },
];

fn legacy_now(ctx: &Context, _: &[Value], _: &[Typed]) -> Result<Value> {
    let (day, thirds) = ctx.core.now().to_datetime();
    Ok(Value::DateTime(day, thirds))
}

fn now(ctx: &Context, _: &[Value], _: &[Typed]) -> Result<Value> {
    let now = ctx.core.now();
    Ok(Value::DateTime2(now.day, now.ticks))
}

/// The names of the parts, shortened.
fn unit(name: &str) -> Result<&'static str> {
    Ok(match name.to_ascii_lowercase().as_str() {
        "year" | "yy" | "yyyy" => "year",
        "quarter" | "qq" | "q" => "quarter",
        "month" | "mm" | "m" => "month",
        "day" | "dd" | "d" | "dayofyear" | "dy" => "day",
        "week" | "wk" | "ww" => "week",
        "hour" | "hh" => "hour",
        "minute" | "mi" | "n" => "minute",
        "second" | "ss" | "s" => "second",
        "millisecond" | "ms" => "millisecond",
        "microsecond" | "mcs" => "microsecond",
        "nanosecond" | "ns" => "nanosecond",
        other => {
            return Err(SqlError::new(
                155,
                format!("'{other}' is not a recognized datepart option."),
            )
            .class(15));
        }
    })
}

/// A unit in 100 ns; nothing for months and years. Nanoseconds are apart.
fn ticks_of(unit: &str) -> Option<i64> {
    Some(match unit {
        "week" => 7 * 864_000_000_000,
        "day" => 864_000_000_000,
        "hour" => 36_000_000_000,
        "minute" => 600_000_000,
        "second" => 10_000_000,
        "millisecond" => 10_000,
        "microsecond" => 10,
        _ => return None,
    })
}

/// Local day and 100 ns of any type of time.
fn local(value: &Value, ty: T) -> Result<Option<(i32, i64)>> {
    Ok(match convert(value.clone(), ty, T::DateTime2(7))? {
        Value::DateTime2(day, ticks) => Some((day, ticks)),
        _ => None,
    })
}

fn dateadd(_: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    let unit = unit(&as_text(v, a, 0).unwrap_or_default())?;
    let (Some(n), false) = (int(v, 1), v[2].is_null()) else { return Ok(Value::Null) };
    let ty = if a[2].ty.is_text() { T::DateTime2(7) } else { a[2].ty };
    let value = convert(v[2].clone(), a[2].ty, ty)?;
    let Some((day, ticks)) = local(&value, ty)? else { return Ok(Value::Null) };
    let (day, ticks) = match unit {
        "year" | "quarter" | "month" => {
            let months = n * match unit {
                "year" => 12,
                "quarter" => 3,
                _ => 1,
            };
            let (y, m, d) = civil(day);
            let total = i64::from(y) * 12 + i64::from(m) - 1 + months;
            let (y, m) = (total.div_euclid(12) as i32, total.rem_euclid(12) as u32 + 1);
            let next =
                if m == 12 { days_from_civil(y + 1, 1, 1) } else { days_from_civil(y, m + 1, 1) };
            let first = days_from_civil(y, m, 1);
            ((first + d as i32 - 1).min(next - 1), ticks)
        }
        "nanosecond" => shift(day, ticks, n / 100),
        unit => shift(
            day,
            ticks,
            n.checked_mul(ticks_of(unit).unwrap_or(1)).ok_or_else(|| {
                SqlError::new(517, "Adding a value to a 'datetime' column caused an overflow.")
            })?,
        ),
    };
    if !(0..=3_652_058).contains(&day) {
        return Err(SqlError::new(
            517,
            "Adding a value to a 'datetime' column caused an overflow.",
        ));
    }
    let moved = convert(Value::DateTime2(day, ticks), T::DateTime2(7), ty)?;
    Ok(match (moved, &value) {
        (Value::Offset(day, ticks, _), Value::Offset(_, _, offset)) => {
            let (day, ticks) = shift(day, ticks, -i64::from(*offset) * 600_000_000);
            Value::Offset(day, ticks, *offset)
        }
        (moved, _) if a[2].ty.is_text() => convert(moved, ty, a[2].ty)?,
        (moved, _) => moved,
    })
}

fn shift(day: i32, ticks: i64, by: i64) -> (i32, i64) {
    let all = i128::from(day) * 864_000_000_000 + i128::from(ticks) + i128::from(by);
    (all.div_euclid(864_000_000_000) as i32, all.rem_euclid(864_000_000_000) as i64)
}

/// Boundaries crossed, as DATEDIFF counts them.
fn datediff(_: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    let unit = unit(&as_text(v, a, 0).unwrap_or_default())?;
    if v[1].is_null() || v[2].is_null() {
        return Ok(Value::Null);
    }
    let (Some(from), Some(to)) = (local(&v[1], a[1].ty)?, local(&v[2], a[2].ty)?) else {
        return Ok(Value::Null);
    };
    let months = |(day, _): (i32, i64)| {
        let (y, m, _) = civil(day);
        i128::from(y) * 12 + i128::from(m) - 1
    };
    let ticks = |(day, ticks): (i32, i64)| i128::from(day) * 864_000_000_000 + i128::from(ticks);
    let n = match unit {
        "year" => months(to).div_euclid(12) - months(from).div_euclid(12),
        "quarter" => months(to).div_euclid(3) - months(from).div_euclid(3),
        "month" => months(to) - months(from),
        "nanosecond" => (ticks(to) - ticks(from)) * 100,
        unit => {
            let size = i128::from(ticks_of(unit).unwrap_or(1));
            ticks(to).div_euclid(size) - ticks(from).div_euclid(size)
        }
    };
    i64::try_from(n)
        .map(Value::Int)
        .map_err(|_| SqlError::new(535, "The datediff function resulted in an overflow."))
}

fn datepart(_: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    part_of(unit(&as_text(v, a, 0).unwrap_or_default())?, &v[1], a[1].ty)
}

fn part_of(unit: &str, value: &Value, ty: T) -> Result<Value> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    let Some((day, ticks)) = local(value, ty)? else { return Ok(Value::Null) };
    let (y, m, d) = civil(day);
    Ok(Value::Int(match unit {
        "year" => i64::from(y),
        "quarter" => i64::from(m.div_ceil(3)),
        "month" => i64::from(m),
        "day" => i64::from(d),
        "hour" => ticks / 36_000_000_000,
        "minute" => ticks / 600_000_000 % 60,
        "second" => ticks / 10_000_000 % 60,
        "millisecond" => ticks % 10_000_000 / 10_000,
        "microsecond" => ticks % 10_000_000 / 10,
        _ => ticks % 10_000_000 * 100,
    }))
}

fn switchoffset(_: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    let offset = match as_text(v, a, 1) {
        Some(text) if text.contains(':') => {
            crate::value::parse_moment(&format!("00:00{text}")).and_then(|m| m.offset)
        }
        Some(text) => text.parse().ok(),
        None => None,
    };
    Ok(match (&v[0], offset) {
        (Value::Offset(day, ticks, _), Some(offset)) => Value::Offset(*day, *ticks, offset),
        _ => Value::Null,
    })
}
