//! Reads a config block into the provider's type, and says well what is wrong with it.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, Result};

mod schema;
mod secret;
mod time_span;
mod unknown;

pub use schema::schema_of;
pub use secret::Secret;
pub use time_span::TimeSpan;

/// The config of a provider that has no settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
pub struct NoSettings {}

/// Reads a config block: keys in camel or snake case, unknown ones refused by name.
///
/// ```
/// # use serde_json::json;
/// #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
/// struct Config {
///     max_count: u32,
/// }
/// let config: Config = dstream_sdk::config::read(json!({"maxCount": 5})).unwrap();
/// assert_eq!(config.max_count, 5);
///
/// let error = dstream_sdk::config::read::<Config>(json!({"max_cuont": 5})).unwrap_err();
/// assert_eq!(error.to_string(), "`max_cuont` is no setting; did you mean `max_count`? Valid: max_count");
/// assert_eq!(error.path(), Some("max_cuont"));
/// ```
///
/// # Errors
/// Kind `config`, with the path of the setting.
pub fn read<T: DeserializeOwned + JsonSchema>(mut config: Value) -> Result<T> {
    if config.is_null() {
        config = Value::Object(serde_json::Map::new());
    }
    let schema = schema_of::<T>();
    dstream_protocol::keys::normalise(&mut config, &schema);
    unknown::refuse(&config, &schema)?;
    serde_path_to_error::deserialize(&config).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { String::new() } else { path };
        Error::config(path, error.into_inner().to_string())
    })
}
