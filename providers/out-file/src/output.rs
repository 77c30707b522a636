//! The output: each row into its file, files complete or not there.

use std::collections::HashMap;

use dstream_protocol::{Delivery, Json, StreamSchema};
use dstream_sdk::{
    Check, Commit, Context as _, Envelope, Envelopes, Error, OutputProvider, OutputStart, Result,
    TaskContext,
};
use serde_json::value::to_raw_value;

use crate::config::{Config, Content, Format, NewColumns, Settings};
use crate::csv::Style;
use crate::files::Files;
use crate::journal::Journal;
use crate::part::Part;
use crate::raw_row::{Columns, NoObject};
use crate::recover::recover;
use crate::state::State;
use crate::template::Hour;

/// Writes files.
pub(crate) struct FileOutput {
    files: Files,
    style: Style,
    /// The columns that `@schema` announced, by stream.
    schemas: HashMap<String, Vec<String>>,
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
        Some(format!("file:{}", self.files.settings.config.path))
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
        let limit = self.files.settings.config.rotate_bytes.unwrap_or(u64::MAX);
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

    /// CSV: the columns of the file's header, in their order.
    fn write_rows(&mut self, envelopes: &mut Envelopes<'_>) -> Result<()> {
        let style = self.style.clone();
        let limit = self.files.settings.config.rotate_bytes.unwrap_or(u64::MAX);
        let (mut cells, mut unknown) = (Vec::new(), Vec::new());
        let mut all = envelopes.iter().peekable();
        while let Some(first) = all.peek().copied() {
            let key = self.key_of(&first)?;
            let mut part = self.csv_part(&key, &first, &style)?;
            // A run of rows with the same metadata: no look-up for each.
            while let Some(envelope) = all.next_if(|next| next.metadata == first.metadata) {
                let note = |name: &str| unknown.push(name.to_owned());
                if let Err(error) = part.columns.read(envelope.data, &mut cells, note) {
                    envelopes.reject(&envelope, Error::permanent(error.to_string()))?;
                    continue;
                }
                if !unknown.is_empty() {
                    let stream = part.state.stream.clone();
                    let mut names = part.columns.names().to_vec();
                    names.append(&mut unknown);
                    part = self.widen(&key, &stream, names, &style)?;
                    part.columns.read(envelope.data, &mut cells, |_| {}).map_err(no_object)?;
                }
                style.write_row(&cells, &mut part.buffer);
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
    fn key_of(&mut self, envelope: &Envelope<'_>) -> Result<String> {
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

    fn part(&mut self, key: &str, stream: &str, columns: Option<Vec<String>>) -> Result<&mut Part> {
        if !self.files.open.contains_key(key) {
            self.files.begin(key, stream, columns)?;
        }
        self.files.open.get_mut(key).ok_or_else(|| Error::permanent("the file is not open"))
    }

    /// The file of a CSV row; begun with the columns of the schema, else of this row.
    fn csv_part(&mut self, key: &str, envelope: &Envelope<'_>, style: &Style) -> Result<&mut Part> {
        let meta = envelope.meta()?;
        let stream = meta.stream();
        let schema = self.schemas.get(stream);
        if let Some(part) = self.files.open.get(key) {
            if part.state.stream != stream {
                return Err(two_streams(&part.state.stream, stream));
            }
            let has = |name: &String| part.columns.names().contains(name);
            let late = schema.filter(|names| !names.iter().all(has));
            if let Some(names) = late.cloned() {
                return self.widen(key, stream, names, style);
            }
        } else {
            let names = match schema {
                Some(names) => names.clone(),
                None => names_of(envelope.data)?,
            };
            self.begin_csv(key, stream, names, style)?;
        }
        self.part(key, stream, None)
    }

    fn begin_csv(
        &mut self,
        key: &str,
        stream: &str,
        names: Vec<String>,
        style: &Style,
    ) -> Result<&mut Part> {
        let header = self.files.settings.config.header;
        let part = self.files.begin(key, stream, Some(names))?;
        if header {
            style.write_names(part.columns.names(), &mut part.buffer);
        }
        Ok(part)
    }

    /// A column that the header lacks: another file, or the end.
    fn widen(
        &mut self,
        key: &str,
        stream: &str,
        names: Vec<String>,
        style: &Style,
    ) -> Result<&mut Part> {
        if self.files.settings.config.new_columns == NewColumns::Fail {
            let message = format!(
                "the stream `{stream}` has columns now that {key} does not have ({}); set `new_columns` to \"rotate\" to begin another file",
                names.join(", ")
            );
            return Err(Error::permanent(message));
        }
        self.files.rotate(key);
        if self.schemas.contains_key(stream) {
            self.schemas.insert(stream.to_owned(), names.clone());
        }
        self.begin_csv(key, stream, names, style)
    }
}

fn flush(part: &mut Part) -> Result<()> {
    part.flush().with_context(|| format!("cannot write {}", part.state.file.display()))
}

/// The keys of a row, for a stream without schema.
fn names_of(json: &str) -> Result<Vec<String>> {
    let (mut names, mut cells) = (Vec::new(), Vec::new());
    let none = Columns::default();
    none.read(json, &mut cells, |name| names.push(name.to_owned())).map_err(no_object)?;
    Ok(names)
}

fn no_object(error: NoObject) -> Error {
    Error::permanent(error.to_string())
}

fn two_streams(first: &str, second: &str) -> Error {
    Error::config(
        "path",
        format!(
            "rows of `{first}` and of `{second}` go to one CSV file: put {{stream}} into `path`"
        ),
    )
}

impl Check for FileOutput {
    type Config = Config;

    async fn check(config: Config, context: &TaskContext) -> Result<String> {
        let settings = Settings::new(config, &context.task)?;
        let root = settings.template.root();
        std::fs::create_dir_all(&root)
            .with_context(|| format!("cannot create the folder {}", root.display()))?;
        let probe = root.join(format!(".dstream.check.{}", std::process::id()));
        std::fs::write(&probe, b"")
            .and_then(|()| std::fs::remove_file(&probe))
            .with_context(|| format!("cannot write to the folder {}", root.display()))?;
        Ok(format!("{} can be written", root.display()))
    }
}
