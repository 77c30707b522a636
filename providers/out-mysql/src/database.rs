//! MySQL and MariaDB as a [`Database`].

use std::sync::Arc;

use dstream_mysql::mysql_async::prelude::Queryable;
use dstream_mysql::mysql_async::{Conn, Row};
use dstream_mysql::{Server, error, is_about_row, text};
use dstream_sdk::{ErrorKind, Result};
use dstream_sql::rows::{self, Prepared, Rows};
use dstream_sql::{
    Access, Batch, Database, DbResult, Dialect as _, Existing, Failure, Loading, Mode, Param,
    Refused, Reply, Table, TableName, TableSettings, Target, TwoPhase,
};
use tokio::sync::Mutex;

use crate::config::Settings;
use crate::dialect::MySqlDialect;
use crate::{catalog, session};

/// A connection.
pub(crate) struct MySql {
    conn: Arc<Mutex<Conn>>,
    pub(crate) dialect: MySqlDialect,
    max_packet: usize,
}

impl TwoPhase for MySql {}

impl Database for MySql {
    type Settings = Settings;
    type Dialect = MySqlDialect;
    type Target = Prepared;

    const SYSTEM: &'static str = "mysql";
    const TITLE: &'static str = "MySQL";
    const LOADING: Loading = Loading::Grouped;
    const DDL_COMMITS: bool = true;

    fn check(settings: &Settings) -> Result<()> {
        settings.check()
    }

    fn place(settings: &Settings) -> String {
        format!("{}/{}", settings.connection.address(), settings.database())
    }

    async fn connect(settings: &Settings, access: Access) -> Result<Option<Self>> {
        let conn = session::open(settings, access).await?;
        let server = Server::ask(&mut *conn.lock().await).await?;
        let sql = "SELECT @@lower_case_table_names <> 0, @@max_allowed_packet";
        let answer = conn.lock().await.query_first(sql).await.map_err(error)?;
        let (folds_case, max_packet) = answer.unwrap_or((false, 1 << 20));
        let dialect = MySqlDialect { settings: settings.clone(), server, folds_case };
        Ok(Some(Self { conn, dialect, max_packet }))
    }

    fn dialect(&self) -> &MySqlDialect {
        &self.dialect
    }

    fn fingerprint(&self) -> String {
        let MySqlDialect { server, settings, .. } = &self.dialect;
        format!("mysql:{}/{}", server.identity, settings.bookkeeping_database)
    }

    async fn about(&mut self) -> Result<String> {
        let books = self.dialect.quote(&self.dialect.settings.bookkeeping_database);
        let sql = format!("SELECT 1 FROM {books}._dstream_checkpoints LIMIT 0");
        if let Err(error) = self.query(&sql, &[]).await
            && error.kind() == ErrorKind::Auth
        {
            let database = &self.dialect.settings.bookkeeping_database;
            return Err(error.context(format!(
                "the user may not use the database `{database}`, which keeps the checkpoints: GRANT ALL ON {}.* TO the user",
                self.dialect.quote(&database.replace('_', "\\_"))
            )));
        }
        let sql = "SELECT CURRENT_USER(), @@innodb_flush_log_at_trx_commit";
        let row = self.query(sql, &[]).await?.concat();
        let text = |at: usize| row.get(at).and_then(Option::as_deref).unwrap_or_default();
        let (title, database) = (self.dialect.server.title(), self.dialect.settings.database());
        let loses = match text(1) {
            "1" => "",
            _ => {
                "; innodb_flush_log_at_trx_commit is not 1, so a commit may be lost when the server's machine fails"
            }
        };
        Ok(format!("{title}, database `{database}` as `{}`{loses}", text(0)))
    }

    async fn run(&mut self, sql: &str) -> Result<()> {
        self.conn.lock().await.query_drop(sql).await.map_err(error)
    }

    async fn is_ours(&mut self, table: &TableName) -> Result<bool> {
        catalog::is_ours(self, table).await
    }

    async fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<u64> {
        let mut conn = self.conn.lock().await;
        conn.exec_drop(sql, session::values(params)).await.map_err(error)?;
        Ok(conn.affected_rows())
    }

    async fn query(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Reply>> {
        let mut conn = self.conn.lock().await;
        let rows: Vec<Row> = conn.exec(sql, session::values(params)).await.map_err(error)?;
        Ok(rows.into_iter().map(|row| row.unwrap().into_iter().map(text).collect()).collect())
    }

    async fn target(
        &mut self,
        table: &Table,
        existing: &Existing<MySqlDialect>,
        settings: &TableSettings,
    ) -> Result<Prepared> {
        catalog::has_transactions(self, &table.name).await?;
        rows::prepare(self, table, existing, settings, catalog::UNIQUE).await
    }

    async fn load(
        &mut self,
        target: &Target<Prepared>,
        batch: &mut Batch<'_>,
        mode: Mode,
        _: &mut Refused,
    ) -> DbResult<()> {
        rows::load(self, target, batch, mode).await
    }
}

impl Rows for MySql {
    fn longest(&self) -> (usize, &'static str) {
        (self.max_packet, "raise its max_allowed_packet")
    }

    async fn send(&mut self, sql: &[u8]) -> DbResult<u64> {
        let mut conn = self.conn.lock().await;
        let done = conn.query_drop(sql).await;
        done.map_err(|why| Failure::of(is_about_row(&why), error(why)))?;
        Ok(conn.affected_rows())
    }

    /// The guard of an upsert makes a key null.
    fn hides_why(failure: &Failure) -> bool {
        matches!(failure, Failure::Row(error) if error.to_string().contains("(error 1048,"))
    }
}
