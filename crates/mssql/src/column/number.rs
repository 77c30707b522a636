//! Numbers from their text, with every digit.

use tiberius::numeric::Numeric;

/// What SQL Server's decimals have at most.
const MOST_DIGITS: usize = 38;

/// An integer within bounds; true is 1.
pub(super) fn integer(text: &str, low: i64, high: i64) -> Option<i64> {
    let number = match text {
        "true" => 1,
        "false" => 0,
        _ if text.starts_with('+') => return None,
        _ => text.parse().ok()?,
    };
    (low..=high).contains(&number).then_some(number)
}

pub(super) fn float(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

pub(super) fn real(text: &str) -> Option<f32> {
    text.parse().ok().filter(|number: &f32| number.is_finite())
}

/// A decimal of so many digits, so many of them behind the point.
pub(super) fn decimal(text: &str, precision: u8, scale: u8) -> Option<Numeric> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value: i128 = 0;
    let mut length = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        if !byte.is_ascii_digit() {
            return None;
        }
        // Zeros at the end are taken away below; there may be many of them.
        value = value.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
        length += usize::from(value != 0);
    }
    let shift = i32::from(scale) + exponent - i32::try_from(fraction.len()).ok()?;
    if length > 2 * MOST_DIGITS || shift.unsigned_abs() > 2 * MOST_DIGITS as u32 {
        return (value == 0).then(|| Numeric::new_with_scale(0, scale));
    }
    for _ in 0..shift.unsigned_abs() {
        value = match shift > 0 {
            true => value.checked_mul(10)?,
            false if value % 10 == 0 => value / 10,
            false => return None,
        };
    }
    let limit = 10_i128.checked_pow(precision.into())?;
    (value < limit).then(|| Numeric::new_with_scale(if negative { -value } else { value }, scale))
}
