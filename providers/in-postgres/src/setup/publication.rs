//! The publication: which tables, columns and rows the server sends.

use dstream_postgres::{Wire, quote};
use dstream_sdk::{Error, Result};

use super::tables::{require_identity, require_settings_used, wanted};
use crate::catalog::{TableInfo, text};
use crate::config::Config;

/// What stands in the comment on a publication that was made here.
const MARK: &str = "dstream task ";

/// The publication as the server has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    comment: String,
}

/// What is to be done about it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// It is there.
    pub(crate) exists: bool,
    /// Statements that make it what the config wants.
    pub(crate) statements: Vec<String>,
}

pub(crate) async fn look(wire: &mut Wire, name: &str) -> Result<Option<Found>> {
    let rows = wire
        .query(&format!(
            "SELECT coalesce(obj_description(oid, 'pg_publication'), '') FROM pg_publication WHERE pubname = {}",
            quote::literal(name)
        ))
        .await?;
    Ok(rows.first().map(|row| Found { comment: text(row, 0) }))
}

impl Found {
    /// Whether it was made for this task.
    pub(crate) fn is_of(&self, task_id: &str) -> bool {
        self.comment.starts_with(&owner_mark(task_id))
    }

    fn is_of_another_task(&self, task_id: &str) -> bool {
        self.comment.starts_with(MARK) && !self.is_of(task_id)
    }
}

/// Compares what is there with what is wanted. Changes nothing.
pub(crate) async fn plan(
    wire: &mut Wire,
    config: &Config,
    name: &str,
    task_id: &str,
) -> Result<Plan> {
    let found = look(wire, name).await?;
    let tables = wanted(wire, config).await?;
    match found {
        Some(found) if found.is_of_another_task(task_id) && config.publication.is_none() => {
            Err(another_tasks(name, &found))
        }
        Some(found) if found.is_of(task_id) && config.create && !tables.is_empty() => {
            require_identity(&tables)?;
            let clause = clause(config, &tables)?;
            let comment = comment(config, task_id, &clause);
            // A table that was dropped and made again has left it.
            let missing = missing(wire, name, &tables).await?;
            let changed = found.comment != comment || !missing.is_empty();
            let statements =
                if changed { update(config, name, &clause, &comment) } else { Vec::new() };
            Ok(Plan { exists: true, statements })
        }
        Some(_) => {
            require_published(wire, name, &tables).await?;
            Ok(Plan { exists: true, statements: Vec::new() })
        }
        None => create(config, name, task_id, &tables),
    }
}

/// Makes it what the config wants.
fn update(config: &Config, name: &str, clause: &str, comment: &str) -> Vec<String> {
    vec![
        format!("ALTER PUBLICATION {} SET TABLE {clause}", quote::name(name)),
        format!(
            "ALTER PUBLICATION {} SET (publish_via_partition_root = {})",
            quote::name(name),
            config.publish_via_root
        ),
        comment_statement(name, comment),
    ]
}

/// Makes one that is not there.
fn create(config: &Config, name: &str, task_id: &str, tables: &[TableInfo]) -> Result<Plan> {
    if tables.is_empty() {
        let text = format!("the publication {name} is not there: make it, or name `tables`");
        return Err(Error::config("publication", text));
    }
    require_identity(tables)?;
    let clause = clause(config, tables)?;
    let with = match config.publish_via_root {
        true => " WITH (publish_via_partition_root = true)",
        false => "",
    };
    let create = format!("CREATE PUBLICATION {} FOR TABLE {clause}{with}", quote::name(name));
    if !config.create {
        let text =
            format!("the publication {name} is not there, and `create` is false. Run {create};");
        return Err(Error::config("publication", text));
    }
    let comment = comment(config, task_id, &clause);
    Ok(Plan { exists: false, statements: vec![create, comment_statement(name, &comment)] })
}

fn another_tasks(name: &str, found: &Found) -> Error {
    Error::config(
        "publication",
        format!(
            "the publication {name} belongs to another task (its comment: {}): two projects have a task of \
             this name, or this one's state is gone. Set `publication` and `slot` to other names; or, where \
             the other is gone for good, run DROP PUBLICATION {}; and {};",
            found.comment,
            quote::name(name),
            super::slot::drop_sql(name)
        ),
    )
}

/// Runs the statements of a plan.
pub(crate) async fn apply(wire: &mut Wire, plan: &Plan) -> Result<()> {
    if plan.statements.is_empty() {
        return Ok(());
    }
    // One message is one transaction.
    wire.query(&plan.statements.join("; ")).await.map(|_| ()).map_err(crate::explain::publication)
}

/// Those of the tables that the publication does not have, itself or by its partitions.
async fn missing<'t>(
    wire: &mut Wire,
    name: &str,
    tables: &'t [TableInfo],
) -> Result<Vec<&'t TableInfo>> {
    let rows = wire
        .query(&format!(
            "SELECT DISTINCT coalesce(r.relid::oid, c.oid) FROM pg_publication_tables p \
             JOIN pg_namespace n ON n.nspname = p.schemaname \
             JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename \
             LEFT JOIN LATERAL (SELECT pg_partition_ancestors(c.oid) AS relid) r ON true \
             WHERE p.pubname = {}",
            quote::literal(name)
        ))
        .await?;
    let published: Vec<String> = rows.iter().map(|row| text(row, 0)).collect();
    Ok(tables
        .iter()
        .filter(|t| !published.contains(&t.oid.to_string()) && !t.partitioned)
        .collect())
}

/// A publication that is not ours has to hold what the config names.
async fn require_published(wire: &mut Wire, name: &str, tables: &[TableInfo]) -> Result<()> {
    let missing = missing(wire, name, tables).await?;
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = missing.iter().map(|t| t.sql()).collect();
    Err(Error::config(
        "tables",
        format!(
            "the publication {name} was not made by this task and lacks {}. Run ALTER PUBLICATION {} ADD TABLE {};",
            missing.iter().map(|t| t.stream()).collect::<Vec<_>>().join(", "),
            quote::name(name),
            names.join(", ")
        ),
    ))
}

/// `"public"."orders" ("id", "total") WHERE (total > 0), …`
fn clause(config: &Config, tables: &[TableInfo]) -> Result<String> {
    require_settings_used(config, tables)?;
    let settings = config.table_settings()?;
    let one = |table: &TableInfo| {
        let mut text = table.sql();
        for (_, own) in
            settings.iter().filter(|(p, _)| p.matches("public", &table.schema, &table.name))
        {
            if !own.columns.is_empty() {
                text += &format!(" ({})", quote::names(own.columns.iter().map(String::as_str)));
            }
            if let Some(filter) = &own.filter {
                text += &format!(" WHERE ({filter})");
            }
        }
        text
    };
    Ok(tables.iter().map(one).collect::<Vec<_>>().join(", "))
}

fn owner_mark(task_id: &str) -> String {
    format!("{MARK}{task_id},")
}

/// Whose it is, and a fingerprint of what it was made as.
fn comment(config: &Config, task_id: &str, clause: &str) -> String {
    let text = format!("{clause} {}", config.publish_via_root);
    format!("{} definition {}", owner_mark(task_id), crate::fingerprint::of(&text))
}

fn comment_statement(name: &str, comment: &str) -> String {
    format!("COMMENT ON PUBLICATION {} IS {}", quote::name(name), quote::literal(comment))
}
