//! Looks at tables in the catalog.

use dstream_mysql::mysql_async::Error as ServerError;
use dstream_sdk::{Error, FieldType, Result};
use dstream_sql::{Dialect as _, Existing, Param, Reply, Table, TableName};

use crate::dialect::{COMMENT, MySqlDialect};
use crate::failure::fatal;
use crate::literal::Literal;
use crate::session::Session;

const OF: &str = "TABLE_SCHEMA = ? AND TABLE_NAME = ?";
/// The catalog itself does not tell `Orders` from `orders`, where the server does.
const EXACTLY: &str =
    "TABLE_SCHEMA = ? AND TABLE_NAME = ? AND BINARY TABLE_SCHEMA = ? AND BINARY TABLE_NAME = ?";

async fn ask(
    session: &Session,
    dialect: &MySqlDialect,
    table: &TableName,
    sql: &str,
) -> Result<Vec<Reply>, ServerError> {
    let of = [Param::Text(table.schema.as_deref().unwrap_or_default()), Param::Text(&table.name)];
    match dialect.folds_case {
        true => session.query(&sql.replace("{of}", OF), &of).await,
        false => session.query(&sql.replace("{of}", EXACTLY), &[of, of].concat()).await,
    }
}

fn text(row: &Reply, at: usize) -> &str {
    row.get(at).and_then(Option::as_deref).unwrap_or_default()
}

const COLUMNS: &str = "SELECT COLUMN_NAME, COALESCE(GENERATION_EXPRESSION, '') <> '', \
     LOWER(DATA_TYPE), COALESCE(COLLATION_NAME, ''), COLUMN_TYPE \
     FROM information_schema.COLUMNS WHERE {of} ORDER BY ORDINAL_POSITION";

/// The table as it is; `None`: there is none.
pub(crate) async fn existing(
    session: &Session,
    dialect: &MySqlDialect,
    table: &TableName,
) -> Result<Option<Existing<MySqlDialect>>> {
    if table.schema.as_deref().is_none_or(str::is_empty) {
        let message = format!(
            "the table `{}` needs a database: set `database`, or `table` to \"name_of_database.{{stream}}\"",
            table.name
        );
        return Err(Error::config("database", message));
    }
    let rows = ask(session, dialect, table, COLUMNS).await.map_err(fatal)?;
    let mut found = Existing { columns: vec![], generated: vec![], dialect: dialect.clone() };
    for row in &rows {
        let list = if text(row, 1) == "1" { &mut found.generated } else { &mut found.columns };
        list.push(text(row, 0).to_owned());
    }
    Ok((!rows.is_empty()).then_some(found))
}

/// How the columns of a table are written. A key that the table does not tell apart as the stream
/// does is refused: two rows would be one.
pub(crate) async fn literals(
    session: &Session,
    dialect: &MySqlDialect,
    table: &Table,
) -> Result<Vec<Literal>> {
    let rows = ask(session, dialect, &table.name, COLUMNS).await.map_err(fatal)?;
    let mut literals = Vec::new();
    for column in &table.columns {
        let name = dialect.fold_case(&column.name);
        let row = rows.iter().find(|row| dialect.fold_case(text(row, 0)) == name);
        let Some(row) = row else {
            return Err(Error::transient(format!("the column `{name}` is gone")));
        };
        // What comes out of a table of MySQL was told apart there already.
        let any_text = column.kind.is_none_or(|k| matches!(k, FieldType::String | FieldType::Enum));
        let is_key = table.key.contains(&column.name) && column.native.is_none() && any_text;
        let collation = text(row, 3);
        if is_key && !collation.is_empty() && collation != dialect.collation() {
            return Err(no_binary_key(dialect, table, (&column.name, text(row, 4), collation)));
        }
        literals.push(Literal::of(text(row, 2), column.kind));
    }
    Ok(literals)
}

const UNIQUE: &str = "SELECT GROUP_CONCAT(LOWER(COLUMN_NAME) ORDER BY LOWER(COLUMN_NAME) SEPARATOR '\\n'), \
     MAX(SUB_PART) IS NULL FROM information_schema.STATISTICS \
     WHERE {of} AND NON_UNIQUE = 0 GROUP BY INDEX_NAME";

/// Whether there is a unique index on exactly the key, and whether there are others.
pub(crate) async fn unique(
    session: &Session,
    dialect: &MySqlDialect,
    table: &Table,
) -> Result<(bool, bool)> {
    let rows = ask(session, dialect, &table.name, UNIQUE).await.map_err(fatal)?;
    let mut key: Vec<_> = table.key.iter().map(|name| name.to_lowercase()).collect();
    key.sort_unstable();
    let key = key.join("\n");
    let on_key = |row: &&Reply| text(row, 0) == key && text(row, 1) == "1";
    Ok((rows.iter().any(|row| on_key(&row)), rows.iter().any(|row| !on_key(&row))))
}

const TABLE: &str = "SELECT COALESCE(e.TRANSACTIONS, 'YES'), t.TABLE_COMMENT, t.ENGINE \
     FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE \
     WHERE {of}";

/// Refuses a table whose rows cannot be taken back.
pub(crate) async fn has_transactions(
    session: &Session,
    dialect: &MySqlDialect,
    table: &TableName,
) -> Result<()> {
    let rows = ask(session, dialect, table, TABLE).await.map_err(fatal)?;
    match rows.iter().find(|row| text(row, 0) != "YES") {
        None => Ok(()),
        Some(row) => Err(Error::permanent(format!(
            "the table `{table}` is stored by {}, which has no transactions, so that its rows and the checkpoint cannot be one: ALTER TABLE {} ENGINE = InnoDB",
            text(row, 2),
            dialect.quote_table(table)
        ))),
    }
}

/// Whether dstream made the table; also one that is not there.
pub(crate) async fn is_ours(
    session: &Session,
    dialect: &MySqlDialect,
    table: &TableName,
) -> Result<bool> {
    let rows = ask(session, dialect, table, TABLE).await.map_err(fatal)?;
    Ok(rows.iter().all(|row| text(row, 1).contains(COMMENT)))
}

fn no_binary_key(
    dialect: &MySqlDialect,
    table: &Table,
    (column, kind, collation): (&str, &str, &str),
) -> Error {
    let (name, quoted, own) =
        (dialect.quote(column), dialect.quote_table(&table.name), dialect.collation());
    Error::config(
        "key",
        format!(
            "the column `{column}` of the key of `{}` is compared by {collation}, for which two keys of the stream may be one ('a' and 'A', or 'a' and 'a '): ALTER TABLE {quoted} MODIFY {name} {kind} CHARACTER SET utf8mb4 COLLATE {own} NOT NULL",
            table.name
        ),
    )
}
