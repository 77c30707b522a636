//! `format`: `%` verbs as Terraform's (and Go's) `format` has them.

use std::iter::Peekable;
use std::str::Chars;

use super::{Arg, Call};
use crate::diagnostic::{Diagnostic, Result};
use crate::value::Number;

/// One verb with its flags: `%-08.3f`.
#[derive(Default)]
struct Verb {
    left: bool,
    plus: bool,
    space: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
    /// `%[2]s`: counted from 1.
    position: Option<usize>,
    letter: char,
}

/// Wider is a mistake, and a way to fill the memory.
const MAX_WIDTH: usize = 10_000;

pub(super) fn format(c: &Call<'_, '_>, spec: &str, args: &[Arg]) -> Result<String> {
    let mut out = String::new();
    let mut chars = spec.chars().peekable();
    let mut next = 0;
    let mut positioned = false;
    while let Some(ch) = chars.next() {
        if ch != '%' {
            out.push(ch);
            continue;
        }
        let verb = read(&mut chars).ok_or_else(|| c.refuse(0, "a `%` without a known verb"))?;
        if verb.letter == '%' {
            out.push('%');
            continue;
        }
        if let Some(position) = verb.position {
            next = position.saturating_sub(1);
            positioned = true;
        }
        let arg = args.get(next).ok_or_else(|| {
            c.refuse(0, format!("there are more verbs than values; it has {}", args.len()))
        })?;
        next += 1;
        let text = one(&verb, arg).map_err(|why| {
            Diagnostic::error(format!("`%{}` needs {why}", verb.letter))
                .at(arg.at.clone())
                .detail(format!("this is {}", arg.value.describe()))
        })?;
        c.evaluator.charge_bytes(text.len() as u64)?;
        out.push_str(&text);
    }
    if next < args.len() && !positioned {
        return Err(c.refuse(0, format!("{} values, but only {next} verbs", args.len())));
    }
    Ok(out)
}

fn read(chars: &mut Peekable<Chars<'_>>) -> Option<Verb> {
    let mut verb = Verb::default();
    loop {
        match chars.peek()? {
            '-' => verb.left = true,
            '+' => verb.plus = true,
            ' ' => verb.space = true,
            '0' => verb.zero = true,
            '#' => {}
            _ => break,
        }
        chars.next();
    }
    verb.width = count(chars).unwrap_or(0);
    if chars.peek() == Some(&'.') {
        chars.next();
        verb.precision = Some(count(chars).unwrap_or(0));
    }
    if chars.peek() == Some(&'[') {
        chars.next();
        verb.position = Some(count(chars)?);
        if chars.next() != Some(']') {
            return None;
        }
    }
    verb.letter = chars.next()?;
    let known = "%vsqdxXobeEfgGt".contains(verb.letter);
    let sane = verb.width <= MAX_WIDTH && verb.precision.unwrap_or(0) <= MAX_WIDTH;
    (known && sane).then_some(verb)
}

fn count(chars: &mut Peekable<Chars<'_>>) -> Option<usize> {
    let mut digits = String::new();
    while let Some(digit) = chars.peek().filter(|c| c.is_ascii_digit()) {
        digits.push(*digit);
        chars.next();
    }
    digits.parse().ok()
}

/// One value; the error says what the verb needs.
fn one(verb: &Verb, arg: &Arg) -> std::result::Result<String, &'static str> {
    let value = &arg.value;
    let number = || value.to_number().ok_or("a number");
    let text = match verb.letter {
        'v' => value.to_text().unwrap_or_else(|| value.to_json().to_string()),
        's' => cut(value.to_text().ok_or("a string")?, verb.precision),
        'q' => serde_json::Value::from(value.to_text().ok_or("a string")?).to_string(),
        't' => value.to_bool().ok_or("a bool")?.to_string(),
        'd' => signed(verb, whole(number()?)?.to_string()),
        'x' => radix(whole(number()?)?, |n| format!("{n:x}")),
        'X' => radix(whole(number()?)?, |n| format!("{n:X}")),
        'o' => radix(whole(number()?)?, |n| format!("{n:o}")),
        'b' => radix(whole(number()?)?, |n| format!("{n:b}")),
        'e' => signed(verb, exponent(number()?, verb.precision.unwrap_or(6), 'e')),
        'E' => signed(verb, exponent(number()?, verb.precision.unwrap_or(6), 'E')),
        'f' => signed(verb, format!("{:.*}", verb.precision.unwrap_or(6), number()?.as_f64())),
        _ => signed(verb, number()?.to_string()),
    };
    Ok(pad(verb, text))
}

fn whole(number: Number) -> std::result::Result<i128, &'static str> {
    number.as_int().ok_or("a whole number")
}

fn radix(number: i128, digits: impl Fn(u128) -> String) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", digits(number.unsigned_abs()))
}

/// Go writes at least two digits of the exponent, and its sign.
fn exponent(number: Number, precision: usize, letter: char) -> String {
    let text = format!("{:.precision$e}", number.as_f64());
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, power) = power.strip_prefix('-').map_or(('+', power), |p| ('-', p));
    format!("{digits}{letter}{sign}{power:0>2}")
}

fn signed(verb: &Verb, text: String) -> String {
    match text.starts_with('-') {
        false if verb.plus => format!("+{text}"),
        false if verb.space => format!(" {text}"),
        _ => text,
    }
}

fn cut(text: String, precision: Option<usize>) -> String {
    match precision {
        Some(most) => text.chars().take(most).collect(),
        None => text,
    }
}

fn pad(verb: &Verb, text: String) -> String {
    let missing = verb.width.saturating_sub(text.chars().count());
    if verb.left {
        return text + &" ".repeat(missing);
    }
    if verb.zero && !"vsqt".contains(verb.letter) {
        let digits = text.trim_start_matches(['-', '+', ' ']);
        let sign = &text[..text.len() - digits.len()];
        return format!("{sign}{}{digits}", "0".repeat(missing));
    }
    " ".repeat(missing) + &text
}
