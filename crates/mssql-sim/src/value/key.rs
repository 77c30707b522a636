//! The order of values: bytes whose order is that of the values, for keys, ORDER BY and joins.
//! Text compares as in `SQL_Latin1_General_CP1_CI_AS`: case and trailing blanks do not count.

use std::cmp::Ordering;

use super::Value;

/// Appends a value, NULL lowest.
pub(crate) fn push_key(out: &mut Vec<u8>, value: &Value) {
    if value.is_null() {
        return out.push(0);
    }
    out.push(1);
    match value {
        Value::Null => {}
        Value::Bit(b) => push_int(out, i64::from(*b)),
        Value::Int(n) => push_int(out, *n),
        Value::Float(f) => {
            let bits = if *f == 0.0 { 0 } else { f.to_bits() };
            let flipped = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
            out.extend(flipped.to_be_bytes());
        }
        Value::Decimal(n, _) => out.extend((*n as u128 ^ 1 << 127).to_be_bytes()),
        Value::Date(day) => push_int(out, i64::from(*day)),
        Value::Time(ticks) => push_int(out, *ticks),
        Value::DateTime2(day, ticks) | Value::Offset(day, ticks, _) => {
            push_int(out, i64::from(*day));
            push_int(out, *ticks);
        }
        Value::DateTime(day, thirds) => {
            push_int(out, i64::from(*day));
            out.extend(thirds.to_be_bytes());
        }
        Value::Text(text) => {
            folded(text).for_each(|c| {
                let mut bytes = [0; 4];
                push_escaped(out, c.encode_utf8(&mut bytes).as_bytes());
            });
            out.extend([0, 0]);
        }
        Value::Bytes(bytes) => {
            push_escaped(out, bytes);
            out.extend([0, 0]);
        }
        Value::Guid(bytes) => out.extend(guid_order(bytes)),
    }
}

/// The key of several values.
pub(crate) fn key_of<'a>(values: impl IntoIterator<Item = &'a Value>) -> Vec<u8> {
    let mut key = Vec::with_capacity(24);
    values.into_iter().for_each(|value| push_key(&mut key, value));
    key
}

fn push_int(out: &mut Vec<u8>, n: i64) {
    out.extend((n as u64 ^ 1 << 63).to_be_bytes());
}

fn push_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        out.push(*byte);
        if *byte == 0 {
            out.push(0xFF);
        }
    }
}

fn folded(text: &str) -> impl Iterator<Item = char> {
    text.trim_end_matches(' ').chars().map(|c| {
        if c.is_ascii() { c.to_ascii_lowercase() } else { c.to_lowercase().next().unwrap_or(c) }
    })
}

/// The last six bytes weigh most.
/// <https://learn.microsoft.com/en-us/sql/connect/ado-net/sql/compare-guid-uniqueidentifier-values>
fn guid_order(b: &[u8; 16]) -> [u8; 16] {
    [
        b[10], b[11], b[12], b[13], b[14], b[15], b[8], b[9], b[6], b[7], b[4], b[5], b[0], b[1],
        b[2], b[3],
    ]
}

/// Two values of one type; neither is NULL.
pub(crate) fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Int(x), Value::Int(y)) => x.cmp(y),
        (Value::Bytes(x), Value::Bytes(y)) => x.cmp(y),
        (Value::Text(x), Value::Text(y)) => folded(x).cmp(folded(y)),
        (Value::Float(x), Value::Float(y)) => x.total_cmp(y),
        (Value::Decimal(x, s), Value::Decimal(y, t)) if s == t => x.cmp(y),
        (Value::Decimal(x, s), Value::Decimal(y, t)) => {
            let scale = *s.max(t);
            let up = |n: &i128, s: u8| n.saturating_mul(10_i128.pow(u32::from(scale - s)));
            up(x, *s).cmp(&up(y, *t))
        }
        _ => key_of([a]).cmp(&key_of([b])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_as_values_do() {
        let ordered = [
            vec![Value::Null, Value::Int(i64::MIN), Value::Int(-1), Value::Int(0), Value::Int(7)],
            vec![Value::Float(-2.5), Value::Float(0.0), Value::Float(1e9)],
            vec![Value::text("a"), Value::text("AB"), Value::text("b")],
            vec![
                Value::Bytes(vec![]),
                Value::Bytes(vec![0]),
                Value::Bytes(vec![0, 0]),
                Value::Bytes(vec![1]),
            ],
            vec![Value::Decimal(-5, 2), Value::Decimal(4, 2)],
        ];
        for values in ordered {
            for pair in values.windows(2) {
                assert!(key_of([&pair[0]]) < key_of([&pair[1]]), "{pair:?}");
            }
        }
        assert_eq!(key_of([&Value::text("Ab ")]), key_of([&Value::text("aB")]));
    }
}
