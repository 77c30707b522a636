//! Functions of text.

use super::{Entry, NAME, Returns, as_text, int, strict};
use crate::error::Result;
use crate::session::Context;
use crate::sql::plan::Typed;
use crate::value::{SqlType as T, Value};

pub(super) const ALL: &[Entry] = &[
    Entry { name: "len", arguments: (1, 1), returns: Returns::Fixed(T::Int), call: len },
    Entry {
        name: "datalength",
        arguments: (1, 1),
        returns: Returns::Fixed(T::Int),
        call: datalength,
    },
    Entry {
        name: "upper",
        arguments: (1, 1),
        returns: Returns::Text,
        call: |_, v, a| Ok(one(v, a, |s| s.to_uppercase())),
    },
    Entry {
        name: "lower",
        arguments: (1, 1),
        returns: Returns::Text,
        call: |_, v, a| Ok(one(v, a, |s| s.to_lowercase())),
    },
    Entry {
        name: "ltrim",
        arguments: (1, 1),
        returns: Returns::Text,
        call: |_, v, a| Ok(one(v, a, |s| s.trim_start_matches(' ').into())),
    },
    Entry {
        name: "rtrim",
        arguments: (1, 1),
        returns: Returns::Text,
        call: |_, v, a| Ok(one(v, a, |s| s.trim_end_matches(' ').into())),
    },
    Entry {
        name: "trim",
        arguments: (1, 1),
        returns: Returns::Text,
        call: |_, v, a| Ok(one(v, a, |s| s.trim_matches(' ').into())),
    },
    Entry {
        name: "reverse",
        arguments: (1, 1),
        returns: Returns::Text,
        call: |_, v, a| Ok(one(v, a, |s| s.chars().rev().collect())),
    },
    Entry {
        name: "left",
        arguments: (2, 2),
        returns: Returns::Text,
        call: |_, v, a| Ok(sub(v, a, 1, int(v, 1))),
    },
    Entry { name: "right", arguments: (2, 2), returns: Returns::Text, call: right },
    Entry { name: "substring", arguments: (3, 3), returns: Returns::Same(0), call: substring },
    Entry {
        name: "charindex",
        arguments: (2, 3),
        returns: Returns::Fixed(T::Int),
        call: charindex,
    },
    Entry { name: "patindex", arguments: (2, 2), returns: Returns::Fixed(T::Int), call: patindex },
    Entry { name: "replace", arguments: (3, 3), returns: Returns::Text, call: replace },
    Entry { name: "replicate", arguments: (2, 2), returns: Returns::Text, call: replicate },
    Entry {
        name: "space",
        arguments: (1, 1),
        returns: Returns::Text,
        call: |_, v, _| Ok(int(v, 0).map(|n| Value::Text(" ".repeat(n.max(0) as usize))).into()),
    },
    Entry { name: "stuff", arguments: (4, 4), returns: Returns::Text, call: stuff },
    Entry {
        name: "concat",
        arguments: (1, 254),
        returns: Returns::Text,
        call: |_, v, a| Ok(Value::Text((0..v.len()).filter_map(|i| as_text(v, a, i)).collect())),
    },
    Entry {
        name: "concat_ws",
        arguments: (2, 254),
        returns: Returns::Text,
        call: |_, v, a| {
            let parts: Vec<String> = (1..v.len()).filter_map(|i| as_text(v, a, i)).collect();
            Ok(Value::Text(parts.join(&as_text(v, a, 0).unwrap_or_default())))
        },
    },
    Entry {
        name: "char",
        arguments: (1, 1),
        returns: Returns::Fixed(T::Char(1)),
        call: |_, v, _| {
            Ok(int(v, 0)
                .and_then(|n| u8::try_from(n).ok())
                .map(|n| {
                    Value::Text(
                        encoding_rs::WINDOWS_1252.decode_without_bom_handling(&[n]).0.into_owned(),
                    )
                })
                .into())
        },
    },
    Entry {
        name: "nchar",
        arguments: (1, 1),
        returns: Returns::Fixed(T::NChar(1)),
        call: |_, v, _| {
            Ok(int(v, 0)
                .and_then(|n| char::from_u32(n as u32))
                .map(|c| Value::Text(c.to_string()))
                .into())
        },
    },
    Entry {
        name: "ascii",
        arguments: (1, 1),
        returns: Returns::Fixed(T::Int),
        call: |_, v, a| Ok(as_text(v, a, 0).and_then(|s| s.bytes().next()).map(i32::from).into()),
    },
    Entry {
        name: "unicode",
        arguments: (1, 1),
        returns: Returns::Fixed(T::Int),
        call: |_, v, a| {
            Ok(as_text(v, a, 0).and_then(|s| s.encode_utf16().next()).map(i32::from).into())
        },
    },
    Entry {
        name: "quotename",
        arguments: (1, 2),
        returns: Returns::Fixed(T::NVarChar(crate::value::Len::Of(258))),
        call: |_, v, a| Ok(one(v, a, |s| format!("[{}]", s.replace(']', "]]")))),
    },
    Entry { name: "parsename", arguments: (2, 2), returns: Returns::Fixed(NAME), call: parsename },
];

fn one(values: &[Value], arguments: &[Typed], f: impl Fn(&str) -> String) -> Value {
    as_text(values, arguments, 0).map(|s| Value::Text(f(&s))).into()
}

fn len(_: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    Ok(match &v[0] {
        Value::Bytes(bytes) => (bytes.len() as i64).into(),
        _ => as_text(v, a, 0).map(|s| s.trim_end_matches(' ').encode_utf16().count() as i64).into(),
    })
}

fn datalength(_: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    Ok(match &v[0] {
        Value::Null => Value::Null,
        Value::Bytes(bytes) => (bytes.len() as i64).into(),
        Value::Text(text) if a[0].ty.is_unicode() => {
            (text.encode_utf16().count() as i64 * 2).into()
        }
        Value::Text(text) => (text.chars().count() as i64).into(),
        _ => i64::from(a[0].ty.sizes().0).into(),
    })
}

fn sub(values: &[Value], arguments: &[Typed], start: i64, len: Option<i64>) -> Value {
    let (Some(text), Some(len)) = (as_text(values, arguments, 0), len) else { return Value::Null };
    let end = start.saturating_add(len.max(0)).max(1);
    let skip = (start.max(1) - 1) as usize;
    let take = (end - start.max(1)).max(0) as usize;
    Value::Text(text.chars().skip(skip).take(take).collect())
}

fn right(_: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    let (Some(text), Some(n)) = (as_text(v, a, 0), int(v, 1)) else { return Ok(Value::Null) };
    let count = text.chars().count();
    Ok(Value::Text(text.chars().skip(count.saturating_sub(n.max(0) as usize)).collect()))
}

fn substring(_: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    if !strict(v) {
        return Ok(Value::Null);
    }
    let (start, len) = (int(v, 1).unwrap_or(1), int(v, 2));
    if let Value::Bytes(bytes) = &v[0] {
        let end = start.saturating_add(len.unwrap_or(0).max(0)).max(1);
        let skip = (start.max(1) - 1) as usize;
        return Ok(Value::Bytes(
            bytes.iter().skip(skip).take((end - start.max(1)).max(0) as usize).copied().collect(),
        ));
    }
    Ok(sub(v, a, start, len))
}

fn charindex(_: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    let (Some(what), Some(text)) = (as_text(v, a, 0), as_text(v, a, 1)) else {
        return Ok(Value::Null);
    };
    let (what, text) = (what.to_lowercase(), text.to_lowercase());
    let skip = (int(v, 2).unwrap_or(1).max(1) - 1) as usize;
    let from: usize = text.chars().take(skip).map(char::len_utf8).sum();
    Ok(text[from..].find(&what).map_or(0, |at| text[..from + at].chars().count() as i64 + 1).into())
}

fn patindex(_: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    let (Some(pattern), Some(text)) = (as_text(v, a, 0), as_text(v, a, 1)) else {
        return Ok(Value::Null);
    };
    let inner = pattern.strip_prefix('%').unwrap_or(&pattern).to_owned();
    let chars: Vec<char> = text.chars().collect();
    let found = (0..=chars.len()).find(|i| {
        (pattern.starts_with('%') || *i == 0)
            && crate::sql::eval::like(&chars[*i..].iter().collect::<String>(), &inner, None)
    });
    Ok(found.map_or(0, |i| i as i64 + 1).into())
}

fn replace(_: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    let (Some(text), Some(what), Some(with)) =
        (as_text(v, a, 0), as_text(v, a, 1), as_text(v, a, 2))
    else {
        return Ok(Value::Null);
    };
    if what.is_empty() {
        return Ok(Value::Text(text));
    }
    let (low, what) = (text.to_lowercase(), what.to_lowercase());
    if low.len() != text.len() {
        return Ok(Value::Text(text.replace(&what, &with)));
    }
    let (mut out, mut at) = (String::new(), 0);
    while let Some(found) = low[at..].find(&what) {
        out += &text[at..at + found];
        out += &with;
        at += found + what.len();
    }
    Ok(Value::Text(out + &text[at..]))
}

fn replicate(_: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    let (Some(text), Some(n)) = (as_text(v, a, 0), int(v, 1)) else { return Ok(Value::Null) };
    let most = if a[0].ty.is_large() {
        usize::MAX
    } else if a[0].ty.is_unicode() {
        4000
    } else {
        8000
    };
    let n = (n.max(0) as usize).min(most / text.len().max(1));
    Ok(Value::Text(text.repeat(n)))
}

fn stuff(_: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    let (Some(text), Some(start), Some(len)) = (as_text(v, a, 0), int(v, 1), int(v, 2)) else {
        return Ok(Value::Null);
    };
    let chars: Vec<char> = text.chars().collect();
    if start < 1 || start as usize > chars.len() || len < 0 {
        return Ok(Value::Null);
    }
    let (start, end) = (start as usize - 1, (start as usize - 1 + len as usize).min(chars.len()));
    let mut out: String = chars[..start].iter().collect();
    out += &as_text(v, a, 3).unwrap_or_default();
    out.extend(&chars[end..]);
    Ok(Value::Text(out))
}

fn parsename(_: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    let (Some(text), Some(n)) = (as_text(v, a, 0), int(v, 1)) else { return Ok(Value::Null) };
    let name = crate::sql::syntax::Name::parse(&text)?;
    Ok(match n {
        1 => Some(name.name),
        2 => name.schema,
        3 => name.database,
        _ => None,
    }
    .map(Value::Text)
    .into())
}
