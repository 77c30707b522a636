//! The statement that reads a lane, and its rows as envelopes. They come in the binary protocol,
//! which alone gives a FLOAT without rounding.

use dstream_cdc::{Key, KeyPart};
use dstream_mysql::mysql_async::{Params, Row, Value};
use dstream_mysql::{name, table_name};
use dstream_sdk::{Error, Result};

use crate::binlog::bytes::{Damaged, Read, big};
use crate::binlog::special::geometry;
use crate::binlog::temporal::{Moment, Span, write_date, write_datetime, write_time};
use crate::binlog::value::Wire;
use crate::plan::Plan;
use crate::snapshot::{Job, Part};
use crate::table::{KeyOrder, hex_key, unsigned_key};
use crate::text;

/// All rows of the lane that are left, in the order of the key.
pub(crate) fn statement(job: &Job) -> Result<(String, Params)> {
    let plan = &job.plan;
    let columns = plan.table.columns.iter().filter(|c| !c.computed).map(|c| name(&c.name));
    let columns: Vec<_> = columns.collect();
    let from = table_name(&plan.database, &plan.table_name);
    let mut sql = format!("SELECT {} FROM {from}", columns.join(", "));
    if plan.order.is_empty() {
        return Ok((sql, Params::Empty));
    }
    let keys: Vec<String> = plan
        .table
        .key
        .iter()
        .zip(&plan.order)
        .map(|(at, order)| {
            let column = name(&plan.table.columns[*at].name);
            match order {
                KeyOrder::Text => format!("CAST(CONVERT({column} USING utf8mb4) AS BINARY)"),
                _ => column,
            }
        })
        .collect();
    let mut params = Vec::new();
    let mut conditions = Vec::new();
    if let Some(after) = &job.after {
        conditions.push(beyond(&keys, '>', false, &values(after, &plan.order)?, &mut params));
    }
    if let Some(upto) = &job.upto {
        conditions.push(beyond(&keys, '<', true, &values(upto, &plan.order)?, &mut params));
    }
    if !conditions.is_empty() {
        sql.push_str(&format!(" WHERE {}", conditions.join(" AND ")));
    }
    sql.push_str(&format!(" ORDER BY {}", keys.join(", ")));
    let params = if params.is_empty() { Params::Empty } else { Params::Positional(params) };
    Ok((sql, params))
}

/// `(a, b) > (?, ?)`, in a form for which the server uses the index.
fn beyond(
    keys: &[String],
    sign: char,
    or_equal: bool,
    values: &[Value],
    params: &mut Vec<Value>,
) -> String {
    let mut terms = Vec::new();
    for at in 0..keys.len() {
        let mut term: Vec<_> = keys[..at].iter().map(|key| format!("{key} = ?")).collect();
        let equal = if or_equal && at + 1 == keys.len() { "=" } else { "" };
        term.push(format!("{} {sign}{equal} ?", keys[at]));
        params.extend_from_slice(&values[..=at]);
        terms.push(format!("({})", term.join(" AND ")));
    }
    // The first column bounds all of it.
    params.push(values[0].clone());
    format!("(({}) AND {} {sign}= ?)", terms.join(" OR "), keys[0])
}

/// A key as parameters.
fn values(key: &Key, order: &[KeyOrder]) -> Result<Vec<Value>> {
    let other = || {
        Error::permanent(
            "the checkpoint's key is not that of the table: its key was changed; begin anew with a snapshot (`dstream state rm`)",
        )
    };
    if key.0.len() != order.len() {
        return Err(other());
    }
    let value = |(part, order): (&KeyPart, &KeyOrder)| match (part, order) {
        (KeyPart::Int(number), KeyOrder::Int) => Some(Value::Int(*number)),
        (KeyPart::Text(digits), KeyOrder::Unsigned) => digits.parse().ok().map(Value::UInt),
        (KeyPart::Text(text), KeyOrder::Text) => Some(Value::Bytes(text.clone().into_bytes())),
        (KeyPart::Text(hex), KeyOrder::Bytes) => unhex(hex).map(Value::Bytes),
        _ => None,
    };
    key.0.iter().zip(order).map(value).collect::<Option<_>>().ok_or_else(other)
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|p| u8::from_str_radix(std::str::from_utf8(p).ok()?, 16).ok()).collect()
}

/// Appends a row's envelope to the part.
pub(crate) fn render(plan: &Plan, row: &Row, tail: &[u8], part: &mut Part) -> Read<()> {
    let out = &mut part.lines;
    out.extend_from_slice(br#"{"data":{"#);
    let columns = plan.table.columns.iter().filter(|c| !c.computed);
    for (at, column) in columns.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&column.label);
        let value = row.as_ref(at).ok_or(Damaged("a row has too few columns"))?;
        cell(&column.wire, value, out);
    }
    out.push(b'}');
    out.extend_from_slice(tail);
    part.ends.push(part.lines.len());
    part.last = key(plan, row);
    Ok(())
}

fn key(plan: &Plan, row: &Row) -> Option<Key> {
    if plan.order.is_empty() {
        return None;
    }
    let shown = |at: usize| plan.table.columns[..at].iter().filter(|c| !c.computed).count();
    let part = |(at, order): (&usize, &KeyOrder)| {
        Some(match (row.as_ref(shown(*at))?, order) {
            (Value::Int(number), KeyOrder::Int) => KeyPart::Int(*number),
            (Value::UInt(number), KeyOrder::Int) => KeyPart::Int(i64::try_from(*number).ok()?),
            (Value::UInt(number), _) => KeyPart::Text(unsigned_key(*number)),
            (Value::Int(number), _) => KeyPart::Text(unsigned_key(u64::try_from(*number).ok()?)),
            (Value::Bytes(bytes), KeyOrder::Bytes) => KeyPart::Text(hex_key(bytes, 0)),
            (Value::Bytes(bytes), _) => KeyPart::Text(String::from_utf8_lossy(bytes).into_owned()),
            _ => return None,
        })
    };
    plan.table.key.iter().zip(&plan.order).map(part).collect::<Option<_>>().map(Key)
}

/// One value: the same JSON as out of the log.
fn cell(wire: &Wire, value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::NULL => out.extend_from_slice(b"null"),
        Value::Int(number) => text::signed(*number, out),
        Value::UInt(number) => text::integer(false, *number, out),
        Value::Float(number) => text::float32(*number, out),
        Value::Double(number) => text::float64(*number, out),
        Value::Date(year, month, day, hour, minute, second, micros) => {
            let moment = Moment {
                year: (*year).into(),
                month: (*month).into(),
                day: (*day).into(),
                hour: (*hour).into(),
                minute: (*minute).into(),
                second: (*second).into(),
                micros: (*micros).into(),
            };
            date(wire, &moment, out);
        }
        Value::Time(negative, days, hours, minutes, seconds, micros) => {
            let digits = if let Wire::Time { digits } = wire { *digits } else { 0 };
            let span = Span {
                negative: *negative,
                hours: u64::from(*days) * 24 + u64::from(*hours),
                minutes: (*minutes).into(),
                seconds: (*seconds).into(),
                micros: (*micros).into(),
            };
            out.push(b'"');
            write_time(&span, digits, out);
            out.push(b'"');
        }
        Value::Bytes(bytes) => match wire {
            Wire::Binary { .. } => text::base64(bytes, out),
            Wire::Bit { bits: 1 } => {
                out.extend_from_slice(if big(bytes) == 0 { b"false" } else { b"true" });
            }
            Wire::Bit { .. } => text::integer(false, big(bytes), out),
            Wire::JsonText { .. } | Wire::JsonBinary { .. } => text::json(bytes, out),
            Wire::Geometry { .. } => geometry(bytes, out),
            _ => text::string(bytes, out),
        },
    }
}

fn date(wire: &Wire, moment: &Moment, out: &mut Vec<u8>) {
    out.push(b'"');
    match wire {
        Wire::Date => write_date(moment, out),
        Wire::Timestamp { digits } => {
            write_datetime(moment, *digits, out);
            out.push(b'Z');
        }
        Wire::Datetime { digits } => write_datetime(moment, *digits, out),
        _ => write_datetime(moment, 0, out),
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_two_columns_is_compared_column_by_column() {
        let keys = ["a".to_owned(), "b".to_owned()];
        let values = [Value::Int(1), Value::Int(2)];
        let mut params = Vec::new();
        let sql = beyond(&keys, '>', false, &values, &mut params);
        assert_eq!(sql, "(((a > ?) OR (a = ? AND b > ?)) AND a >= ?)");
        assert_eq!(params, [Value::Int(1), Value::Int(1), Value::Int(2), Value::Int(1)]);
        let sql = beyond(&keys, '<', true, &values, &mut Vec::new());
        assert_eq!(sql, "(((a < ?) OR (a = ? AND b <= ?)) AND a <= ?)");
    }
}
