//! Which connections may write a table, as the catalog has it.

use dstream_sdk::Result;
use dstream_sql::{Dialect as _, Division, Existing, Param, Sameness, Table};

use crate::dialect::PostgresDialect;
use crate::failure::fatal;
use crate::session::Session;

/// A [`Division`] that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Divided {
    Rows,
    Keys(Vec<Sameness>),
    One,
    Alone,
}

impl Divided {
    pub(crate) fn as_division(&self) -> Division<'_> {
        match self {
            Self::Rows => Division::Rows,
            Self::Keys(same) => Division::Keys(same),
            Self::One => Division::One,
            Self::Alone => Division::Alone,
        }
    }
}

/// Whether what becomes of a row may depend on other tables: by a trigger that is no foreign key's,
/// a rule, a policy, or whatever is behind a view or a foreign table. Partitions and children have
/// triggers of their own.
const READS_OTHERS: &str = "WITH RECURSIVE tree AS ( \
       SELECT c.oid, c.relkind FROM pg_class c WHERE c.oid = to_regclass($1) \
       UNION SELECT c.oid, c.relkind FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid \
         JOIN pg_class c ON c.oid = i.inhrelid) \
     SELECT coalesce(bool_or(relkind NOT IN ('r', 'p') OR row_security_active(tree.oid) \
       OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = tree.oid AND NOT tgisinternal AND tgenabled <> 'D') \
       OR EXISTS (SELECT FROM pg_rewrite WHERE ev_class = tree.oid)), true) FROM tree";

/// Whether rows of a table that are written by several transactions, each with its own keys, do not
/// wait for each other, or for what another has not committed: it is one table, without foreign keys
/// (which are triggers) or a unique index beside the key (how many there may be is the second
/// parameter). Keys that differ as bytes must be different ones, and numbers are not rounded to tens.
const IS_DIVISIBLE: &str = "SELECT c.relkind = 'r' AND c.relpersistence <> 't' \
       AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgenabled <> 'D') \
       AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid) \
       AND (SELECT count(*) FROM pg_index \
            WHERE indrelid = c.oid AND (indisunique OR indisexclusion))::text = $2 \
       AND NOT EXISTS (SELECT FROM pg_index i JOIN pg_collation l ON l.oid = ANY (i.indcollation) \
            WHERE i.indrelid = c.oid AND i.indisunique AND NOT l.collisdeterministic) \
       AND NOT EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
            WHERE a.attrelid = c.oid AND 'numeric'::regtype IN (t.oid, t.typbasetype) \
              AND greatest(a.atttypmod, t.typtypmod) >= 4 \
              AND (greatest(a.atttypmod, t.typtypmod) - 4) & 1024 <> 0) \
     FROM pg_class c WHERE c.oid = to_regclass($1)";

/// Which connections may write a table; its key is empty where every row is new.
pub(crate) async fn divided(
    session: &mut Session,
    existing: &Existing<PostgresDialect>,
    table: &Table,
) -> Result<Divided> {
    let name = existing.dialect.quote_table(&table.name);
    let yes = [Some("true".to_owned())];
    let answer = session.query(READS_OTHERS, &[Param::Text(&name)]).await.map_err(fatal)?;
    if answer.concat() == yes {
        return Ok(Divided::Alone);
    }
    // That of the key is there: an upsert has looked for it.
    let unique = if table.key.is_empty() { "0" } else { "1" };
    let params = [Param::Text(&name), Param::Text(unique)];
    let answer = session.query(IS_DIVISIBLE, &params).await.map_err(fatal)?;
    if answer.concat() != yes {
        return Ok(Divided::One);
    }
    let same = |name: &String| Ok(sameness(&existing.column(name)?.data_type));
    let same = table.key.iter().map(same).collect::<Result<Vec<_>>>()?;
    Ok(match same.iter().any(|same| *same != Sameness::Unknown) {
        _ if same.is_empty() => Divided::Rows,
        true => Divided::Keys(same),
        false => Divided::One,
    })
}

/// Of the type that a column's type is made of. Times and numbers with fractions have many texts.
fn sameness(base_type: &str) -> Sameness {
    match base_type {
        "int2" | "int4" | "int8" | "oid" | "numeric" => Sameness::Integer,
        "text" | "varchar" | "bpchar" => Sameness::Text,
        "uuid" => Sameness::Uuid,
        _ => Sameness::Unknown,
    }
}
