//! Version constraints as Terraform writes them: `>= 0.1, < 2`, `~> 1.2`, `!= 1.3.0`.

use std::fmt;

use semver::Version;

/// Which versions will do: all conditions must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint {
    text: String,
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    operator: Operator,
    version: Version,
    /// How many numbers were written, for `~>`.
    parts: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    Pessimistic,
}

/// The text is no constraint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a version condition")]
pub struct BadConstraint(pub String);

const OPERATORS: [(&str, Operator); 7] = [
    ("~>", Operator::Pessimistic),
    (">=", Operator::GreaterEqual),
    ("<=", Operator::LessEqual),
    ("!=", Operator::NotEqual),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("=", Operator::Equal),
];

impl Constraint {
    /// Reads one.
    ///
    /// # Errors
    /// A condition is not an operator and a version.
    pub fn parse(text: &str) -> Result<Self, BadConstraint> {
        let conditions = text.split(',').map(condition).collect::<Result<_, _>>()?;
        Ok(Self { text: text.trim().to_owned(), conditions })
    }

    /// Whether a version will do. A pre-release does only where it is named exactly.
    pub fn matches(&self, version: &Version) -> bool {
        let named = self.conditions.iter().any(|c| c.version == *version);
        (version.pre.is_empty() || named) && self.conditions.iter().all(|c| c.matches(version))
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Condition {
    fn matches(&self, version: &Version) -> bool {
        match self.operator {
            Operator::Equal => *version == self.version,
            Operator::NotEqual => *version != self.version,
            Operator::Greater => *version > self.version,
            Operator::GreaterEqual => *version >= self.version,
            Operator::Less => *version < self.version,
            Operator::LessEqual => *version <= self.version,
            Operator::Pessimistic => *version >= self.version && *version < self.ceiling(),
        }
    }

    /// `~> 1.2.3` ends before 1.3.0, `~> 1.2` before 2.0.0.
    fn ceiling(&self) -> Version {
        match self.parts {
            3.. => Version::new(self.version.major, self.version.minor.saturating_add(1), 0),
            _ => Version::new(self.version.major.saturating_add(1), 0, 0),
        }
    }
}

fn condition(text: &str) -> Result<Condition, BadConstraint> {
    let text = text.trim();
    let (operator, rest) = OPERATORS
        .iter()
        .find_map(|(sign, op)| text.strip_prefix(sign).map(|rest| (*op, rest)))
        .unwrap_or((Operator::Equal, text));
    let rest = rest.trim();
    let rest = rest.strip_prefix('v').unwrap_or(rest);
    let parts = rest.split(['-', '+']).next().unwrap_or_default().split('.').count();
    let padded = match parts {
        1 => format!("{rest}.0.0"),
        2 => format!("{rest}.0"),
        _ => rest.to_owned(),
    };
    let version = Version::parse(&padded).map_err(|_| BadConstraint(text.to_owned()))?;
    Ok(Condition { operator, version, parts })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(constraint: &str, version: &str) -> bool {
        Constraint::parse(constraint).unwrap().matches(&Version::parse(version).unwrap())
    }

    #[test]
    fn conditions_are_read_as_terraform_reads_them() {
        assert!(matches(">= 0.1", "0.1.0"));
        assert!(matches(">= 0.1, < 2", "1.9.9"));
        assert!(!matches(">= 0.1, < 2", "2.0.0"));
        assert!(matches("~> 1.2", "1.9.0"));
        assert!(!matches("~> 1.2", "2.0.0"));
        assert!(matches("~> 1.2.3", "1.2.9"));
        assert!(!matches("~> 1.2.3", "1.3.0"));
        assert!(!matches("!= 1.3.0", "1.3.0"));
        assert!(matches("1.0", "1.0.0"));
        assert!(!matches("1.0", "1.0.1"));
        assert!(matches("v1.2.3", "1.2.3"));
        assert!(matches("~> 1", "1.9.0") && !matches("~> 1", "2.0.0"));
        assert!(!matches("~> 1.2.3", "1.2.2"));
    }

    #[test]
    fn a_bound_is_part_of_a_condition_or_not_as_its_operator_says() {
        for (operator, [below, at, above]) in [
            (">", [false, false, true]),
            (">=", [false, true, true]),
            ("<", [true, false, false]),
            ("<=", [true, true, false]),
            ("=", [false, true, false]),
            ("!=", [true, false, true]),
        ] {
            let of = |version| matches(&format!("{operator} 1.3.0"), version);
            assert_eq!([of("1.2.9"), of("1.3.0"), of("1.3.1")], [below, at, above], "{operator}");
        }
    }

    #[test]
    fn a_pre_release_is_taken_only_where_it_is_named() {
        assert!(!matches(">= 1.0", "1.1.0-beta.1"));
        assert!(matches(">= 1.1.0-beta.1", "1.1.0-beta.1"));
    }

    #[test]
    fn what_is_no_condition_is_refused_with_its_text() {
        for (text, bad) in [
            ("", ""),
            (">=", ">="),
            ("latest", "latest"),
            (">= 1.x", ">= 1.x"),
            ("=> 1.0", "=> 1.0"),
            (">= 1.0, < two", "< two"),
        ] {
            assert_eq!(Constraint::parse(text), Err(BadConstraint(bad.into())), "{text}");
        }
    }
}
