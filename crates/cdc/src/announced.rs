//! Which schema each stream was announced with in this run.

use std::collections::BTreeMap;

use dstream_sdk::serde::Serialize;
use dstream_sdk::{Batch, Result, StreamSchema};

/// Sends `@schema` before the first row of a stream in a run, and when its columns change.
#[derive(Debug, Default)]
pub struct Announced(BTreeMap<String, StreamSchema>);

impl Announced {
    /// Announces the schema, unless it is the one that was announced last.
    ///
    /// # Errors
    /// Where the line is longer than the host's limit.
    pub fn announce<C: Serialize>(
        &mut self,
        schema: &StreamSchema,
        batch: &mut Batch<C>,
    ) -> Result<()> {
        if self.is_news(schema) {
            batch.schema(schema)?;
            self.0.insert(schema.stream.clone(), schema.clone());
        }
        Ok(())
    }

    fn is_news(&self, schema: &StreamSchema) -> bool {
        self.0.get(&schema.stream) != Some(schema)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_news_once_and_again_when_it_changes() {
        let mut announced = Announced::default();
        let mut schema = StreamSchema { stream: "a".into(), ..StreamSchema::default() };
        assert!(announced.is_news(&schema));
        announced.0.insert("a".into(), schema.clone());
        assert!(!announced.is_news(&schema));
        schema.key.push("id".into());
        assert!(announced.is_news(&schema));
    }
}
