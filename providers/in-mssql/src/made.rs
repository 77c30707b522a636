//! What `init` has made, noted in the database itself: extended properties of the source tables and of
//! the database. (The change tables are the system's own, and take none.)

use dstream_mssql::{Session, literal};
use dstream_sdk::{Result, TaskContext};

use crate::catalog::{Database, TableName, one, text};

/// The property; its value is who made it.
const MADE: &str = "dstream_made_change_data_capture";

/// What a task has made.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) database: bool,
    /// Stream, schema, table, capture instance.
    pub(crate) instances: Vec<(String, String, String, String)>,
}

impl Made {
    pub(crate) async fn of(
        session: &mut Session,
        database: &Database,
        context: &TaskContext,
    ) -> Result<Self> {
        if !database.has_cdc {
            return Ok(Self::default());
        }
        let sql = format!(
            "SELECT s.name, t.name, ct.capture_instance FROM cdc.change_tables ct \
             JOIN sys.tables t ON t.object_id = ct.source_object_id JOIN sys.schemas s ON s.schema_id = t.schema_id \
             JOIN sys.extended_properties p ON p.class = 1 AND p.minor_id = 0 AND p.major_id = t.object_id \
             WHERE p.name = N'{MADE}' AND CAST(p.value AS nvarchar(400)) = {0} \
             AND ct.capture_instance = s.name + N'_' + t.name; \
             SELECT p.name FROM sys.extended_properties p WHERE p.class = 0 AND p.name = N'{MADE}' \
             AND CAST(p.value AS nvarchar(400)) = {0}",
            literal(&by(context))
        );
        let mut answers = session.query(&sql).await?;
        let of_database = answers.pop().unwrap_or_default();
        let instances = one(answers)
            .iter()
            .map(|row| (text(row, 0), text(row, 1), text(row, 2)))
            .map(|(schema, table, name)| {
                (dstream_cdc::stream_name(&schema, &table), schema, table, name)
            })
            .collect();
        Ok(Self { database: !of_database.is_empty(), instances })
    }
}

/// Says that this task has turned capture on for the table.
pub(crate) fn note_table(context: &TaskContext, table: &TableName) -> String {
    let value = literal(&by(context));
    let at = level(&table.schema, &table.name);
    // One of an earlier time says of what is gone.
    format!(
        "BEGIN TRY EXEC sys.sp_dropextendedproperty @name = N'{MADE}', {at}; END TRY BEGIN CATCH END CATCH; \
         EXEC sys.sp_addextendedproperty @name = N'{MADE}', @value = {value}, {at}"
    )
}

pub(crate) fn forget_table(schema: &str, table: &str) -> String {
    format!("EXEC sys.sp_dropextendedproperty @name = N'{MADE}', {}", level(schema, table))
}

/// Says that this task has turned capture on for the database.
pub(crate) fn note_database(context: &TaskContext) -> String {
    let value = literal(&by(context));
    format!(
        "BEGIN TRY EXEC sys.sp_dropextendedproperty @name = N'{MADE}'; END TRY BEGIN CATCH END CATCH; \
         EXEC sys.sp_addextendedproperty @name = N'{MADE}', @value = {value}"
    )
}

pub(crate) fn forget_database() -> String {
    format!("EXEC sys.sp_dropextendedproperty @name = N'{MADE}'")
}

fn level(schema: &str, table: &str) -> String {
    format!(
        "@level0type = N'SCHEMA', @level0name = {}, @level1type = N'TABLE', @level1name = {}",
        literal(schema),
        literal(table)
    )
}

fn by(context: &TaskContext) -> String {
    format!("{}/{}", context.task, context.name)
}
