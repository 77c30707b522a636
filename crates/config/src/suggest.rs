//! "Did you mean …?"

/// The known name that is nearest to `name`, if one is near enough to be a slip of the fingers.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_ascii_lowercase();
    known
        .into_iter()
        .map(|k| (likeness(&name, &k.to_ascii_lowercase()), k))
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, k)| k)
}

/// From 0 to 1. One edit in a short word counts as near, which the plain measure misses.
fn likeness(a: &str, b: &str) -> f64 {
    let one_edit = a.len().min(b.len()) >= 3 && strsim::osa_distance(a, b) <= 1;
    strsim::jaro_winkler(a, b).max(if one_edit { 0.9 } else { 0.0 })
}

/// `did you mean `x`?`, as a line of help.
pub(crate) fn did_you_mean<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(name, known).map(|k| format!("did you mean `{k}`?"))
}

/// `a, b and c`, each in backquotes.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    enumerate(names, "and")
}

/// `a, b or c`, each in backquotes.
pub(crate) fn either<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    enumerate(names, "or")
}

fn enumerate<'a>(names: impl IntoIterator<Item = &'a str>, word: &str) -> String {
    let quoted: Vec<String> = names.into_iter().map(|n| format!("`{n}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} {word} {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_something_else_is_not() {
        let known = ["provider", "provider_ref", "config"];
        assert_eq!(nearest("providr_ref", known), Some("provider_ref"));
        assert_eq!(nearest("Provider", known), Some("provider"));
        assert_eq!(nearest("zebra", known), None);
        assert_eq!(nearest("cvs", ["csv", "json"]), Some("csv"));
    }

    #[test]
    fn names_are_listed_as_in_a_sentence() {
        assert_eq!(list(["a"]), "`a`");
        assert_eq!(list(["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
