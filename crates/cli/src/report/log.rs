//! Events as log lines.

use dstream_engine::{Event, EventKind};
use tracing::{Level, debug, error, info, trace, warn};

use super::format::millis;

/// Logs an event of something that is not retried.
pub(crate) fn event(event: &Event) {
    event_of(event, 1);
}

/// Logs an event; `attempts` is how often the task may start in a row.
pub(crate) fn event_of(event: &Event, attempts: u32) {
    let task = event.task.as_str();
    match &event.kind {
        EventKind::Log { provider, line, pid, .. } => line_of(task, provider, *pid, line),
        EventKind::Starting { attempt } => debug!(task, attempt, "starting"),
        EventKind::ProviderStarted { provider, pid, protocol, .. } => {
            debug!(task, provider, pid, protocol, "started");
        }
        EventKind::ProviderReady { provider, .. } => debug!(task, provider, "ready"),
        EventKind::Running { resumed: true } => info!(task, "running, from the last checkpoint"),
        EventKind::Running { resumed: false } => info!(task, "running, no checkpoint yet"),
        EventKind::Rejected { provider, id, error } => {
            warn!(task, provider, id, "rejected, kept as a dead letter: {error}");
        }
        EventKind::Warning { provider, message } => {
            warn!(task, provider = provider.as_deref().unwrap_or_default(), "{message}");
        }
        EventKind::ProviderExited { provider, status, pid, .. } => {
            debug!(task, provider, pid, "ended: {status}");
        }
        EventKind::Stopping { now: false } => {
            info!(task, "finishing what is begun; press Ctrl-C again to stop at once");
        }
        EventKind::Stopping { now: true } => warn!(task, "stopping at once"),
        EventKind::Retrying { attempt, wait_ms, failure } => {
            let wait = millis(*wait_ms);
            warn!(
                task,
                "{failure}; starting again in {wait} (start {attempt} failed, after {attempts} in a row without progress it gives up)"
            );
        }
        EventKind::Saved { totals } => trace!(task, written = totals.written, "checkpoint saved"),
        EventKind::Output { .. }
        | EventKind::Progress { .. }
        | EventKind::Stats { .. }
        | EventKind::Finished { .. } => {}
    }
}

/// A line of a provider's stderr, at the level that it names itself.
fn line_of(task: &str, provider: &str, pid: u32, line: &str) {
    let (level, text) = read(line);
    match level {
        Level::ERROR => error!(task, provider, pid, "{text}"),
        Level::WARN => warn!(task, provider, pid, "{text}"),
        Level::INFO => info!(task, provider, pid, "{text}"),
        Level::DEBUG => debug!(task, provider, pid, "{text}"),
        Level::TRACE => trace!(task, provider, pid, "{text}"),
    }
}

/// The level that a line names, and what is left of it to say. Providers are told the host's log
/// format, so a line is either JSON with `level`, or text that may begin with a time and a level.
fn read(line: &str) -> (Level, String) {
    if let Ok(serde_json::Value::Object(mut fields)) = serde_json::from_str(line) {
        let named = fields.remove("level").and_then(|v| v.as_str().and_then(word));
        if let Some(level) = named {
            let inner = fields.remove("fields").and_then(|v| v.as_object().cloned());
            fields.extend(inner.unwrap_or_default());
            let message = ["message", "msg"].iter().find_map(|k| fields.remove(*k));
            let mut text = message.and_then(|m| m.as_str().map(str::to_owned)).unwrap_or_default();
            for time in ["timestamp", "time", "ts", "target"] {
                fields.remove(time);
            }
            for (name, value) in fields {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                text.push_str(&format!("  {name}={value}"));
            }
            return (level, text.trim_start().to_owned());
        }
    }
    let plain = without_escapes(line);
    let mut rest = plain.trim_start();
    let first = rest.split_whitespace().next().unwrap_or_default();
    if first.len() >= 8 && first.starts_with(|c: char| c.is_ascii_digit()) && first.contains(':') {
        rest = rest[first.len()..].trim_start();
    }
    let first = rest.split_whitespace().next().unwrap_or_default();
    match word(first.trim_matches(['[', ']', ':'])) {
        Some(level) => (level, rest[first.len()..].trim_start().to_owned()),
        None => (Level::INFO, plain),
    }
}

fn word(text: &str) -> Option<Level> {
    Some(match text.to_ascii_lowercase().as_str() {
        "error" | "fatal" | "panic" | "critical" => Level::ERROR,
        "warn" | "warning" => Level::WARN,
        "info" => Level::INFO,
        "debug" => Level::DEBUG,
        "trace" => Level::TRACE,
        _ => return None,
    })
}

/// A provider's line must not be able to paint over the host's.
fn without_escapes(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => {
                if chars.next() == Some('[') {
                    let _last = chars.find(|c| ('@'..='~').contains(c));
                }
            }
            '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_that_a_line_names_is_used_and_not_said_twice() {
        let text = |line: &str| read(line);
        assert_eq!(text("WARN slow disk"), (Level::WARN, "slow disk".into()));
        assert_eq!(text("2024-05-01T10:00:00Z  ERROR no table"), (Level::ERROR, "no table".into()));
        assert_eq!(text("[info]: ok"), (Level::INFO, "ok".into()));
        assert_eq!(text("\u{1b}[31mERROR\u{1b}[0m gone"), (Level::ERROR, "gone".into()));
        let json = r#"{"level":"debug","message":"read","rows":3,"timestamp":"t"}"#;
        assert_eq!(text(json), (Level::DEBUG, "read  rows=3".into()));
    }

    #[test]
    fn a_line_without_a_level_is_kept_whole_and_cannot_move_the_cursor() {
        assert_eq!(read("10 rows: information"), (Level::INFO, "10 rows: information".into()));
        assert_eq!(read("a\u{1b}[2Jb\rc"), (Level::INFO, "abc".into()));
        assert_eq!(read(r#"{"rows":3}"#), (Level::INFO, r#"{"rows":3}"#.into()));
    }
}
