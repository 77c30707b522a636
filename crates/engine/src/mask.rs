//! Takes known secrets out of a text before anybody sees it.

use aho_corasick::{AhoCorasick, MatchKind};
use dstream_task::Secrets;
use dstream_task::secret::MASK;

/// Below this length a secret is only masked where it stands alone: `eu` must not blacken `neutral`.
const SHORT: usize = 8;

/// Replaces every known secret with `(sensitive)`.
#[derive(Debug, Clone)]
pub struct Mask(Option<AhoCorasick>);

impl Mask {
    /// Masks the values of these secrets, each line of a longer one by itself.
    pub fn new(secrets: &Secrets) -> Self {
        let words = secrets.words();
        let lines = words.iter().flat_map(|w| w.lines().chain([w.as_str()]));
        // As a provider may print its config as JSON, the escaped form is a secret too.
        let escaped = words.iter().filter_map(|w| serde_json::to_string(w).ok());
        let escaped: Vec<String> = escaped.map(|w| w.trim_matches('"').to_owned()).collect();
        let mut all: Vec<&str> = lines.chain(escaped.iter().map(String::as_str)).collect();
        all.retain(|w| !w.trim().is_empty());
        all.sort_unstable();
        all.dedup();
        if all.is_empty() {
            return Self(None);
        }
        let builder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(all);
        Self(builder.ok())
    }

    /// The text without secrets.
    pub fn apply(&self, text: &str) -> String {
        let Some(words) = &self.0 else { return text.to_owned() };
        let mut out = String::with_capacity(text.len());
        let mut end = 0;
        for found in words.find_iter(text) {
            if found.len() < SHORT && !stands_alone(text, found.range()) {
                continue;
            }
            out.push_str(&text[end..found.start()]);
            out.push_str(MASK);
            end = found.end();
        }
        out.push_str(&text[end..]);
        out
    }
}

fn stands_alone(text: &str, range: std::ops::Range<usize>) -> bool {
    let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    !word(text[..range.start].chars().next_back()) && !word(text[range.end..].chars().next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mask(values: &[serde_json::Value]) -> Mask {
        let mut secrets = Secrets::default();
        for (i, value) in values.iter().enumerate() {
            secrets.insert(i.to_string(), value.clone());
        }
        Mask::new(&secrets)
    }

    #[test]
    fn a_secret_is_masked_wherever_it_stands_also_as_json_and_line_by_line() {
        let mask = mask(&[json!("pass\"word\"1"), json!("-----BEGIN\nMIIEvQ==abc")]);
        assert_eq!(mask.apply(r#"login pass"word"1 ok"#), "login (sensitive) ok");
        assert_eq!(mask.apply(r#"{"p":"pass\"word\"1"}"#), r#"{"p":"(sensitive)"}"#);
        assert_eq!(mask.apply("key: MIIEvQ==abc"), "key: (sensitive)");
        assert_eq!(mask.apply("nothing here"), "nothing here");
    }

    #[test]
    fn a_short_secret_is_masked_only_as_a_word_of_its_own() {
        let mask = mask(&[json!("eu"), json!(1433)]);
        assert_eq!(mask.apply("neutral in eu:1433"), "neutral in (sensitive):(sensitive)");
    }
}
