//! The first line that a provider writes: ready, or why it cannot be.

use serde::{Deserialize, Serialize};

use crate::control::SourceStates;
use crate::describe::Delivery;
use crate::error::{ErrorKind, ProviderError};

/// The handshake, as it stands on the wire.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
enum Wire {
    Ready {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        protocol: Option<u32>,
    },
    Error(ProviderError),
}

/// What a provider is ready with. Version 1 sends none of these fields.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Ready {
    /// The version that the provider speaks from here on; absent means 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u32>,
    /// Delivery properties, where the config makes them other than `describe` said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// Names the source or the destination. A checkpoint is refused where this has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// A transactional output: the epoch that it has just claimed in its destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// A transactional output: the last commit that the destination holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<CommitMark>,
    /// A transactional output: the states that the destination holds, by input and partition.
    #[serde(default, skip_serializing_if = "SourceStates::is_empty")]
    pub checkpoint: SourceStates,
}

/// Names one commit of a transactional output. Later commits compare greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CommitMark {
    /// The epoch under which it was written.
    pub epoch: u64,
    /// The checkpoint's id in that epoch.
    pub id: u64,
}

/// How a provider's start ended, as its first line tells it.
#[derive(Debug, Clone)]
pub enum Startup {
    /// It is ready.
    Ready(Box<Ready>),
    /// It cannot start, and says why.
    Failed(ProviderError),
    /// The line is no handshake: a version-1 provider that has none, and this is its first data.
    Data,
}

impl Startup {
    /// Reads the first line of a provider's stdout.
    pub fn read(line: &[u8]) -> Self {
        match serde_json::from_slice::<Wire>(line) {
            Ok(Wire::Ready { .. }) => match serde_json::from_slice::<Ready>(line) {
                Ok(ready) => Self::Ready(Box::new(ready)),
                Err(e) => Self::Failed(ProviderError::new(
                    ErrorKind::Permanent,
                    format!("the provider's ready line cannot be read: {e}"),
                )),
            },
            Ok(Wire::Error(error)) => Self::Failed(error),
            Err(_) => Self::Data,
        }
    }

    /// Writes the line, without its newline; `Data` is empty.
    pub fn to_line(&self) -> String {
        match self {
            Self::Ready(ready) => match serde_json::to_value(ready) {
                Ok(serde_json::Value::Object(fields)) => {
                    let mut line = serde_json::Map::new();
                    line.insert("status".into(), "ready".into());
                    line.extend(fields);
                    serde_json::Value::Object(line).to_string()
                }
                _ => r#"{"status":"ready"}"#.into(),
            },
            Self::Failed(error) => {
                let wire = Wire::Error(error.clone());
                serde_json::to_string(&wire).unwrap_or_else(|_| r#"{"status":"error"}"#.into())
            }
            Self::Data => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_tells_ready_error_and_data_apart() {
        assert!(matches!(
            Startup::read(br#"{"status":"ready"}"#),
            Startup::Ready(r) if r.protocol.is_none()
        ));
        let line = br#"{"status":"error","message":"no such table"}"#;
        assert!(matches!(Startup::read(line), Startup::Failed(e) if e.message == "no such table"));
        assert!(matches!(Startup::read(br#"{"data":1,"metadata":{}}"#), Startup::Data));
        assert!(matches!(Startup::read(b"plain text"), Startup::Data));
        assert!(matches!(Startup::read(br#"{"status":"shipped"}"#), Startup::Data));
    }

    #[test]
    fn a_ready_line_survives_the_round_trip() {
        let line = r#"{"status":"ready","protocol":2,"epoch":8,"previous":{"epoch":7,"id":9},"checkpoint":{"orders":{"":{"offset":3}}}}"#;
        let startup = Startup::read(line.as_bytes());
        let back: serde_json::Value = serde_json::from_str(&startup.to_line()).unwrap();
        assert_eq!(back, serde_json::from_str::<serde_json::Value>(line).unwrap());
    }
}
