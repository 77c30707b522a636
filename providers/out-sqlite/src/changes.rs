//! Updates of keys and of some columns, deletes, truncates.

use dstream_sdk::{Envelope, Error, Meta};

use crate::bind::bind;
use crate::db::fatal;
use crate::raw_row::{Cell, Columns};
use crate::sql::statements;
use crate::target::Target;
use crate::writer::{Failure, Writer, Written, execute};

impl Writer<'_> {
    /// An update that has another key, or not all columns.
    pub(crate) fn change<'a>(
        &mut self,
        envelope: &Envelope<'a>,
        meta: &Meta<'a>,
        at: &mut usize,
        cells: &mut Vec<Option<Cell<'a>>>,
    ) -> Written {
        self.read(envelope, meta, at, cells)?;
        let target = self.targets.list[*at].clone();
        let key = &target.table.key;
        let sent = |name: &str| !meta.unchanged.iter().any(|unchanged| unchanged == name);
        let names: Vec<_> =
            target.columns.names().iter().map(String::as_str).filter(|name| sent(name)).collect();
        let values: Vec<_> = target
            .columns
            .names()
            .iter()
            .zip(cells.iter())
            .filter(|(name, _)| sent(name))
            .map(|(name, cell)| (name.as_str(), *cell))
            .collect();
        let row_key = match meta.key {
            Some(old) => values_of(key, old.get())?,
            None => values_of(key, envelope.data)?,
        };
        let all = values.iter().copied().chain(row_key.iter().map(|(k, v)| (*k, *v)));
        let sql = statements::update(&target.dialect, &target.table.name, &names, key);
        self.run(&target, &sql, all)?;
        if self.connection.changes() > 0 {
            return Ok(());
        }
        let sql = statements::upsert(&target.dialect, &target.table.name, &names, key);
        self.run(&target, &sql, values.iter().copied())
    }

    pub(crate) fn delete(
        &mut self,
        envelope: &Envelope<'_>,
        meta: &Meta<'_>,
        at: usize,
    ) -> Written {
        let target = self.targets.list[at].clone();
        let key = &target.table.key;
        let json = meta.key.map_or(envelope.data, |old| old.get());
        let values = values_of(key, json)?;
        let sql = statements::delete(&target.dialect, &target.table.name, key);
        self.run(&target, &sql, values.iter().copied())
    }

    pub(crate) fn clear(&mut self, at: usize) -> Written {
        let target = self.targets.list[at].clone();
        let sql = statements::clear(&target.dialect, &target.table.name);
        self.run(&target, &sql, std::iter::empty())
    }

    fn run<'v>(
        &mut self,
        target: &Target,
        sql: &str,
        values: impl Iterator<Item = (&'v str, Option<Cell<'v>>)>,
    ) -> Written {
        if !self.others.contains_key(sql) {
            let statement = self.connection.prepare(sql).map_err(fatal)?;
            self.others.insert(sql.to_owned(), statement);
        }
        let Some(statement) = self.others.get_mut(sql) else { return Ok(()) };
        for (index, (name, value)) in values.enumerate() {
            bind(statement, index + 1, target.kind_of(name), value)
                .map_err(|e| Failure::Row(Error::permanent(format!("column `{name}`: {e}"))))?
                .map_err(fatal)?;
        }
        execute(self.connection, statement)
    }
}

/// The key's values out of a JSON object.
fn values_of<'v>(
    key: &'v [String],
    json: &'v str,
) -> std::result::Result<Vec<(&'v str, Option<Cell<'v>>)>, Failure> {
    let (columns, mut cells) = (Columns::new(key.to_vec()), Vec::new());
    columns.read(json, &mut cells, |_| {}).map_err(|e| {
        Failure::Row(Error::permanent(format!("the key is no object of columns: {e}")))
    })?;
    match cells.iter().position(|cell| cell.is_none_or(Cell::is_null)) {
        Some(at) => Err(Failure::Row(Error::permanent(format!(
            "the key's column `{}` is missing",
            key[at]
        )))),
        None => Ok(key.iter().map(String::as_str).zip(cells).collect()),
    }
}
