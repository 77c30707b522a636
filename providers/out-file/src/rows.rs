//! CSV rows: into a file that has their columns.

use dstream_sdk::row::{Columns, NoObject};
use dstream_sdk::{Envelope, Envelopes, Error, Result};

use crate::config::NewColumns;
use crate::csv::Style;
use crate::output::{FileOutput, flush};
use crate::part::Part;

impl FileOutput {
    /// CSV: the columns of the file's header, in their order.
    pub(crate) fn write_rows(&mut self, envelopes: &mut Envelopes<'_>) -> Result<()> {
        let style = self.style.clone();
        let limit = self.files.settings.config.rotate_bytes.map_or(u64::MAX, u64::from);
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
