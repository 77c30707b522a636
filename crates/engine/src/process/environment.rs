//! What a provider sees of the host's environment: what every program needs, and what it was given.

use std::collections::BTreeMap;

use dstream_task::Block;
use serde_json::Value;

/// Passed to every provider, wherever it comes from.
const NAMES: [&str; 12] = [
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
    "LANG",
    "TZ",
    "RUST_BACKTRACE",
    "DSTREAM_LOG_LEVEL",
    "DSTREAM_LOG_FORMAT",
    // Windows programs do not start without these.
    "SYSTEMROOT",
    "TEMP",
    "TMP",
];

/// The environment of one provider. `env` holds the block's `env`, secrets put in.
pub(crate) fn environment(
    host: &[(String, String)],
    block: &Block,
    env: &BTreeMap<String, Value>,
) -> Vec<(String, String)> {
    let passes = |name: &str| is_common(name) || block.pass_env.iter().any(|p| p == name);
    let passed = host.iter().filter(|(name, _)| passes(name)).cloned();
    let given = env.iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (name.clone(), text)
    });
    passed.chain(given).collect()
}

/// The environment of a program that is only asked what it is.
pub(crate) fn is_common(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    NAMES.contains(&name)
        || (cfg!(windows) && NAMES.contains(&upper.as_str()))
        || name.starts_with("LC_")
        || name.starts_with("SSL_CERT_")
        || upper.ends_with("_PROXY")
}

#[cfg(test)]
mod tests {
    use super::*;
    use dstream_task::Source;

    #[test]
    fn a_provider_sees_what_it_was_given_and_no_secret_of_the_host() {
        let pairs = [
            ("PATH", "/bin"),
            ("LC_ALL", "C"),
            ("https_proxy", "p"),
            ("AWS_SECRET_ACCESS_KEY", "no"),
            ("PGPASSWORD", "yes"),
        ];
        let host: Vec<_> = pairs.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        let block = Block {
            name: "input".into(),
            source: Source::Name("x".into()),
            config: Value::Null,
            protocol: None,
            critical: true,
            pass_env: vec!["PGPASSWORD".into()],
            env: BTreeMap::new(),
            sandbox: None,
        };
        let given = BTreeMap::from([("PORT".to_owned(), Value::from(5432))]);
        let names: Vec<_> = environment(&host, &block, &given)
            .into_iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect();
        assert_eq!(
            names,
            ["PATH=/bin", "LC_ALL=C", "https_proxy=p", "PGPASSWORD=yes", "PORT=5432"]
        );
    }
}
