//! Looks at tables in the catalog: `INFORMATION_SCHEMA`, or what the dialect asks in its place.

use dstream_sdk::{Error, FieldType, Result};

use crate::database::{Existing, Found, Param, Reply};
use crate::{Database, Dialect, Table, TableName};

/// The standard's query. `generated`: 1 for a column whose values the database makes; `more`:
/// further columns of the answer, each behind a comma.
pub fn columns(generated: &str, more: &str) -> String {
    format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, {generated}, LOWER(DATA_TYPE), \
         COLLATION_NAME{more} \
         FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = {{1}} AND TABLE_NAME = {{2}} \
         ORDER BY ORDINAL_POSITION"
    )
}

/// Columns of an answer that every query of the catalog begins with: schema and table.
const NAMES: usize = 2;

/// What a query of the catalog says of this table, without the names that it begins with.
///
/// # Errors
/// Ends the run.
pub async fn ask<D: Database>(db: &mut D, table: &TableName, sql: &str) -> Result<Vec<Reply>> {
    let sql = sql
        .replace("{1}", &db.dialect().placeholder(1))
        .replace("{2}", &db.dialect().placeholder(2));
    let schema = table.schema.as_deref().unwrap_or_default();
    let rows = db.query(&sql, &[Param::Text(schema), Param::Text(&table.name)]).await?;
    // A catalog may not tell `Orders` from `orders`, where the database does.
    let wanted = db.dialect().folded(table.clone());
    let same = |row: &Reply| match row.get(..NAMES) {
        Some([schema, Some(name)]) => {
            let found = TableName {
                schema: table.schema.as_ref().and_then(|_| schema.clone()),
                name: name.clone(),
            };
            db.dialect().folded(found) == wanted
        }
        _ => false,
    };
    let own = rows.into_iter().filter(same).map(|mut row| row.split_off(NAMES));
    Ok(own.collect())
}

/// The table as it is; `None`: there is none.
pub(crate) async fn existing<D: Database>(
    db: &mut D,
    table: &TableName,
) -> Result<Option<Existing<D::Dialect>>> {
    if table.schema.as_deref() == Some("") {
        return Err(no_schema(db.dialect(), table));
    }
    let sql = db.dialect().columns_query();
    let rows = ask(db, table, &sql).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut columns = Vec::new();
    for mut row in rows {
        let more = row.split_off(row.len().min(4));
        // A table may have no columns at all.
        let [Some(name), generated, data_type, collation] = row.as_slice() else { continue };
        columns.push(Found {
            name: name.clone(),
            generated: matches!(generated.as_deref(), Some("1" | "true")),
            data_type: data_type.clone().unwrap_or_default(),
            collation: collation.clone(),
            more,
        });
    }
    Ok(Some(Existing { columns, dialect: db.dialect().clone() }))
}

/// The statement that makes the schema of a table, where it is not there.
pub(crate) async fn missing_schema<D: Database>(
    db: &mut D,
    table: &TableName,
) -> Result<Option<String>> {
    let dialect = db.dialect();
    let (Some(schema), Some(sql)) = (&table.schema, dialect.create_schema(table)) else {
        return Ok(None);
    };
    let query = dialect.schema_query().replace("{1}", &dialect.placeholder(1));
    let there = !db.query(&query, &[Param::Text(schema)]).await?.is_empty();
    Ok((!there).then_some(sql))
}

fn no_schema(dialect: &impl Dialect, table: &TableName) -> Error {
    let word = dialect.schema_word();
    let message = format!(
        "the table `{}` needs a {word}: set `{word}`, or `table` to \"name_of_{word}.{{stream}}\"",
        table.name
    );
    Error::config(word, message)
}

/// A key that the table does not tell apart as the stream does is refused: two rows would be one.
///
/// # Errors
/// Kind `config`, with the statement that helps.
pub fn has_binary_key<L: Dialect>(table: &Table, existing: &Existing<L>) -> Result<()> {
    let dialect = &existing.dialect;
    let Some(own) = dialect.binary_collation() else { return Ok(()) };
    for column in table.columns.iter().filter(|column| table.key.contains(&column.name)) {
        // What comes out of such a database was told apart there already.
        let any_text = column.kind.is_none_or(|k| matches!(k, FieldType::String | FieldType::Enum));
        let found = existing.column(&column.name)?;
        let Some(other) = found.collation.as_deref().filter(|collation| *collation != own) else {
            continue;
        };
        if any_text && !column.is_native() {
            let kind = found.more.first().and_then(Option::as_deref).unwrap_or(&found.data_type);
            let (quoted, name) = (dialect.quote_table(&table.name), dialect.quote(&column.name));
            let alter = dialect.collate(&quoted, &name, kind, own);
            let message = format!(
                "the column `{}` of the key of `{}` is compared by {other}, for which two keys of the stream may be one ('a' and 'A', or 'a' and 'a '): {alter}",
                column.name, table.name
            );
            return Err(Error::config("key", message));
        }
    }
    Ok(())
}

/// Whether there is a unique index on exactly the key, and whether there are others. `sql`: a row
/// for each column of each unique index: schema, table, the index, the column, and `1` or `true`
/// where it takes the whole of the column's values.
///
/// # Errors
/// Ends the run.
pub async fn unique<D: Database>(db: &mut D, table: &Table, sql: &str) -> Result<(bool, bool)> {
    let rows = ask(db, &table.name, sql).await?;
    let dialect = db.dialect();
    let fold = |name: &str| dialect.fold_case(name).into_owned();
    let mut indexes: Vec<(String, Vec<String>, bool)> = Vec::new();
    for row in &rows {
        let [Some(index), column, whole] = row.as_slice() else { continue };
        // An index on an expression has no column.
        let whole = column.is_some() && matches!(whole.as_deref(), Some("1" | "true"));
        let column = fold(column.as_deref().unwrap_or_default());
        match indexes.iter_mut().find(|(name, ..)| name == index) {
            Some((_, columns, all)) => {
                columns.push(column);
                *all &= whole;
            }
            None => indexes.push((index.clone(), vec![column], whole)),
        }
    }
    let mut key: Vec<_> = table.key.iter().map(|name| fold(name)).collect();
    key.sort_unstable();
    let on_key = |(_, columns, whole): &(String, Vec<String>, bool)| {
        let mut columns = columns.clone();
        columns.sort_unstable();
        *whole && columns == key
    };
    Ok((indexes.iter().any(on_key), indexes.iter().any(|index| !on_key(index))))
}

/// An upsert needs to know which row is in the way.
pub fn no_unique_index(dialect: &impl Dialect, table: &Table) -> Error {
    let Table { name, key, .. } = table;
    let quoted = dialect.quote_all(key.iter().map(String::as_str));
    let add = dialect.add_unique(&dialect.quote_table(name), &quoted);
    let columns = key.join(", ");
    Error::config(
        "key",
        format!("the table `{name}` has no unique index on ({columns}), which upsert needs: {add}"),
    )
}
