//! Takes libpq's URLs and key=value strings apart. By "Connection Strings" of PostgreSQL's manual.

use dstream_sdk::Error;

/// Keys and values in the order in which they stand.
pub(crate) type Pairs = Vec<(String, String)>;

/// A URL or a key=value string.
pub(crate) fn parse(text: &str) -> Result<Pairs, Error> {
    let text = text.trim();
    let url = ["postgresql://", "postgres://"].iter().find_map(|s| text.strip_prefix(s));
    let pairs = match url {
        Some(rest) => parse_url(rest),
        None => parse_pairs(text),
    };
    // The text may hold a password: no part of it stands in the message.
    pairs.map_err(|what| {
        Error::config(
            "url",
            format!(
                "{what}; expected is postgresql://user:password@host:port/database?sslmode=require \
                 (special characters as %XX) or host=… port=… dbname=… user=… password=…"
            ),
        )
    })
}

/// `user:password@host:port,host:port/database?key=value&…`
fn parse_url(rest: &str) -> Result<Pairs, &'static str> {
    let mut pairs = Pairs::new();
    let mut add = |key: &str, value: &str| -> Result<(), &'static str> {
        if !value.is_empty() {
            pairs.push((key.into(), decode(value)?));
        }
        Ok(())
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    add("user", user)?;
    add("password", password)?;
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',').filter(|h| !h.is_empty()) {
        let (name, port) = split_port(host)?;
        names.push(name);
        ports.push(port);
    }
    add("host", &names.join(","))?;
    if ports.iter().any(|port| !port.is_empty()) {
        add("port", &ports.join(","))?;
    }
    add("dbname", database)?;
    for pair in query.split('&').filter(|p| !p.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or("a parameter of the URL has no value")?;
        add(key, value)?;
    }
    Ok(pairs)
}

/// `host:port`, `[::1]:port`.
fn split_port(host: &str) -> Result<(&str, &str), &'static str> {
    if let Some(rest) = host.strip_prefix('[') {
        let (address, rest) = rest.split_once(']').ok_or("a `[` of the URL is not closed")?;
        return Ok((address, rest.strip_prefix(':').unwrap_or("")));
    }
    Ok(host.split_once(':').unwrap_or((host, "")))
}

fn decode(text: &str) -> Result<String, &'static str> {
    const WRONG: &str = "a `%` of the URL is not followed by two hexadecimal digits";
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            bytes.push(byte);
            rest = after;
            continue;
        }
        let digits = after.get(..2).and_then(|d| std::str::from_utf8(d).ok()).ok_or(WRONG)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| WRONG)?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| "the URL is not UTF-8 once decoded")
}

/// `key=value key='value with \' and spaces'`.
fn parse_pairs(text: &str) -> Result<Pairs, &'static str> {
    let mut pairs = Pairs::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or("a key has no `=` behind it")?;
        let (value, after) = value(after.trim_start())?;
        pairs.push((key.trim().to_owned(), value));
        rest = after.trim_start();
    }
    Ok(pairs)
}

/// One value, and what follows it.
fn value(text: &str) -> Result<(String, &str), &'static str> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut chars = text.char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            c if c.is_whitespace() && !quoted => return Ok((value, &text[at..])),
            c => value.push(c),
        }
    }
    if quoted { Err("a quote is not closed") } else { Ok((value, "")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let pairs = parse(text).unwrap();
        pairs.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn urls_are_taken_apart_as_libpq_does() {
        for (url, pairs) in [
            ("postgresql://", ""),
            ("postgres://db", "host=db"),
            (
                "postgresql://me:p%40ss@db:5433/shop",
                "user=me password=p@ss host=db port=5433 dbname=shop",
            ),
            (
                "postgresql://a:1,b:2/x?sslmode=require",
                "host=a,b port=1,2 dbname=x sslmode=require",
            ),
            ("postgresql://[::1]:5432/x", "host=::1 port=5432 dbname=x"),
            ("postgresql:///x?host=%2Fvar%2Frun", "dbname=x host=/var/run"),
            ("postgresql://u@a,b/x", "user=u host=a,b dbname=x"),
        ] {
            assert_eq!(shown(url), pairs, "{url}");
        }
    }

    #[test]
    fn key_value_strings_may_be_quoted_and_escaped() {
        assert_eq!(
            shown(r"host = db  user='o\'neil' password='a b'"),
            "host=db user=o'neil password=a b"
        );
        assert_eq!(shown(r"dbname=a\ b"), "dbname=a b");
    }

    #[test]
    fn what_is_wrong_is_said_without_showing_the_text() {
        for wrong in ["postgres://u:secret%zz@h", "host=h password='secret", "secret"] {
            let error = parse(wrong).unwrap_err();
            assert_eq!(error.path(), Some("url"));
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
