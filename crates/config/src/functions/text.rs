//! Text.

use regex::Regex;

use super::{Call, Function, printf};
use crate::diagnostic::Result;
use crate::value::{Kind, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "format",
        &["spec", "values..."],
        "the values in the places of `%s`, `%d`, `%05.2f`, `%q`, `%v` and so on",
        |c| printf::format(c, &c.text(0)?, &c.args[1..]).map(Value::string),
    ),
    Function::new(
        "formatlist",
        &["spec", "values..."],
        "`format` for each element of the lists",
        formatlist,
    ),
    Function::new("join", &["separator", "lists..."], "the elements in one string", join),
    Function::new("split", &["separator", "text"], "the parts of the text, as a list", split),
    Function::new("lower", &["text"], "in lower case", |c| {
        Ok(Value::string(c.text(0)?.to_lowercase()))
    }),
    Function::new("upper", &["text"], "in upper case", |c| {
        Ok(Value::string(c.text(0)?.to_uppercase()))
    }),
    Function::new("title", &["text"], "each word with a capital letter", title),
    Function::new(
        "replace",
        &["text", "search", "replacement"],
        "the text with each occurrence replaced; `/…/` searches for a regular expression",
        replace,
    ),
    Function::new(
        "regex",
        &["pattern", "text"],
        "the first match: a string, a list of its groups, or a map of its named groups",
        |c| {
            let re = pattern(c, 0)?;
            let text = c.text(1)?;
            let found =
                re.captures(&text).ok_or_else(|| c.refuse(1, "the pattern does not match"))?;
            Ok(matched(&re, &found))
        },
    ),
    Function::new("regexall", &["pattern", "text"], "all matches, each as `regex` gives it", |c| {
        let re = pattern(c, 0)?;
        let text = c.text(1)?;
        Ok(Value::list(re.captures_iter(&text).map(|m| matched(&re, &m)).collect()))
    }),
    Function::new(
        "substr",
        &["text", "offset", "length"],
        "characters from the offset on; a length of -1 is the rest",
        substr,
    ),
    Function::new("trim", &["text", "characters"], "without these characters at both ends", |c| {
        let cut: Vec<char> = c.text(1)?.chars().collect();
        Ok(Value::string(c.text(0)?.trim_matches(cut.as_slice())))
    }),
    Function::new("trimspace", &["text"], "without white space at both ends", |c| {
        Ok(Value::string(c.text(0)?.trim()))
    }),
    Function::new("trimprefix", &["text", "prefix"], "without the prefix, if it is there", |c| {
        let (text, prefix) = (c.text(0)?, c.text(1)?);
        Ok(Value::string(text.strip_prefix(&prefix).unwrap_or(&text)))
    }),
    Function::new("trimsuffix", &["text", "suffix"], "without the suffix, if it is there", |c| {
        let (text, suffix) = (c.text(0)?, c.text(1)?);
        Ok(Value::string(text.strip_suffix(&suffix).unwrap_or(&text)))
    }),
    Function::new("startswith", &["text", "prefix"], "whether the text begins so", |c| {
        Ok(c.text(0)?.starts_with(&c.text(1)?).into())
    }),
    Function::new("endswith", &["text", "suffix"], "whether the text ends so", |c| {
        Ok(c.text(0)?.ends_with(&c.text(1)?).into())
    }),
    Function::new("chomp", &["text"], "without newlines at the end", |c| {
        Ok(Value::string(c.text(0)?.trim_end_matches(['\n', '\r'])))
    }),
    Function::new(
        "indent",
        &["spaces", "text"],
        "every line but the first moved to the right",
        indent,
    ),
];

fn formatlist(c: &Call<'_, '_>) -> Result<Value> {
    let spec = c.text(0)?;
    let columns: Vec<Option<Vec<Value>>> = c.args[1..].iter().map(|a| a.value.elements()).collect();
    let lengths: Vec<usize> = columns.iter().flatten().map(Vec::len).collect();
    let rows = lengths.first().copied().unwrap_or(1);
    if lengths.iter().any(|l| *l != rows) {
        return Err(c.refuse(0, "the lists must have the same length"));
    }
    let row = |i: usize| {
        let cells = c.args[1..].iter().zip(&columns).map(|(arg, column)| {
            let value = column.as_ref().map_or_else(|| arg.value.clone(), |list| list[i].clone());
            super::Arg { value, at: arg.at.clone() }
        });
        printf::format(c, &spec, &cells.collect::<Vec<_>>()).map(Value::string)
    };
    (0..rows).map(row).collect::<Result<_>>().map(Value::list)
}

fn join(c: &Call<'_, '_>) -> Result<Value> {
    let mut all = Vec::new();
    for i in 1..c.len() {
        all.extend(c.texts(i)?);
    }
    Ok(Value::string(all.join(&c.text(0)?)))
}

fn split(c: &Call<'_, '_>) -> Result<Value> {
    let (separator, text) = (c.text(0)?, c.text(1)?);
    if text.is_empty() {
        return Ok(Value::list(Vec::new()));
    }
    if separator.is_empty() {
        return Ok(Value::list(text.chars().map(|c| Value::string(c.to_string())).collect()));
    }
    Ok(Value::list(text.split(&separator).map(Value::string).collect()))
}

fn title(c: &Call<'_, '_>) -> Result<Value> {
    let mut out = String::new();
    let mut begins = true;
    for ch in c.text(0)?.chars() {
        if begins {
            out.extend(ch.to_uppercase());
        } else {
            out.push(ch);
        }
        begins = ch.is_whitespace();
    }
    Ok(Value::string(out))
}

fn replace(c: &Call<'_, '_>) -> Result<Value> {
    let (text, search, with) = (c.text(0)?, c.text(1)?, c.text(2)?);
    let inner = search.strip_prefix('/').and_then(|s| s.strip_suffix('/'));
    let replaced = match inner {
        Some(_) => {
            let pattern = &search[1..search.len() - 1];
            let re = compile(c, 1, pattern)?;
            re.replace_all(&text, with.as_str()).into_owned()
        }
        None => {
            let grown = text.matches(&search).count().saturating_mul(with.len());
            c.evaluator.charge_bytes(grown as u64)?;
            text.replace(&search, &with)
        }
    };
    Ok(Value::string(replaced))
}

fn pattern(c: &Call<'_, '_>, i: usize) -> Result<Regex> {
    compile(c, i, &c.text(i)?)
}

fn compile(c: &Call<'_, '_>, i: usize, pattern: &str) -> Result<Regex> {
    Regex::new(pattern).map_err(|error| {
        let why = error.to_string();
        let last = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
        let secret = c.value(i).sensitive;
        c.refuse(
            i,
            if secret {
                "not a regular expression".into()
            } else {
                format!("not a regular expression: {last}")
            },
        )
    })
}

/// As Terraform: the text, or its groups as a list, or its named groups as a map.
fn matched(re: &Regex, found: &regex::Captures<'_>) -> Value {
    let group = |m: Option<regex::Match<'_>>| m.map_or(Value::NULL, |m| Value::string(m.as_str()));
    if re.captures_len() == 1 {
        return group(found.get(0));
    }
    let named = re.capture_names().flatten();
    let map: std::collections::BTreeMap<String, Value> =
        named.map(|name| (name.to_owned(), group(found.name(name)))).collect();
    if map.is_empty() {
        return Value::list(found.iter().skip(1).map(group).collect());
    }
    Kind::Object(map).into()
}

fn substr(c: &Call<'_, '_>) -> Result<Value> {
    let chars: Vec<char> = c.text(0)?.chars().collect();
    let (offset, length) = (c.int(1)?, c.int(2)?);
    let from_end = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
    let start = if offset < 0 { chars.len().saturating_sub(from_end) } else { from_end };
    let start = start.min(chars.len());
    let rest = chars.len() - start;
    let length = if length < 0 { rest } else { usize::try_from(length).unwrap_or(rest).min(rest) };
    Ok(Value::string(chars[start..start + length].iter().collect::<String>()))
}

fn indent(c: &Call<'_, '_>) -> Result<Value> {
    let spaces = usize::try_from(c.int(0)?).ok().filter(|n| *n <= 1000);
    let spaces = spaces.ok_or_else(|| c.refuse(0, "from 0 to 1000 spaces"))?;
    Ok(Value::string(c.text(1)?.replace('\n', &format!("\n{}", " ".repeat(spaces)))))
}
