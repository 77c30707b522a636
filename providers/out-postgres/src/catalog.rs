//! Looks at tables in the catalog.

use dstream_postgres::Result;
use dstream_sql::{Column, Dialect, Existing, Param, Table};

use crate::dialect::PostgresDialect;
use crate::encoding::Encoding;
use crate::failure::fatal;
use crate::session::Session;

/// Beside name and base type of each column: its type without the modifier, which would cut a text
/// where it should be refused; and of an array its elements' type, and what stands between them. The
/// base type, which of a domain is what it is made of, says how a value is written. A table without
/// columns has one row.
pub(crate) const COLUMNS: &str = "SELECT n.nspname::text, c.relname::text, a.attname::text, \
     a.attgenerated <> '', coalesce(b.typname, t.typname)::text, NULL::text, format_type(a.atttypid, -1), \
     e.typname::text, e.typdelim::text \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
     LEFT JOIN pg_type t ON t.oid = a.atttypid \
     LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype \
     LEFT JOIN pg_type e ON e.oid = coalesce(b.typelem, t.typelem) \
       AND coalesce(b.typcategory, t.typcategory) = 'A' \
     WHERE n.nspname = {1} AND c.relname = {2} AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY a.attnum";

/// The columns of each unique index that a conflict can be found by.
pub(crate) const UNIQUE: &str = "SELECT n.nspname::text, c.relname::text, i.indexrelid::text, a.attname::text, true \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     JOIN pg_index i ON i.indrelid = c.oid \
     JOIN pg_attribute a ON a.attrelid = i.indrelid \
       AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]) \
     WHERE n.nspname = {1} AND c.relname = {2} AND i.indisunique AND i.indimmediate \
       AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL";

/// COPY writes tables; what is a view takes INSERT alone, and so does a table with policies.
const TAKES_COPY: &str = "SELECT relkind IN ('r', 'p') AND NOT row_security_active(oid) \
     FROM pg_class WHERE oid = to_regclass($1)";

/// Takes away types that this database does not know: an enum of the source, an extension's type.
/// What is no type's name at all is an error in the server's parser: in a transaction it is asked in
/// a savepoint.
pub(crate) async fn known_types(session: &mut Session, columns: &mut [Column]) -> Result<()> {
    for column in columns {
        let Some(native) = &column.native else { continue };
        if session.in_transaction() {
            session.run("SAVEPOINT known").await?;
        }
        let answer =
            session.query("SELECT to_regtype($1) IS NOT NULL", &[Param::Text(native)]).await;
        let known = matches!(&answer, Ok(rows) if rows == &[vec![Some("true".to_owned())]]);
        if let Err(error) = answer
            && error.code().is_none()
        {
            return Err(error);
        }
        if session.in_transaction() {
            session.run("ROLLBACK TO SAVEPOINT known; RELEASE SAVEPOINT known").await?;
        }
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
    existing: &Existing<PostgresDialect>,
    table: &Table,
) -> dstream_sdk::Result<Types> {
    let name = existing.dialect.quote_table(&table.name);
    let takes_copy = session.query(TAKES_COPY, &[Param::Text(&name)]).await.map_err(fatal)?;
    let takes_copy = takes_copy.concat() == [Some("true".to_owned())];
    let (mut casts, mut encodings) = (Vec::new(), Vec::new());
    for column in &table.columns {
        let found = existing.column(&column.name)?;
        let text = |at: usize| found.more.get(at).and_then(Option::as_deref);
        casts.push(text(0).unwrap_or("text").to_owned());
        let element = text(1).map(|name| (name, text(2).unwrap_or(",")));
        encodings.push(Encoding::of(&found.data_type, element, column.kind));
    }
    Ok(Types { casts, encodings, takes_copy })
}
