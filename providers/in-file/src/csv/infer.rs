//! Column types out of a sample of rows.
//!
//! A type is taken only when every value of the sample that is not null has it, tried in this
//! order: bool, int64, float64, decimal, date, timestamptz, timestamp; else string. Numbers that are
//! more than numbers (zeros in front, a plus sign, blanks) are text, because that is all that keeps them.

use dstream_protocol::FieldType;

use super::{time, value};

/// A double keeps this many decimal digits for certain.
const FLOAT_DIGITS: usize = 15;

/// What one column's values have been so far: the types that are still possible.
#[derive(Debug, Clone)]
pub(crate) struct Guess {
    possible: Vec<FieldType>,
    seen: bool,
}

impl Default for Guess {
    fn default() -> Self {
        use FieldType::{Bool, Date, Decimal, Float64, Int64, Timestamp, Timestamptz};
        let possible = vec![Bool, Int64, Float64, Decimal(0, 0), Date, Timestamptz, Timestamp];
        Self { possible, seen: false }
    }
}

impl Guess {
    /// Takes one value of the sample into account; nulls are not shown to it.
    pub(crate) fn see(&mut self, text: &str) {
        self.seen = true;
        self.possible.retain(|kind| fits(*kind, text));
    }

    /// The first type that every value had; string for a column without values.
    pub(crate) fn kind(&self) -> FieldType {
        match self.possible.first() {
            Some(kind) if self.seen => *kind,
            _ => FieldType::String,
        }
    }
}

fn fits(kind: FieldType, text: &str) -> bool {
    match kind {
        FieldType::Bool => text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"),
        FieldType::Int64 => is_plain_number(text) && text.parse::<i64>().is_ok(),
        FieldType::Float64 => is_plain_number(text) && significant(text) <= FLOAT_DIGITS,
        FieldType::Decimal(..) => is_plain_number(text) && !text.contains(['e', 'E']),
        FieldType::Date => time::is_date(text),
        FieldType::Timestamptz => time::is_timestamp(text, true),
        FieldType::Timestamp => time::is_timestamp(text, false),
        _ => true,
    }
}

fn is_plain_number(text: &str) -> bool {
    value::is_json_number(text.as_bytes())
}

fn significant(text: &str) -> usize {
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    digits.trim_start_matches('0').len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> String {
        let mut guess = Guess::default();
        values.iter().for_each(|v| guess.see(v));
        guess.kind().to_string()
    }

    #[test]
    fn a_type_is_taken_only_when_every_value_has_it() {
        assert_eq!(of(&["1", "-2", "0"]), "int64");
        assert_eq!(of(&["1", "2.5", "1e9"]), "float64");
        assert_eq!(of(&["1", "two"]), "string");
        assert_eq!(of(&["true", "FALSE"]), "bool");
        assert_eq!(of(&["2024-02-29"]), "date");
        assert_eq!(of(&["2024-02-29", "2024-02-29T10:00:00"]), "string");
        assert_eq!(of(&["2024-02-29 10:00:00"]), "timestamp");
        assert_eq!(of(&["2024-02-29T10:00:00Z"]), "timestamptz");
        assert_eq!(of(&[]), "string");
    }

    #[test]
    fn what_a_number_would_lose_stays_text_or_becomes_a_decimal() {
        assert_eq!(of(&["00123"]), "string");
        assert_eq!(of(&["+5"]), "string");
        assert_eq!(of(&["1", "9223372036854775808"]), "decimal");
        assert_eq!(of(&["0.1234567890123456789"]), "decimal");
    }
}
