//! Numbers.

use super::{Call, Function};
use crate::diagnostic::Result;
use crate::value::{Number, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("abs", &["number"], "without its sign", |c| {
        let n = c.number(0)?;
        Ok(if n.compare(Number::Int(0)).is_lt() { n.neg() } else { n }.into())
    }),
    Function::new("ceil", &["number"], "the next whole number above", |c| round(c, f64::ceil)),
    Function::new("floor", &["number"], "the next whole number below", |c| round(c, f64::floor)),
    Function::new("max", &["numbers..."], "the largest", |c| extreme(c, std::cmp::Ordering::is_gt)),
    Function::new("min", &["numbers..."], "the smallest", |c| {
        extreme(c, std::cmp::Ordering::is_lt)
    }),
    Function::new("sum", &["list"], "the numbers of the list, added up", |c| {
        let mut total = Number::Int(0);
        for item in c.list(0)? {
            let number = item.to_number().ok_or_else(|| c.wrong(0, "a list of numbers"))?;
            total = total.add(number).ok_or_else(|| c.refuse(0, "the sum is out of range"))?;
        }
        Ok(total.into())
    }),
    Function::new(
        "parseint",
        &["text", "base"],
        "the number that the digits write, in base 2 to 36",
        parseint,
    ),
];

fn round(c: &Call<'_, '_>, how: fn(f64) -> f64) -> Result<Value> {
    match c.number(0)? {
        Number::Float(f) => Number::from_float(how(f))
            .map(Value::from)
            .ok_or_else(|| c.refuse(0, "the number is out of range")),
        whole => Ok(whole.into()),
    }
}

fn extreme(c: &Call<'_, '_>, better: fn(std::cmp::Ordering) -> bool) -> Result<Value> {
    let numbers: Result<Vec<Number>> = (0..c.len()).map(|i| c.number(i)).collect();
    let pick = |a: Number, b: Number| if better(b.compare(a)) { b } else { a };
    let best = numbers?.into_iter().reduce(pick);
    best.map(Value::from).ok_or_else(|| c.refuse(0, "it needs at least one number"))
}

fn parseint(c: &Call<'_, '_>) -> Result<Value> {
    let base = u32::try_from(c.int(1)?).ok().filter(|b| (2..=36).contains(b));
    let base = base.ok_or_else(|| c.refuse(1, "the base must be from 2 to 36"))?;
    let number = i128::from_str_radix(&c.text(0)?, base);
    let number = number.map_err(|_| c.refuse(0, format!("not a whole number in base {base}")))?;
    Ok(Number::from_int(number).into())
}
