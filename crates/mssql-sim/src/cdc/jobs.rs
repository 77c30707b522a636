//! The jobs of SQL Server Agent, and the scan of the log that the capture job runs, or somebody by
//! hand where no job does.
//! <https://learn.microsoft.com/en-us/sql/relational-databases/system-stored-procedures/sys-sp-cdc-scan-transact-sql>
//! <https://learn.microsoft.com/en-us/sql/relational-databases/system-stored-procedures/sys-sp-cdc-add-job-transact-sql>

use crate::error::{Result, SqlError};
use crate::store::{Database, Job};

/// What is done to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Add { start: bool },
    Drop,
    Start,
    Stop,
}

/// With the first table that is captured both jobs are made, and the capture job begins.
pub(super) fn make_all(database: &mut Database) {
    database.capture_job = database.capture_job.or(Some(Job::Running));
    database.has_cleanup_job = true;
}

/// With the last one they go.
pub(super) fn drop_all(database: &mut Database) {
    database.capture_job = None;
    database.has_cleanup_job = false;
}

/// `sys.sp_cdc_add_job` and its like. Of the clean-up job it is known only whether it is there.
pub(crate) fn change(
    database: &mut Database,
    job: &str,
    verb: Verb,
    max_is_null: bool,
) -> Result<()> {
    match job.to_ascii_lowercase().as_str() {
        "capture" => {
            database.capture_job = capture_job(database, verb)?;
            if database.captures() {
                super::capture(database, usize::MAX, max_is_null);
            }
        }
        "cleanup" => match verb {
            Verb::Add { .. } => database.has_cleanup_job = true,
            Verb::Drop => database.has_cleanup_job = false,
            Verb::Start | Verb::Stop => {}
        },
        other => {
            return Err(SqlError::unknown(format!("the job '{other}' of change data capture")));
        }
    }
    Ok(())
}

fn capture_job(database: &Database, verb: Verb) -> Result<Option<Job>> {
    let refused = |what: &str, why: &str| {
        Err(SqlError::new(
            22_022,
            format!(
                "SQLServerAgent Error: Request to {what} job cdc.{}_capture refused because {why}.",
                database.name
            ),
        ))
    };
    match (verb, database.capture_job) {
        (Verb::Drop, _) => Ok(None),
        (Verb::Add { start }, None) => Ok(Some(if start { Job::Running } else { Job::Stopped })),
        (Verb::Add { .. }, Some(_)) => Err(SqlError::new(
            22_836,
            "Could not update the metadata for the capture job: it is there already.",
        )),
        (Verb::Start | Verb::Stop, None) => Err(SqlError::new(
            14_262,
            format!("The specified @job_name ('cdc.{}_capture') does not exist.", database.name),
        )),
        (Verb::Start | Verb::Stop, _) if !database.agent_on => Err(SqlError::new(
            22_022,
            "SQLServerAgent is not currently running so it cannot be notified of this action.",
        )),
        (Verb::Start, Some(Job::Running)) => refused("run", "the job is already running"),
        (Verb::Stop, Some(Job::Stopped)) => refused("stop", "the job is not currently running"),
        (Verb::Start, Some(Job::Stopped)) => Ok(Some(Job::Running)),
        (Verb::Stop, Some(Job::Running)) => Ok(Some(Job::Stopped)),
    }
}

/// `sys.sp_cdc_scan`: not beside the job, which reads the same log.
pub(crate) fn scan(database: &mut Database, most: usize, max_is_null: bool) -> Result<()> {
    if !database.state.cdc.enabled {
        return Err(super::enable::not_enabled(&database.name));
    }
    if database.captures() {
        return Err(SqlError::new(
            22_903,
            "Another connection is already running 'sp_replcmds' for Change Data Capture in the current database.",
        ));
    }
    super::capture(database, most, max_is_null);
    Ok(())
}
