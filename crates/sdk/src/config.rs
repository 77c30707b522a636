//! Reads a config block into the provider's type, and says well what is wrong with it.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, Result};

mod byte_size;
mod schema;
mod secret;
mod time_span;
mod unknown;

pub use byte_size::ByteSize;
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
        let error = error.into_inner().to_string();
        let path = if path == "." { culprit::<T>(&config, &error) } else { path };
        Error::config(path, error)
    })
}

/// serde loses the path inside flattened parts: the setting without which the error is another one.
/// Empty where there is none, as for a setting that is missing.
fn culprit<T: DeserializeOwned>(config: &Value, error: &str) -> String {
    let without = |key: &str| {
        let mut rest = config.clone();
        rest.as_object_mut()?.remove(key);
        T::deserialize(rest).err().map(|other| other.to_string())
    };
    let keys = config.as_object().into_iter().flat_map(serde_json::Map::keys);
    let mut guilty = keys.filter(|key| without(key).as_deref() != Some(error));
    guilty.next().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, serde::Deserialize, JsonSchema)]
    struct Inner {
        /// A number.
        #[serde(default)]
        count: u32,
        /// A time.
        every: Option<TimeSpan>,
    }

    #[derive(Debug, serde::Deserialize, JsonSchema)]
    struct Outer {
        name: String,
        #[serde(flatten)]
        inner: Inner,
    }

    #[test]
    fn a_setting_of_a_flattened_part_is_named_in_its_error() {
        let path = |config: Value| read::<Outer>(config).unwrap_err().path().unwrap().to_owned();
        assert_eq!(path(json!({"name": "a", "count": "x"})), "count");
        assert_eq!(path(json!({"every": "soon", "name": "a"})), "every");
        assert_eq!(path(json!({"count": 1})), "");
        let outer: Outer = read(json!({"name": "a", "count": 2, "every": "1s"})).unwrap();
        assert_eq!((outer.name.as_str(), outer.inner.count), ("a", 2));
        assert!(outer.inner.every.is_some());
    }
}
