//! Looks at tables in the catalog.

use dstream_postgres::Result;
use dstream_sql::{Column, Dialect, Existing, Param, Table, TableName};

use crate::dialect::PostgresDialect;
use crate::encoding::Encoding;
use crate::session::Session;

const COLUMNS: &str = "SELECT a.attname::text, a.attgenerated <> '' FROM pg_attribute a \
     WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

/// A type's name without its modifier, which would cut a text where it should be refused; the type
/// that counts for how a value is written, which of a domain is its base; and of an array its
/// elements'.
const TYPES: &str = "SELECT a.attname::text, format_type(a.atttypid, -1), \
     coalesce(b.typname, t.typname)::text, e.typname::text, e.typdelim::text \
     FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
     LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype \
     LEFT JOIN pg_type e ON e.oid = coalesce(b.typelem, t.typelem) \
       AND coalesce(b.typcategory, t.typcategory) = 'A' \
     WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped";

/// The columns of each unique index that a conflict can be found by.
const UNIQUE: &str = "SELECT string_agg(a.attname::text, chr(31) ORDER BY a.attname::text COLLATE \"C\") \
     FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid \
       AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]) \
     WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indimmediate AND i.indisvalid \
       AND i.indpred IS NULL AND i.indexprs IS NULL GROUP BY i.indexrelid";

/// COPY writes tables; what is a view takes INSERT alone, and so does a table with policies.
const TAKES_COPY: &str = "SELECT relkind IN ('r', 'p') AND NOT row_security_active(oid) \
     FROM pg_class WHERE oid = to_regclass($1)";

/// The table as it is; `None`: there is none.
pub(crate) async fn existing(
    session: &mut Session,
    dialect: &PostgresDialect,
    table: &TableName,
) -> Result<Option<Existing<PostgresDialect>>> {
    let name = dialect.quote_table(table);
    let mut found = Existing { columns: vec![], generated: vec![], dialect: dialect.clone() };
    for mut row in session.query(COLUMNS, &[Param::Text(&name)]).await? {
        let generated = row.pop().flatten().as_deref() == Some("true");
        let Some(column) = row.pop().flatten() else { continue };
        if generated { found.generated.push(column) } else { found.columns.push(column) }
    }
    if !found.columns.is_empty() || !found.generated.is_empty() {
        return Ok(Some(found));
    }
    // A table may have no columns at all.
    let there = session.query(TAKES_COPY, &[Param::Text(&name)]).await?;
    Ok((!there.is_empty()).then_some(found))
}

/// Takes away types that this database does not know: an enum of the source, an extension's type.
/// What is no type's name at all is an error in the server's parser, so it is asked in a savepoint.
pub(crate) async fn known_types(session: &mut Session, columns: &mut [Column]) -> Result<()> {
    for column in columns {
        let Some(native) = &column.native else { continue };
        session.run("SAVEPOINT known").await?;
        let answer =
            session.query("SELECT to_regtype($1) IS NOT NULL", &[Param::Text(native)]).await;
        let known = matches!(&answer, Ok(rows) if rows == &[vec![Some("true".to_owned())]]);
        if let Err(error) = answer
            && error.code().is_none()
        {
            return Err(error);
        }
        session.run("ROLLBACK TO SAVEPOINT known; RELEASE SAVEPOINT known").await?;
        column.native.take_if(|_| !known);
    }
    Ok(())
}

/// How the columns of a table are written.
pub(crate) struct Types {
    /// Each column's type, for a cast.
    pub(crate) casts: Vec<String>,
    pub(crate) encodings: Vec<Encoding>,
    pub(crate) takes_copy: bool,
}

pub(crate) async fn types(
    session: &mut Session,
    dialect: &PostgresDialect,
    table: &Table,
) -> Result<Types> {
    let name = dialect.quote_table(&table.name);
    let rows = session.query(TYPES, &[Param::Text(&name)]).await?;
    let takes_copy = session.query(TAKES_COPY, &[Param::Text(&name)]).await?;
    let takes_copy = takes_copy.concat() == [Some("true".to_owned())];
    let (mut casts, mut encodings) = (Vec::new(), Vec::new());
    for column in &table.columns {
        let row = rows.iter().find(|row| row[0].as_deref() == Some(&column.name));
        let text = |at: usize| row.and_then(|row| row[at].as_deref());
        casts.push(text(1).unwrap_or("text").to_owned());
        let element = text(3).map(|name| (name, text(4).unwrap_or(",")));
        encodings.push(Encoding::of(text(2).unwrap_or("text"), element, column.kind));
    }
    Ok(Types { casts, encodings, takes_copy })
}

/// Whether a conflict on this key can be found.
pub(crate) async fn has_unique_index(
    session: &mut Session,
    dialect: &PostgresDialect,
    table: &Table,
) -> Result<bool> {
    let name = dialect.quote_table(&table.name);
    let mut key: Vec<&str> = table.key.iter().map(String::as_str).collect();
    key.sort_unstable();
    let wanted = key.join("\u{1f}");
    let rows = session.query(UNIQUE, &[Param::Text(&name)]).await?;
    Ok(rows.iter().flatten().flatten().any(|columns| *columns == wanted))
}
