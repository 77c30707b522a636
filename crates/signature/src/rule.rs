//! Whose signature a project wants.

use std::collections::BTreeMap;

use crate::key::PublicKey;
use crate::keyless::Root;

/// What is set for some sources.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Whether something without a signature is refused.
    pub required: bool,
    /// Keys whose signature counts.
    pub keys: Vec<PublicKey>,
    /// Identities whose signature counts.
    pub identities: Vec<Pattern>,
    /// Who must have vouched for the identity.
    pub issuer: Option<String>,
    /// By whom certificates and logs are judged.
    pub root: Root,
}

/// The rules of a project, by the sources that they are for.
#[derive(Debug, Clone, Default)]
pub struct Trust(BTreeMap<String, Rule>);

/// A text in which `*` stands for any other text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    glob: glob::Pattern,
}

/// A rule cannot be meant like this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRule {
    /// The source is no repository, and no beginning of some.
    #[error(
        "`{0}` is no source: write a repository, the beginning of some such as `ghcr.io/acme/*`, or `*`"
    )]
    Source(String),
    /// The pattern cannot be read.
    #[error("`{0}` is no pattern: `*` stands for any text")]
    Pattern(String),
}

impl Trust {
    /// Adds the rule for a repository, `ghcr.io/acme/dstream-in-foo`, for those that begin like
    /// `ghcr.io/acme/*`, or for all: `*`.
    ///
    /// # Errors
    /// The source is something else.
    pub fn add(&mut self, source: &str, rule: Rule) -> Result<(), BadRule> {
        if !is_source(source) {
            return Err(BadRule::Source(source.to_owned()));
        }
        self.0.insert(source.to_owned(), rule);
        Ok(())
    }

    /// The rule for a repository: the one that says most of it.
    pub fn of(&self, repository: &str) -> Option<&Rule> {
        let fits = |source: &str| match source.strip_suffix('*') {
            Some(beginning) => repository.starts_with(beginning),
            None => repository == source,
        };
        let fitting = self.0.iter().filter(|(source, _)| fits(source));
        // A whole name says more than a beginning of the same length.
        let most = |source: &str| (source.trim_end_matches('*').len(), !source.ends_with('*'));
        fitting.max_by_key(|(source, _)| most(source)).map(|(_, rule)| rule)
    }
}

/// Whether it is a repository, the beginning of some, or all.
pub fn is_source(source: &str) -> bool {
    let name = match source.strip_suffix("/*") {
        Some(beginning) => beginning,
        None if source == "*" => return true,
        None => source,
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:".contains(c);
    !name.is_empty() && !name.contains("://") && name.chars().all(plain)
}

impl Pattern {
    /// Whether a text is one that is meant.
    pub fn matches(&self, text: &str) -> bool {
        self.glob.matches(text)
    }
}

impl std::str::FromStr for Pattern {
    type Err = BadRule;

    fn from_str(text: &str) -> Result<Self, BadRule> {
        // Nothing but `*` is special.
        let plain = glob::Pattern::escape(text).replace("[*]", "*");
        let glob = glob::Pattern::new(&plain).map_err(|_| BadRule::Pattern(text.to_owned()))?;
        Ok(Self { text: text.to_owned(), glob })
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(required: bool) -> Rule {
        let root = Root::PublicGood;
        Rule { required, keys: Vec::new(), identities: Vec::new(), issuer: None, root }
    }

    #[test]
    fn the_rule_that_says_most_of_a_repository_is_its_own() {
        let mut trust = Trust::default();
        trust.add("*", rule(false)).unwrap();
        trust.add("ghcr.io/acme/*", rule(true)).unwrap();
        trust.add("ghcr.io/acme/dstream-in-foo", rule(false)).unwrap();
        let required = |repository| trust.of(repository).map(|rule| rule.required);
        assert_eq!(required("ghcr.io/acme/dstream-in-bar"), Some(true));
        assert_eq!(required("ghcr.io/acme/dstream-in-foo"), Some(false));
        assert_eq!(required("ghcr.io/acmevil/x"), Some(false));
        assert!(Trust::default().of("ghcr.io/acme/x").is_none());
        for bad in ["", "https://ghcr.io/acme", "ghcr.io/a*", "ghcr.io/acme/**", "a b"] {
            assert_eq!(trust.add(bad, rule(true)), Err(BadRule::Source(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn a_star_in_an_identity_is_any_text_and_nothing_else_is_special() {
        const FLOW: &str = "https://github.com/acme/foo/.github/workflows/release.yml@refs/tags/*";
        let pattern: Pattern = FLOW.parse().unwrap();
        assert_eq!(pattern.to_string(), FLOW);
        assert!(pattern.matches(&FLOW.replace('*', "v1.0.0")));
        assert!(pattern.matches(&FLOW.replace('*', "a/b")));
        assert!(!pattern.matches(&FLOW.replace("tags/*", "heads/main")));
        assert!(!pattern.matches(&format!("x{}", FLOW.replace('*', "v1"))));
        let odd: Pattern = "a?[b]".parse().unwrap();
        assert_eq!(odd.to_string(), "a?[b]");
        assert!(odd.matches("a?[b]") && !odd.matches("axb"));
        assert!("a**b".parse::<Pattern>().is_err());
    }
}
