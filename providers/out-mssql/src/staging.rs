//! The table of the session that rows are loaded into before they go to their own: there constraints,
//! defaults and triggers hold for them as for every `INSERT`, which for a bulk load they do not.

use dstream_mssql::Column;
use dstream_mssql::tiberius::ColumnData;
use dstream_sdk::row::Cell;
use dstream_sdk::{Error, FieldType, Result};
use dstream_sql::{DbResult, Existing, Table, Target};

use crate::dialect::Tsql;

/// What the driver's bulk load takes in one value; longer ones go as parameters.
const MOST_BYTES: usize = 65_535;

/// How the rows of a table are loaded.
#[derive(Debug)]
pub(crate) struct Staging {
    pub(crate) name: String,
    columns: Vec<Staged>,
    /// The columns of the key, which may be there twice: as they were, and as they are.
    key: Vec<usize>,
}

#[derive(Debug)]
struct Staged {
    column: Column,
    sql: String,
    /// Its JSON is the text.
    json: bool,
    identity: bool,
    /// Of a text that is looked up: how many characters it may have, and whether a blank at its end
    /// would be passed over.
    key: Option<(usize, bool)>,
}

impl Staging {
    pub(crate) fn new(number: usize, table: &Table, existing: &Existing<Tsql>) -> Result<Self> {
        let staged = |one: &dstream_sql::Column| {
            let found = existing.column(&one.name)?;
            let more = |at: usize| found.more.get(at).and_then(Option::as_deref).unwrap_or("0");
            let number = |at: usize| more(at).parse().unwrap_or(0);
            let column = Column::of(&found.data_type, number(2), number(3));
            let bytes: i32 = more(4).parse().unwrap_or(-1);
            let width = if found.data_type.starts_with('n') { 2 } else { 1 };
            let length = usize::try_from(bytes).ok().map(|bytes| bytes / width);
            let in_key = table.key.contains(&one.name) && column == Column::Text;
            let key = length.filter(|_| in_key).map(|length| (length, !one.is_native()));
            let sql = match (key, &found.collation) {
                (Some((length, _)), Some(collation)) => {
                    format!("nvarchar({length}) COLLATE {collation}")
                }
                _ => column.sql().into_owned(),
            };
            let json = matches!(one.kind, Some(FieldType::Json | FieldType::Array));
            Ok(Staged { column, sql, json, identity: more(1) == "1", key })
        };
        let columns = table.columns.iter().map(staged).collect::<Result<Vec<_>>>()?;
        let at = |name: &String| table.names().position(|column| column == name);
        let key = table.key.iter().filter_map(at).collect();
        Ok(Self { name: format!("#dstream_{number}"), columns, key })
    }

    /// `CREATE TABLE`: `c0` and so on for the columns, `k0` and so on for the key.
    pub(crate) fn create(&self) -> String {
        let columns =
            self.columns.iter().enumerate().map(|(at, one)| format!("c{at} {} NULL", one.sql));
        let key = self.key.iter().map(|at| format!("k{at} {} NULL", self.columns[*at].sql));
        format!(
            "CREATE TABLE {} ({})",
            self.name,
            columns.chain(key).collect::<Vec<_>>().join(", ")
        )
    }

    /// Whether the server counts this column up.
    pub(crate) fn is_identity(&self, column: usize) -> bool {
        self.columns[column].identity
    }

    /// A value of a column.
    pub(crate) fn value<'a>(
        &self,
        target: &Target<Self>,
        column: usize,
        cell: Option<Cell<'a>>,
    ) -> DbResult<ColumnData<'a>> {
        let staged = &self.columns[column];
        let Some(cell) = cell.filter(|cell| !cell.is_null()) else {
            return Ok(staged.column.null());
        };
        let json = cell.json();
        let text = if json.starts_with('"') && !staged.json { cell.text() } else { json.into() };
        if let Some((length, pads)) = staged.key {
            check_key(&text, length, pads).map_err(|why| target.wrong_value(column, why))?;
        }
        staged.column.read(text).map_err(|why| target.wrong_value(column, why))
    }
}

/// `=` passes over blanks at the end, whatever the collation: two keys of the stream would be one.
fn check_key(text: &str, length: usize, pads: bool) -> Result<()> {
    let shown: String = text.chars().take(60).collect();
    if pads && text.ends_with(' ') {
        let message = format!(
            "`{shown}` ends with a blank, which SQL Server does not tell from none in a key"
        );
        return Err(Error::permanent(message));
    }
    let has = text.encode_utf16().count();
    if has > length {
        let message = format!("`{shown}…` has {has} characters, and the key takes {length}");
        return Err(Error::permanent(message));
    }
    Ok(())
}

/// Whether the driver's bulk load takes it.
pub(crate) fn fits_bulk(value: &ColumnData<'_>) -> bool {
    match value {
        ColumnData::String(Some(text)) => text.len() * 2 <= MOST_BYTES,
        ColumnData::Binary(Some(bytes)) => bytes.len() <= MOST_BYTES,
        _ => true,
    }
}
