//! The output: each row into its file, files complete or not there.

use std::collections::HashMap;

use dstream_protocol::{Delivery, Json, StreamSchema};
use dstream_sdk::{
    Commit, Context as _, Envelope, Envelopes, Error, OutputProvider, OutputStart, Result,
};
use serde_json::value::to_raw_value;

use crate::config::{Config, Content, Format, Settings};
use crate::csv::Style;
use crate::files::Files;
use crate::journal::Journal;
use crate::part::Part;
use crate::recover::recover;
use crate::state::State;
use crate::template::Hour;

/// Writes files.
pub(crate) struct FileOutput {
    pub(crate) files: Files,
    pub(crate) style: Style,
    /// The columns that `@schema` announced, by stream.
    pub(crate) schemas: HashMap<String, Vec<String>>,
    hour: Hour,
    /// The metadata of the last envelope and the path that its row went to: mostly the next one's too.
    last: Option<(String, String)>,
}

impl OutputProvider for FileOutput {
    type Config = Config;

    const DELIVERY: Delivery = Delivery {
        replayable: false,
        prunes_on_ack: false,
        transactional: false,
        idempotent: false,
        append_only: true,
        reshapes: false,
    };

    async fn open(config: Config, start: OutputStart) -> Result<Self> {
        let settings = Settings::new(config, &start.task)?;
        let state: State = match &start.state {
            Some(json) => serde_json::from_str(json.get())
                .map_err(|e| Error::permanent(format!("the saved state cannot be read: {e}")))?,
            None => State::default(),
        };
        let root = settings.template.root();
        std::fs::create_dir_all(&root)
            .with_context(|| format!("cannot create the folder {}", root.display()))?;
        let path = Journal::path(&root, &start.task_id, &start.task, &start.name);
        let entries = Journal::read(&path).context("cannot read the journal")?;
        let (commits, owned) = (state.commit, !start.task_id.is_empty());
        let recovered = recover(&settings, state, entries, owned)?;
        let journal = Journal::rewrite(&path, &recovered.journal)
            .with_context(|| format!("cannot write to the folder {}", root.display()))?;
        let style = Style::new(&settings);
        let files = Files::new(settings, recovered.open, journal, recovered.journal, commits);
        Ok(Self { files, style, schemas: HashMap::new(), hour: Hour::now(), last: None })
    }

    fn fingerprint(&self) -> Option<String> {
        // `./people.csv` is `people.csv`.
        let path = std::path::Path::new(&self.files.settings.config.path);
        let path: std::path::PathBuf = path.components().collect();
        let path = path.strip_prefix(".").unwrap_or(&path).display().to_string();
        Some(format!("file:{path}"))
    }

    async fn schema(&mut self, schema: &StreamSchema) -> Result<()> {
        let names = schema.fields.iter().map(|field| field.name.clone()).collect();
        self.schemas.insert(schema.stream.clone(), names);
        self.last = None;
        Ok(())
    }

    async fn write(&mut self, envelopes: &mut Envelopes<'_>) -> Result<()> {
        if self.files.settings.template.by_time() {
            let hour = Hour::now();
            if hour != self.hour {
                (self.hour, self.last) = (hour, None);
            }
        }
        match self.files.settings.format {
            Format::Jsonl => self.write_lines(envelopes),
            Format::Csv => self.write_rows(envelopes),
        }
    }

    async fn commit(&mut self, _: &Commit) -> Result<Option<Json>> {
        self.files.rotate_old(Hour::now());
        let state = self.files.commit()?;
        self.last = None;
        Ok(Some(to_raw_value(&state)?))
    }

    async fn confirmed(&mut self, _: u64) -> Result<()> {
        self.files.name_closed()
    }

    async fn end(self) -> Result<()> {
        self.files.end()
    }
}

impl FileOutput {
    /// JSONL: the bytes as they are.
    fn write_lines(&mut self, envelopes: &mut Envelopes<'_>) -> Result<()> {
        let whole = self.files.settings.config.content == Content::Envelope;
        let limit = self.files.settings.config.rotate_bytes.map_or(u64::MAX, u64::from);
        let mut all = envelopes.iter().peekable();
        while let Some(first) = all.peek() {
            let metadata = first.metadata.unwrap_or_default();
            let key = self.key_of(first)?;
            let by_stream = self.files.settings.template.by_stream();
            let part = self.part(&key, "", None)?;
            // A run of rows for one file: no look-up for each.
            while let Some(envelope) = all.peek() {
                if by_stream && envelope.metadata.unwrap_or_default() != metadata {
                    break;
                }
                let text = if whole { envelope.line } else { envelope.data };
                part.buffer.extend_from_slice(text.as_bytes());
                part.buffer.push(b'\n');
                all.next();
                if part.is_full() {
                    flush(part)?;
                }
                if part.size() >= limit {
                    self.files.rotate(&key);
                    break;
                }
            }
        }
        Ok(())
    }

    /// The path of a row's file.
    pub(crate) fn key_of(&mut self, envelope: &Envelope<'_>) -> Result<String> {
        let metadata = envelope.metadata.unwrap_or_default();
        if let Some((last, key)) = &self.last
            && last == metadata
        {
            return Ok(key.clone());
        }
        let stream = envelope.meta()?;
        let key = self.files.settings.template.render(stream.stream(), self.hour);
        self.last = Some((metadata.to_owned(), key.clone()));
        Ok(key)
    }

    pub(crate) fn part(
        &mut self,
        key: &str,
        stream: &str,
        columns: Option<Vec<String>>,
    ) -> Result<&mut Part> {
        if !self.files.open.contains_key(key) {
            self.files.begin(key, stream, columns)?;
        }
        self.files.open.get_mut(key).ok_or_else(|| Error::permanent("the file is not open"))
    }
}

pub(crate) fn flush(part: &mut Part) -> Result<()> {
    part.flush().with_context(|| format!("cannot write {}", part.state.file.display()))
}
