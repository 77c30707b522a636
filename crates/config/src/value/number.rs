//! Numbers: integers exact from `i64::MIN` to `u64::MAX`, else 64-bit floats.

use std::cmp::Ordering;
use std::fmt;

use serde_json::Value as Json;

/// A finite number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    /// Within `i64::MIN..=u64::MAX`.
    Int(i128),
    Float(f64),
}

/// Floats up to here that are whole are integers.
const EXACT: f64 = 9_007_199_254_740_992.0;

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // what is lost is said above
impl Number {
    pub(crate) fn from_int(i: i128) -> Self {
        if i128::from(i64::MIN) <= i && i <= i128::from(u64::MAX) {
            Self::Int(i)
        } else {
            Self::Float(i as f64)
        }
    }

    /// None where it is infinite or no number.
    pub(crate) fn from_float(f: f64) -> Option<Self> {
        if f.fract() == 0.0 && f.abs() <= EXACT {
            return Some(Self::Int(f as i128));
        }
        f.is_finite().then_some(Self::Float(f))
    }

    /// As `tonumber` reads a text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if !digits.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        match text.parse::<i128>() {
            Ok(i) => Some(Self::from_int(i)),
            Err(_) => Self::from_float(text.parse().ok()?),
        }
    }

    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Self::Int(i) => i as f64,
            Self::Float(f) => f,
        }
    }

    pub(crate) fn as_int(self) -> Option<i128> {
        match self {
            Self::Int(i) => Some(i),
            Self::Float(_) => None,
        }
    }

    pub(crate) fn add(self, other: Self) -> Option<Self> {
        self.exact(other, i128::checked_add, |a, b| a + b)
    }

    pub(crate) fn sub(self, other: Self) -> Option<Self> {
        self.exact(other, i128::checked_sub, |a, b| a - b)
    }

    pub(crate) fn mul(self, other: Self) -> Option<Self> {
        self.exact(other, i128::checked_mul, |a, b| a * b)
    }

    /// None where `other` is zero.
    pub(crate) fn div(self, other: Self) -> Option<Self> {
        let whole = |a: i128, b: i128| (b != 0 && a % b == 0).then(|| a / b);
        self.exact(other, whole, |a, b| a / b)
    }

    /// The remainder, with the sign of `self`. None where `other` is zero.
    pub(crate) fn rem(self, other: Self) -> Option<Self> {
        self.exact(other, i128::checked_rem, |a, b| a % b)
    }

    pub(crate) fn neg(self) -> Self {
        match self {
            Self::Int(i) => Self::from_int(-i),
            Self::Float(f) => Self::Float(-f),
        }
    }

    fn exact(
        self,
        other: Self,
        ints: impl Fn(i128, i128) -> Option<i128>,
        floats: impl Fn(f64, f64) -> f64,
    ) -> Option<Self> {
        if let (Self::Int(a), Self::Int(b)) = (self, other)
            && let Some(exact) = ints(a, b)
        {
            return Some(Self::from_int(exact));
        }
        Self::from_float(floats(self.as_f64(), other.as_f64()))
    }

    pub(crate) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(&b),
            (a, b) => a.as_f64().total_cmp(&b.as_f64()),
        }
    }

    pub(crate) fn to_json(self) -> Json {
        match self {
            Self::Int(i) => match i64::try_from(i) {
                Ok(i) => Json::from(i),
                Err(_) => u64::try_from(i).map_or(Json::Null, Json::from),
            },
            Self::Float(f) => Json::from(f),
        }
    }

    pub(crate) fn from_json(number: &serde_json::Number) -> Option<Self> {
        match (number.as_i64(), number.as_u64()) {
            (Some(i), _) => Some(Self::Int(i.into())),
            (None, Some(u)) => Some(Self::Int(u.into())),
            (None, None) => Self::from_float(number.as_f64()?),
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.compare(*other) == Ordering::Equal
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(i) => i.fmt(f),
            Self::Float(x) => x.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_stay_exact_over_the_whole_range_and_spill_into_floats() {
        let max = Number::parse("18446744073709551615").unwrap();
        assert_eq!(max.to_string(), "18446744073709551615");
        assert_eq!(max.to_json(), Json::from(u64::MAX));
        assert!(matches!(max.add(Number::Int(1)), Some(Number::Float(_))));
        assert!(matches!(max.mul(max), Some(Number::Float(_))));
        assert_eq!(Number::parse("-9223372036854775808").unwrap().to_json(), Json::from(i64::MIN));
    }

    #[test]
    fn division_is_exact_where_it_can_be() {
        assert_eq!(Number::Int(6).div(Number::Int(2)).unwrap().to_string(), "3");
        assert_eq!(Number::Int(7).div(Number::Int(2)).unwrap().to_string(), "3.5");
        assert!(Number::Int(1).div(Number::Int(0)).is_none());
        assert!(Number::Int(1).rem(Number::Int(0)).is_none());
        assert_eq!(Number::Int(-7).rem(Number::Int(3)).unwrap().to_string(), "-1");
    }

    #[test]
    fn only_numbers_are_read_as_numbers() {
        assert_eq!(Number::parse("1.0").unwrap().to_string(), "1");
        assert_eq!(Number::parse("-1.5e2").unwrap().to_string(), "-150");
        for no in ["", "x", "inf", "nan", "0x10", "1 ", "+1", "--1"] {
            assert!(Number::parse(no).is_none(), "{no}");
        }
    }
}
