//! Lists and maps.

use std::collections::BTreeMap;

use super::{Call, Function};
use crate::diagnostic::Result;
use crate::value::{Kind, Number, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::pieces(
        "coalesce",
        &["values..."],
        "the first that is neither null nor empty text",
        |c| {
            let given = |v: &Value| !v.is_null() && v.to_text().is_none_or(|t| !t.is_empty());
            c.values().find(given).ok_or_else(|| c.refuse(0, "every value is null or empty"))
        },
    ),
    Function::pieces("coalescelist", &["lists..."], "the first list that is not empty", |c| {
        for i in 0..c.len() {
            if !c.value(i).is_null() && !c.list(i)?.is_empty() {
                return Ok(c.value(i));
            }
        }
        Err(c.refuse(0, "every list is empty"))
    }),
    Function::pieces("compact", &["list"], "the list without null and empty text", |c| {
        let empty = |v: &Value| v.is_null() || v.to_text().is_some_and(|t| t.is_empty());
        Ok(Value::list(c.list(0)?.into_iter().filter(|v| !empty(v)).collect()))
    }),
    Function::pieces("concat", &["lists..."], "the lists, one after the other", |c| {
        let lists: Result<Vec<Vec<Value>>> = (0..c.len()).map(|i| c.list(i)).collect();
        Ok(Value::list(lists?.into_iter().flatten().collect()))
    }),
    Function::new("contains", &["list", "value"], "whether the value is in the list", |c| {
        Ok(c.list(0)?.iter().any(|v| v.same(&c.value(1))).into())
    }),
    Function::pieces(
        "distinct",
        &["list"],
        "each element once, in the order of its first place",
        distinct,
    ),
    Function::pieces(
        "element",
        &["list", "index"],
        "one element; past the end it begins anew",
        element,
    ),
    Function::pieces("flatten", &["list"], "lists within the list are put in their place", |c| {
        let mut out = Vec::new();
        flatten(c.list(0)?, &mut out);
        Ok(Value::list(out))
    }),
    Function::new("index", &["list", "value"], "the place of the value in the list", |c| {
        let place = c.list(0)?.iter().position(|v| v.same(&c.value(1)));
        let place = place.ok_or_else(|| c.refuse(1, "it is not in the list"))?;
        Ok(Value::int(place as u64))
    }),
    Function::pieces("keys", &["map"], "the keys, in order", |c| {
        Ok(Value::list(c.map(0)?.into_keys().map(Value::string).collect()))
    }),
    Function::pieces("length", &["value"], "how many elements, entries or characters", length),
    Function::pieces(
        "lookup",
        &["map", "key", "default?"],
        "the value of the key, or the default",
        lookup,
    ),
    Function::pieces(
        "merge",
        &["maps..."],
        "the maps in one; of a key that is in several the last wins",
        merge,
    ),
    Function::pieces("one", &["list"], "the only element; null where the list is empty", |c| {
        let mut list = c.list(0)?;
        if list.len() > 1 {
            return Err(c.refuse(0, format!("the list has {} elements", list.len())));
        }
        Ok(list.pop().unwrap_or(Value::NULL))
    }),
    Function::new(
        "range",
        &["start", "limit?", "step?"],
        "the numbers from start up to the limit, without it",
        range,
    ),
    Function::pieces("reverse", &["list"], "the list, last element first", |c| {
        Ok(Value::list(c.list(0)?.into_iter().rev().collect()))
    }),
    Function::pieces(
        "slice",
        &["list", "start", "end"],
        "the elements from start up to end, without it",
        slice,
    ),
    Function::new("sort", &["list"], "the texts in alphabetical order", |c| {
        let mut texts = c.texts(0)?;
        texts.sort();
        Ok(Value::list(texts.into_iter().map(Value::string).collect()))
    }),
    Function::pieces("values", &["map"], "the values, in the order of their keys", |c| {
        Ok(Value::list(c.map(0)?.into_values().collect()))
    }),
    Function::pieces("zipmap", &["keys", "values"], "a map of the two lists", zipmap),
];

fn distinct(c: &Call<'_, '_>) -> Result<Value> {
    let mut out: Vec<Value> = Vec::new();
    for item in c.list(0)? {
        if !out.iter().any(|v| v.same(&item)) {
            out.push(item);
        }
    }
    Ok(Value::list(out))
}

fn element(c: &Call<'_, '_>) -> Result<Value> {
    let list = c.list(0)?;
    let length = list.len() as i128;
    if length == 0 {
        return Err(c.refuse(0, "the list is empty"));
    }
    let place = usize::try_from(c.int(1)?.rem_euclid(length)).unwrap_or_default();
    Ok(list[place].clone())
}

fn flatten(items: Vec<Value>, out: &mut Vec<Value>) {
    for item in items {
        match item.elements() {
            Some(inner) => flatten(inner, out),
            None => out.push(item),
        }
    }
}

fn length(c: &Call<'_, '_>) -> Result<Value> {
    let length = match &c.value(0).kind {
        Kind::String(s) => s.chars().count(),
        Kind::List(items) | Kind::Set(items) => items.len(),
        Kind::Object(map) => map.len(),
        _ => return Err(c.wrong(0, "a list, a map or a string")),
    };
    Ok(Value::int(length as u64))
}

fn lookup(c: &Call<'_, '_>) -> Result<Value> {
    let key = c.text(1)?;
    match c.map(0)?.remove(&key) {
        Some(found) => Ok(found),
        None if c.len() == 3 => Ok(c.value(2)),
        None => {
            Err(c.refuse(1, format!("{} is not in the map, and there is no default", c.shown(1))))
        }
    }
}

fn merge(c: &Call<'_, '_>) -> Result<Value> {
    let mut all = BTreeMap::new();
    for i in 0..c.len() {
        if !c.value(i).is_null() {
            all.extend(c.map(i)?);
        }
    }
    Ok(Kind::Object(all).into())
}

fn range(c: &Call<'_, '_>) -> Result<Value> {
    const MOST: usize = 100_000;
    let zero = Number::Int(0);
    let (start, limit) = match c.len() {
        1 => (zero, c.number(0)?),
        _ => (c.number(0)?, c.number(1)?),
    };
    let down = limit.compare(start).is_lt();
    let step = match c.len() {
        3 => c.number(2)?,
        _ => Number::Int(if down { -1 } else { 1 }),
    };
    if step == zero || (start != limit && step.compare(zero).is_lt() != down) {
        return Err(c.refuse(2, "with this step it never reaches the limit"));
    }
    let mut out = Vec::new();
    let mut at = start;
    while if down { at.compare(limit).is_gt() } else { at.compare(limit).is_lt() } {
        if out.len() == MOST {
            return Err(c.refuse(0, format!("more than {MOST} numbers")));
        }
        out.push(at.into());
        at = at.add(step).ok_or_else(|| c.refuse(0, "the numbers are out of range"))?;
    }
    Ok(Value::list(out))
}

fn slice(c: &Call<'_, '_>) -> Result<Value> {
    let list = c.list(0)?;
    let place = |i: usize| -> Result<usize> {
        let place = usize::try_from(c.int(i)?).ok().filter(|p| *p <= list.len());
        place.ok_or_else(|| c.refuse(i, format!("the list has {} elements", list.len())))
    };
    let (start, end) = (place(1)?, place(2)?);
    if start > end {
        return Err(c.refuse(1, "the start is after the end"));
    }
    Ok(Value::list(list[start..end].to_vec()))
}

fn zipmap(c: &Call<'_, '_>) -> Result<Value> {
    let (keys, values) = (c.texts(0)?, c.list(1)?);
    if keys.len() != values.len() {
        return Err(c.refuse(1, format!("{} keys, but {} values", keys.len(), values.len())));
    }
    let secret = c.value(0).holds_secret();
    Ok(Value::from(Kind::Object(keys.into_iter().zip(values).collect())).tainted(secret))
}
