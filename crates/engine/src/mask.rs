//! Takes known secrets out of a text before anybody sees it.

use aho_corasick::{AhoCorasick, MatchKind};
use dstream_protocol::ProviderError;
use dstream_task::Secrets;
use dstream_task::secret::MASK;
use serde_json::{Map, Value};

/// Below this length a secret is only masked where it stands alone: `eu` must not blacken `neutral`.
const SHORT: usize = 8;

/// Replaces every known secret with `(sensitive)`.
#[derive(Debug, Clone)]
pub struct Mask(Option<AhoCorasick>);

impl Mask {
    /// Below this length nothing is masked: it is no secret, and every count would vanish.
    pub const SHORTEST: usize = 3;

    /// Masks the values of these secrets, each line of a longer one by itself.
    pub fn new(secrets: &Secrets) -> Self {
        let words = secrets.words();
        let lines = words.iter().flat_map(|w| w.lines().chain([w.as_str()]));
        // As a provider may print its config as JSON, the escaped form is a secret too.
        let escaped = words.iter().filter_map(|w| serde_json::to_string(w).ok());
        let escaped: Vec<String> = escaped.map(|w| w.trim_matches('"').to_owned()).collect();
        let mut all: Vec<&str> = lines.chain(escaped.iter().map(String::as_str)).collect();
        all.retain(|w| w.trim().len() >= Self::SHORTEST);
        all.sort_unstable();
        all.dedup();
        if all.is_empty() {
            return Self(None);
        }
        Self(AhoCorasick::builder().match_kind(MatchKind::Standard).build(all).ok())
    }

    /// The text without secrets. Where several overlap, all of them go.
    pub fn apply(&self, text: &str) -> String {
        let Some(words) = &self.0 else { return text.to_owned() };
        let mut found: Vec<_> = words
            .find_overlapping_iter(text)
            .map(|m| m.range())
            .filter(|m| m.len() >= SHORT || stands_alone(text, m.clone()))
            .collect();
        found.sort_unstable_by_key(|m| m.start);
        let mut out = String::with_capacity(text.len());
        let mut end = 0;
        for m in found {
            if m.start >= end {
                out.push_str(&text[end..m.start]);
                out.push_str(MASK);
            }
            end = end.max(m.end);
        }
        out.push_str(&text[end..]);
        out
    }

    /// A JSON value without secrets, wherever in it they stand.
    pub fn json(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.apply(&text)),
            Value::Number(number) => {
                let text = number.to_string();
                let masked = self.apply(&text);
                if masked == text { Value::Number(number) } else { Value::String(masked) }
            }
            Value::Array(items) => items.into_iter().map(|v| self.json(v)).collect(),
            Value::Object(map) => Value::Object(self.fields(map)),
            plain => plain,
        }
    }

    /// The same for the fields of an object.
    pub(crate) fn fields(&self, map: Map<String, Value>) -> Map<String, Value> {
        map.into_iter().map(|(k, v)| (self.apply(&k), self.json(v))).collect()
    }

    /// What a provider says went wrong, without secrets.
    pub(crate) fn error(&self, error: ProviderError) -> ProviderError {
        let path = error.path.map(|path| self.apply(&path));
        ProviderError { message: self.apply(&error.message), path, ..error }
    }

    /// How much of an unfinished line can be shown without showing a part of a secret: one may go on
    /// in what is still to come.
    pub(crate) fn whole(&self, line: &[u8]) -> usize {
        let Some(words) = &self.0 else { return line.len() };
        let mut cut = (line.len() + 1).saturating_sub(words.max_pattern_len());
        let mut found: Vec<_> = words.find_overlapping_iter(line).map(|m| m.range()).collect();
        found.sort_unstable_by_key(|m| std::cmp::Reverse(m.end));
        for m in found {
            if m.start < cut && cut < m.end {
                cut = m.start;
            }
        }
        cut
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
        let mask = mask(&[json!("eu1"), json!(1433), json!(3)]);
        assert_eq!(
            mask.apply("neu1ral in eu1:1433, 3 rows"),
            "neu1ral in (sensitive):(sensitive), 3 rows"
        );
    }

    #[test]
    fn secrets_that_overlap_are_all_masked() {
        let mask =
            mask(&[json!("ab"), json!("bcdefghij"), json!("hunter2pass"), json!("passwordX")]);
        assert_eq!(mask.apply("xabcdefghij"), "xa(sensitive)");
        assert_eq!(mask.apply("a hunter2passwordX."), "a (sensitive).");
    }

    #[test]
    fn a_json_value_is_masked_in_its_depth() {
        let mask = mask(&[json!("hunter2-hunter2")]);
        let value = json!({"a": [{"hunter2-hunter2": "x hunter2-hunter2"}], "n": 7});
        assert_eq!(mask.json(value), json!({"a": [{"(sensitive)": "x (sensitive)"}], "n": 7}));
    }

    #[test]
    fn an_unfinished_line_is_cut_outside_of_every_secret() {
        let mask = mask(&[json!("hunter2-hunter2")]);
        assert_eq!(mask.whole(b"0123456789012345 hunter2-hunter2"), 17);
        assert_eq!(mask.whole(b"0123456789 hunter2-hunter2 01234567890123"), 27);
        assert!(mask.whole(b"0123456789012345 hunter2-hu") <= 17);
    }
}
