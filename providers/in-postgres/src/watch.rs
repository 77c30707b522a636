//! Looks from time to time how much log the slot keeps, and for tables that are new.

use std::time::{Duration, Instant};

use dstream_sdk::Result;

use crate::catalog;
use crate::config::Config;
use crate::setup::{publication, slot};
use crate::stream::Stream;

/// How often the server is asked about the slot.
const EVERY: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Watch {
    config: Config,
    publication: String,
    slot: String,
    task_id: String,
    version: u32,
    looked: Instant,
    looked_for_tables: Instant,
    /// What was wrong with a new table, so that it is said once.
    said: String,
}

impl Watch {
    pub(crate) fn new(
        config: &Config,
        publication: &str,
        slot: &str,
        task_id: &str,
        version: u32,
    ) -> Self {
        let now = Instant::now();
        Self {
            config: config.clone(),
            publication: publication.to_owned(),
            slot: slot.to_owned(),
            task_id: task_id.to_owned(),
            version,
            looked: now,
            looked_for_tables: now,
            said: String::new(),
        }
    }

    /// A failure is the stream's to notice.
    pub(crate) async fn look(&mut self, stream: &mut Stream) {
        if self.looked.elapsed() < EVERY {
            return;
        }
        self.looked = Instant::now();
        match slot::look(stream.catalog(), &self.slot).await {
            Ok(Some(slot)) => slot.warn(self.config.max_lag_bytes.0),
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "the slot cannot be looked at"),
        }
    }

    /// Publishes tables that were made since and that the config means; says whether rows of one
    /// are to be read.
    pub(crate) async fn finds_tables(&mut self, stream: &mut Stream) -> bool {
        if self.looked_for_tables.elapsed() < *self.config.new_tables_interval
            || !self.config.create
            || !self.config.has_patterns()
        {
            return false;
        }
        self.looked_for_tables = Instant::now();
        let found = self.publish(stream).await;
        found.unwrap_or_else(|error| {
            let text = error.to_string();
            if text != self.said {
                tracing::warn!(
                    "a table that is new cannot be read (nor will the next run begin): {text}"
                );
                self.said = text;
            }
            false
        })
    }

    async fn publish(&self, stream: &mut Stream) -> Result<bool> {
        let (name, wire) = (&self.publication, stream.catalog());
        let plan = publication::plan(wire, &self.config, name, &self.task_id).await?;
        if plan.statements.is_empty() || !plan.exists {
            return Ok(false);
        }
        publication::apply(wire, &plan).await?;
        let tables = catalog::published(wire, name, self.version).await?;
        let new: Vec<String> =
            tables.iter().map(|table| table.stream()).filter(|name| !stream.knows(name)).collect();
        if !new.is_empty() {
            tracing::info!(tables = new.join(", "), "tables that are new are published");
        }
        Ok(!new.is_empty() && stream.following.read_new_tables)
    }
}
