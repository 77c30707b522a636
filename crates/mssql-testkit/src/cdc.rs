//! Change data capture, as tests need it: nothing is captured by itself, so that a test knows what is.
//!
//! On a server the capture job of SQL Server Agent reads the log some seconds later. Here that job is
//! dropped and the log scanned by hand, which is allowed where no scan is active:
//! <https://learn.microsoft.com/en-us/sql/relational-databases/system-stored-procedures/sys-sp-cdc-scan-transact-sql>.
//! So the Agent need not even run. What has to be there is an edition with change data capture
//! (Standard since 2016 SP 1, Developer, Enterprise; not Express).
//! <https://learn.microsoft.com/en-us/sql/sql-server/editions-and-components-of-sql-server-2016>

use std::time::{Duration, Instant};

use dstream_mssql::literal;

use crate::Database;

/// How long a job that was stopped may go on reading the log.
const PATIENCE: Duration = Duration::from_secs(60);

/// The job goes where there is one; `sp_cdc_stop_job` refuses what does not run. What it has begun
/// is ended besides, as one session only may read the log (errors 22903 and 18752).
/// <https://learn.microsoft.com/en-us/sql/relational-databases/system-tables/dbo-cdc-jobs-transact-sql>
const DROP_JOB: &str = "IF EXISTS (SELECT 1 FROM msdb.dbo.cdc_jobs WHERE database_id = DB_ID() AND job_type = N'capture') \
    BEGIN \
        BEGIN TRY EXEC sys.sp_cdc_stop_job @job_type = N'capture' END TRY BEGIN CATCH END CATCH; \
        EXEC sys.sp_cdc_drop_job @job_type = N'capture' \
    END";
const END_JOB: &str = "DECLARE @kill nvarchar(max) = N''; \
    SELECT @kill = @kill + N'KILL ' + CAST(session_id AS nvarchar(10)) + N'; ' FROM sys.dm_exec_sessions \
    WHERE database_id = DB_ID() AND program_name LIKE N'SQLAgent%' AND session_id <> @@SPID; EXEC (@kill)";

/// All that is committed; more than any test has. Who has scanned stays the log's only reader until
/// it says that it is not any more.
/// <https://learn.microsoft.com/en-us/sql/relational-databases/system-stored-procedures/sp-replflush-transact-sql>
const SCAN: &str = "EXEC sys.sp_cdc_scan @maxtrans = 10000, @maxscans = 100, @continuous = 0; \
    BEGIN TRY EXEC sys.sp_replflush END TRY BEGIN CATCH END CATCH";

impl Database {
    /// Turns change data capture on for the database.
    pub fn enable_capture(&self) {
        // 4: Express.
        let edition = self.sql("SELECT CAST(SERVERPROPERTY('EngineEdition') AS int)");
        assert_ne!(edition, "4", "SQL Server Express has no change data capture");
        self.sql("EXEC sys.sp_cdc_enable_db");
    }

    /// Captures a table, from here on.
    pub fn capture(&self, schema: &str, table: &str) {
        self.capture_as(schema, table, &format!("{schema}_{table}"), "");
    }

    /// The same under another name, with further arguments of `sys.sp_cdc_enable_table`, such as
    /// `, @captured_column_list = N'id, v'`.
    pub fn capture_as(&self, schema: &str, table: &str, instance: &str, more: &str) {
        self.sql(&format!(
            "EXEC sys.sp_cdc_enable_table @source_schema = {}, @source_name = {}, @capture_instance = {}, @role_name = NULL{more}",
            literal(schema),
            literal(table),
            literal(instance)
        ));
        // Its low end is known once the log has been read up to here.
        self.scan();
    }

    /// Captures all that is committed.
    ///
    /// # Panics
    /// Where something else goes on reading the log, such as replication.
    pub fn scan(&self) {
        let deadline = Instant::now() + PATIENCE;
        self.sql(DROP_JOB);
        while let Err(error) = self.rows(SCAN) {
            assert!(Instant::now() < deadline, "the log cannot be scanned: {error}");
            std::thread::sleep(Duration::from_millis(100));
            self.sql(END_JOB);
        }
    }

    /// Runs statements, and captures what they wrote; their answer as [`Database::sql`] gives it.
    pub fn write(&self, sql: &str) -> String {
        let answer = self.sql(sql);
        self.scan();
        answer
    }

    /// Waits until the next commit has another time than the last one: what has the same stays
    /// together in a clean-up. The times are of the type `datetime`, of 1/300 s.
    pub fn let_time_pass(&self) {
        self.sql("WAITFOR DELAY '00:00:00.020'");
    }

    /// Removes, of every capture instance, all that was captured before the newest commit, and what
    /// has another time than that one.
    /// <https://learn.microsoft.com/en-us/sql/relational-databases/system-stored-procedures/sys-sp-cdc-cleanup-change-table-transact-sql>
    pub fn clean_up(&self) {
        let instances = self.sql("SELECT capture_instance FROM cdc.change_tables");
        for instance in instances.lines() {
            self.sql(&format!(
                "DECLARE @low binary(10) = (SELECT MAX(start_lsn) FROM cdc.lsn_time_mapping); \
                 IF @low IS NOT NULL EXEC sys.sp_cdc_cleanup_change_table @capture_instance = {}, @low_water_mark = @low",
                literal(instance)
            ));
        }
    }
}
