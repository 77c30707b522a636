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
        self.0.insert(normal(source), rule);
        Ok(())
    }

    /// The rule for a repository: the one that says most of it.
    pub fn of(&self, repository: &str) -> Option<&Rule> {
        let repository = normal(repository);
        let fitting = self.0.iter().filter(|(source, _)| fits(source, &repository));
        // A whole name says more than a beginning of the same length.
        let most = |source: &str| (source.trim_end_matches('*').len(), !source.ends_with('*'));
        fitting.max_by_key(|(source, _)| most(source)).map(|(_, rule)| rule)
    }

    /// The sources of rules that are for none of these repositories: perhaps a slip.
    pub fn unused<'a>(&'a self, repositories: &[String]) -> Vec<&'a str> {
        let repositories: Vec<String> = repositories.iter().map(|name| normal(name)).collect();
        let sources = self.0.keys().map(String::as_str);
        sources.filter(|source| !repositories.iter().any(|name| fits(source, name))).collect()
    }
}

fn fits(source: &str, repository: &str) -> bool {
    match source.strip_suffix('*') {
        Some(beginning) => repository.starts_with(beginning),
        None => repository == source,
    }
}

/// Whether it is a repository, the beginning of some, or all. A registry must be named, as references name
/// it, and there must be something behind it.
pub fn is_source(source: &str) -> bool {
    if source == "*" {
        return true;
    }
    let Some((registry, path)) = source.split_once('/') else { return false };
    let is_host = registry.contains(['.', ':']) || registry.eq_ignore_ascii_case("localhost");
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    let part = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
    };
    let parts = path.strip_suffix("/*").or(if path == "*" { None } else { Some(path) });
    is_host && registry.chars().all(plain) && parts.is_none_or(|parts| parts.split('/').all(part))
}

/// One spelling for what is one place: a host's letters, the port that TLS has anyway, and the names of
/// Docker's registry.
fn normal(source: &str) -> String {
    let Some((registry, path)) = source.split_once('/') else { return source.to_owned() };
    let registry = registry.to_ascii_lowercase();
    let registry = registry.strip_suffix(":443").unwrap_or(&registry);
    let registry = match registry {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        other => other,
    };
    format!("{registry}/{path}")
}

impl Rule {
    /// The same text for the same rule, and another one for another.
    pub fn mark(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(|key| key.signer().to_string()).collect();
        let identities: Vec<String> = self.identities.iter().map(ToString::to_string).collect();
        let root = match &self.root {
            Root::PublicGood => None,
            Root::Own { text, .. } => Some(&**text),
        };
        serde_json::json!([self.required, keys, identities, self.issuer, root]).to_string()
    }
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
        for bad in [
            "",
            "https://ghcr.io/acme",
            "ghcr.io/a*",
            "ghcr.io/acme/**",
            "a b",
            "ghcr.io",
            "ghcr.io/",
            "acme/*",
            "acme/foo",
            "ghcr.io/Acme/*",
            "ghcr.io/acme/foo:v1",
            "ghcr.io/acme/foo@sha256:ab",
        ] {
            assert_eq!(trust.add(bad, rule(true)), Err(BadRule::Source(bad.to_owned())), "{bad}");
        }
        let unused = trust.unused(&["quay.io/acme/x".to_owned()]);
        assert_eq!(unused, ["ghcr.io/acme/*", "ghcr.io/acme/dstream-in-foo"]);
    }

    #[test]
    fn another_spelling_of_a_place_is_no_way_around_its_rule() {
        let mut trust = Trust::default();
        trust.add("GHCR.io/acme/*", rule(true)).unwrap();
        trust.add("docker.io/acme/foo", rule(true)).unwrap();
        trust.add("localhost:5000/*", rule(true)).unwrap();
        for same in [
            "ghcr.io/acme/foo",
            "GHCR.IO/acme/foo",
            "ghcr.io:443/acme/foo",
            "index.docker.io/acme/foo",
            "registry-1.docker.io/acme/foo",
            "localhost:5000/x",
        ] {
            assert!(trust.of(same).is_some(), "{same}");
        }
        assert!(trust.of("ghcr.io:5000/acme/foo").is_none());
    }

    #[test]
    fn rules_have_one_mark_each() {
        let (mut other, one) = (rule(true), rule(true));
        assert_eq!(one.mark(), rule(true).mark());
        assert_ne!(one.mark(), rule(false).mark());
        other.issuer = Some("x".to_owned());
        assert_ne!(one.mark(), other.mark());
        other.issuer = None;
        other.identities = vec!["a".parse().unwrap()];
        assert_ne!(one.mark(), other.mark());
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
