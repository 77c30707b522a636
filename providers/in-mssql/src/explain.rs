//! What went wrong, with the way out.

use dstream_mssql::literal;
use dstream_sdk::{Error, ErrorKind};

use crate::instance::Instance;
use crate::lsn::Lsn;

/// The catalogue of change data capture is not shown.
pub(crate) fn catalog(error: Error, database: &str) -> Error {
    if error.kind() != ErrorKind::Auth {
        return error;
    }
    error.context(format!(
        "the user may not see what is captured in `{database}`: GRANT SELECT ON SCHEMA::cdc TO the user"
    ))
}

/// Change data capture is off for the database.
pub(crate) fn database_off(database: &str) -> Error {
    Error::permanent(format!(
        "change data capture is not on in the database `{database}`: somebody of sysadmin (in Azure SQL: db_owner) has to run \
         EXEC sys.sp_cdc_enable_db; in it, or `dstream init` does it"
    ))
}

/// Change data capture is off for a table.
pub(crate) fn table_off(schema: &str, table: &str) -> String {
    format!(
        "EXEC sys.sp_cdc_enable_table @source_schema = {}, @source_name = {}, @role_name = NULL;",
        literal(schema),
        literal(table)
    )
}

/// The server answers with nothing where it does not show an instance.
pub(crate) fn not_shown(instance: &Instance) -> Error {
    Error::auth(format!(
        "the changes of {} are not shown to this user: GRANT SELECT ON SCHEMA::cdc TO the user, GRANT SELECT ON {} TO the \
         user, and where the capture instance {} has a role, ALTER ROLE that role ADD MEMBER the user",
        instance.stream(),
        dstream_mssql::table(&instance.schema, &instance.table),
        instance.name
    ))
}

/// Changes were removed before they were read.
pub(crate) fn lost(stream: &str, checkpoint: Lsn, oldest: Lsn) -> Error {
    Error::permanent(format!(
        "changes of {stream} were removed from its change table before they were read: the checkpoint is {checkpoint}, \
         the oldest change that is left {oldest}. Set on_lost_position = \"resnapshot\" to read its rows again, or \"skip\" to go \
         on with what is left (what was removed is lost then); and keep changes for longer: EXEC sys.sp_cdc_change_job \
         @job_type = N'cleanup', @retention = minutes;"
    ))
}

/// The same, where the config says how to go on: the next start does.
pub(crate) fn lost_for_now(stream: &str, checkpoint: Lsn, oldest: Lsn) -> Error {
    Error::transient(format!(
        "changes of {stream} were removed from its change table before they were read (the checkpoint is {checkpoint}, the \
         oldest change that is left {oldest}): the input has to begin again, and goes on as on_lost_position or snapshot say"
    ))
}

/// A table of which the config speaks is not there.
pub(crate) fn no_such_table(name: &str, others: &[String]) -> Error {
    let near: Vec<_> = others.iter().take(10).cloned().collect();
    let there = match near.is_empty() {
        true => "the database has no table that this user may see".to_owned(),
        false => format!("there are: {}", near.join(", ")),
    };
    Error::config("tables", format!("there is no table `{name}`; {there}"))
}
