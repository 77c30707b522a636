//! `check` and `discover`: which files there are, and what is in them.

use std::collections::BTreeMap;

use dstream_protocol::StreamSchema;
use dstream_sdk::{Check, Discover, Result, TaskContext};

use crate::config::Config;
use crate::files;
use crate::input::FileInput;
use crate::tail::Tail;

impl Check for FileInput {
    type Config = Config;

    async fn check(config: Config, _: &TaskContext) -> Result<String> {
        config.check()?;
        let listing = files::list(&config)?;
        let bytes: u64 = listing.values().map(|found| found.len).sum();
        for (name, found) in &listing {
            Tail::fresh(&config, name, found.clone())?.open(&config, &BTreeMap::new())?;
        }
        Ok(format!("{} files, {bytes} bytes", listing.len()))
    }
}

impl Discover for FileInput {
    type Config = Config;

    async fn discover(config: Config, _: &TaskContext) -> Result<Vec<StreamSchema>> {
        config.check()?;
        let mut streams: BTreeMap<String, StreamSchema> = BTreeMap::new();
        for (name, found) in files::list(&config)? {
            let mut tail = Tail::fresh(&config, &name, found)?;
            tail.open(&config, &BTreeMap::new())?;
            let fields = tail.reader.as_ref().map(|r| r.columns().to_vec()).unwrap_or_default();
            let schema = StreamSchema {
                stream: tail.stream.clone(),
                key: config.key.clone(),
                fields,
                ..StreamSchema::default()
            };
            streams.entry(tail.stream).or_insert(schema);
        }
        Ok(streams.into_values().collect())
    }
}
