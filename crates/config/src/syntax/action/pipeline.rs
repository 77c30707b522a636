//! The inside of a template: words, strings, `|` and parentheses.

use super::Action;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Text(String),
    Name(String),
    Pipe,
    Open,
    Close,
}

/// A step's result.
enum Given {
    Text(String),
    Env { name: String, default: Option<String>, quoted: bool },
}

const MAX_PARENTHESES: usize = 16;

/// The length of the template that begins with `{{`, and what is between the braces. None where it
/// is not closed. Strings in it may hold braces, and end on their line.
pub(super) fn extent(rest: &str) -> Option<(usize, &str)> {
    let inner = rest.strip_prefix("{{")?;
    let mut at = 0;
    while let Some(c) = inner[at..].chars().next() {
        if inner[at..].starts_with("}}") {
            return Some((at + 4, &inner[..at]));
        }
        at += match c {
            '"' => quoted(&inner[at..])?.0,
            '`' => inner[at + 1..].find('`')? + 2,
            '/' if inner[at..].starts_with("/*") => inner[at + 2..].find("*/")? + 4,
            '\n' => return None,
            c => c.len_utf8(),
        };
    }
    None
}

/// The same where the quotes in it are escaped, as HCL has them in a string: the length in the file,
/// and what is between the braces without the escapes. None where no quote is escaped.
pub(super) fn escaped(rest: &str) -> Option<(usize, String)> {
    let mut plain = String::new();
    // Where in the file each byte of it stands, and where the next one would.
    let mut places = Vec::new();
    let mut end = rest.len();
    let mut chars = rest.char_indices();
    while let Some((place, c)) = chars.next() {
        let c = match c {
            '"' | '\n' => {
                end = place;
                break;
            }
            '\\' => chars.next()?.1,
            c => c,
        };
        plain.push(c);
        places.resize(plain.len(), place);
    }
    places.push(end);
    let (length, inner) = extent(&plain)?;
    let length = *places.get(length)?;
    rest[..length].contains("\\\"").then(|| (length, inner.to_owned()))
}

/// A Go string in double quotes: its length and what it says.
fn quoted(text: &str) -> Option<(usize, String)> {
    let mut said = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Some((i + 1, said)),
            '\n' => return None,
            '\\' => said.push(match chars.next()?.1 {
                'n' => '\n',
                't' => '\t',
                other => other,
            }),
            c => said.push(c),
        }
    }
    None
}

/// Whether a template was meant: a name, a field, a variable, a call.
pub(super) fn looks_like_code(inner: &str) -> bool {
    let inner = inner.trim_start_matches(['-', ' ', '\t']);
    inner.starts_with(|c: char| c.is_alphabetic() || matches!(c, '.' | '$' | '(' | '_'))
}

/// What a template does, if it is one of the known forms.
pub(super) fn read(inner: &str) -> Option<Action> {
    let trimmed = inner.trim();
    if trimmed.starts_with("/*") && trimmed.ends_with("*/") {
        return Some(Action::Text(String::new()));
    }
    let words = words(trimmed)?;
    let mut at = 0;
    let given = pipeline(&words, &mut at, 0)?;
    if at != words.len() {
        return None;
    }
    Some(match given {
        Given::Text(text) => Action::Text(text),
        Given::Env { name, default, quoted } => Action::Env { name, default, quoted },
    })
}

fn words(text: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let (length, word) = match c {
            '"' => quoted(rest).map(|(length, said)| (length, Word::Text(said)))?,
            '`' => {
                let end = rest[1..].find('`')?;
                (end + 2, Word::Text(rest[1..=end].to_owned()))
            }
            '|' => (1, Word::Pipe),
            '(' => (1, Word::Open),
            ')' => (1, Word::Close),
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            c if c.is_ascii_alphabetic() => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
                (end, Word::Name(rest[..end].to_owned()))
            }
            _ => return None,
        };
        words.push(word);
        at += length;
    }
    Some(words)
}

fn pipeline(words: &[Word], at: &mut usize, depth: usize) -> Option<Given> {
    let mut given = step(words, at, None, depth)?;
    while words.get(*at) == Some(&Word::Pipe) {
        *at += 1;
        given = step(words, at, Some(given), depth)?;
    }
    Some(given)
}

/// One command; what comes through the pipe is its last argument.
fn step(words: &[Word], at: &mut usize, piped: Option<Given>, depth: usize) -> Option<Given> {
    let Some(Word::Name(name)) = words.get(*at) else {
        return if piped.is_none() { operand(words, at, depth) } else { None };
    };
    *at += 1;
    match name.as_str() {
        "env" => match last(words, at, piped, depth)? {
            Given::Text(name) => Some(Given::Env { name, default: None, quoted: false }),
            Given::Env { .. } => None,
        },
        "default" => {
            let Given::Text(default) = operand(words, at, depth)? else { return None };
            match last(words, at, piped, depth)? {
                Given::Env { name, quoted, .. } => {
                    Some(Given::Env { name, default: Some(default), quoted })
                }
                Given::Text(text) => {
                    Some(Given::Text(if text.is_empty() { default } else { text }))
                }
            }
        }
        "quote" => match last(words, at, piped, depth)? {
            Given::Env { name, default, .. } => Some(Given::Env { name, default, quoted: true }),
            Given::Text(_) => None,
        },
        _ => None,
    }
}

fn last(words: &[Word], at: &mut usize, piped: Option<Given>, depth: usize) -> Option<Given> {
    match piped {
        Some(given) => Some(given),
        None => operand(words, at, depth),
    }
}

fn operand(words: &[Word], at: &mut usize, depth: usize) -> Option<Given> {
    match words.get(*at)? {
        Word::Text(text) => {
            *at += 1;
            Some(Given::Text(text.clone()))
        }
        Word::Open if depth < MAX_PARENTHESES => {
            *at += 1;
            let given = pipeline(words, at, depth + 1)?;
            let closed = words.get(*at) == Some(&Word::Close);
            *at += 1;
            closed.then_some(given)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str, default: Option<&str>, quoted: bool) -> Option<Action> {
        let default = default.map(str::to_owned);
        Some(Action::Env { name: name.into(), default, quoted })
    }

    #[test]
    fn the_common_forms_are_read() {
        assert_eq!(read(" env \"X\" "), env("X", None, false));
        assert_eq!(read("env `X`"), env("X", None, false));
        assert_eq!(read("\"X\" | env"), env("X", None, false));
        assert_eq!(read("env \"X\" | default \"y\""), env("X", Some("y"), false));
        assert_eq!(read("default \"y\" (env \"X\")"), env("X", Some("y"), false));
        assert_eq!(read("env \"X\" | quote"), env("X", None, true));
        assert_eq!(read("\"{{\""), Some(Action::Text("{{".into())));
        assert_eq!(read("/* note */"), Some(Action::Text(String::new())));
    }

    #[test]
    fn anything_else_is_not_read() {
        for other in ["upper (env \"X\")", ".Values.x", "if true", "env", "env \"X\" \"Y\"", "-"] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn braces_in_a_string_do_not_end_a_template() {
        assert_eq!(extent("{{ \"}}\" }} rest"), Some((10, " \"}}\" ")));
        assert_eq!(extent("{{ open"), None);
    }
}
