//! MySQL and MariaDB as a [`Database`].

use std::sync::Arc;

use dstream_mysql::mysql_async::prelude::Queryable;
use dstream_mysql::mysql_async::{Conn, Row};
use dstream_mysql::{Server, text};
use dstream_sdk::{Error, ErrorKind, Result};
use dstream_sql::rows::{self, Prepared, Rows};
use dstream_sql::{
    Access, Batch, Database, DbResult, Dialect as _, Existing, Failure, Loading, Mode, Param,
    Refused, Reply, Table, TableName, TableSettings, Target,
};
use tokio::sync::Mutex;

use crate::config::Settings;
use crate::dialect::MySqlDialect;
use crate::failure::{failure, fatal, is_null};
use crate::{catalog, session};

/// A connection, and a second one where tables are made.
pub(crate) struct MySql {
    conn: Arc<Mutex<Conn>>,
    pub(crate) dialect: MySqlDialect,
    max_packet: usize,
    settings: Settings,
    beside: Option<Box<MySql>>,
}

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
        let answer = conn.lock().await.query_first(sql).await.map_err(fatal)?;
        let (folds_case, max_packet) = answer.unwrap_or((false, 1 << 20));
        let dialect = MySqlDialect::new(settings, server, folds_case);
        let settings = settings.clone();
        Ok(Some(Self { conn, dialect, max_packet, settings, beside: None }))
    }

    fn dialect(&self) -> &MySqlDialect {
        &self.dialect
    }

    fn fingerprint(&self) -> String {
        let Self { dialect, settings, .. } = self;
        format!("mysql:{}/{}", dialect.server.identity, settings.bookkeeping_database)
    }

    async fn about(&mut self) -> Result<String> {
        let books = self.dialect.quote(&self.settings.bookkeeping_database);
        let sql = format!("SELECT 1 FROM {books}._dstream_checkpoints LIMIT 0");
        if let Err(error) = self.query(&sql, &[]).await
            && error.kind() == ErrorKind::Auth
        {
            let database = &self.settings.bookkeeping_database;
            return Err(error.context(format!(
                "the user may not use the database `{database}`, which keeps the checkpoints: GRANT ALL ON {}.* TO the user",
                self.dialect.quote(&database.replace('_', "\\_"))
            )));
        }
        let sql = "SELECT CURRENT_USER(), @@innodb_flush_log_at_trx_commit";
        let row = self.query(sql, &[]).await?.concat();
        let text = |at: usize| row.get(at).and_then(Option::as_deref).unwrap_or_default();
        let (title, database) = (self.dialect.server.title(), self.settings.database());
        let loses = match text(1) {
            "1" => "",
            _ => {
                "; innodb_flush_log_at_trx_commit is not 1, so a commit may be lost when the server's machine fails"
            }
        };
        Ok(format!("{title}, database `{database}` as `{}`{loses}", text(0)))
    }

    async fn run(&mut self, sql: &str) -> Result<()> {
        self.conn.lock().await.query_drop(sql).await.map_err(fatal)
    }

    async fn beside(&mut self) -> Result<&mut Self> {
        if self.beside.is_none() {
            let second = Self::connect(&self.settings, Access::Run).await?;
            self.beside = second.map(Box::new);
        }
        self.beside.as_deref_mut().ok_or_else(|| Error::transient("no second connection"))
    }

    async fn is_ours(&mut self, table: &TableName) -> Result<bool> {
        catalog::is_ours(self, table).await
    }

    async fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<u64> {
        let mut conn = self.conn.lock().await;
        conn.exec_drop(sql, session::values(params)).await.map_err(fatal)?;
        Ok(conn.affected_rows())
    }

    async fn query(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Reply>> {
        let mut conn = self.conn.lock().await;
        let rows: Vec<Row> = conn.exec(sql, session::values(params)).await.map_err(fatal)?;
        Ok(rows.into_iter().map(|row| row.unwrap().into_iter().map(text).collect()).collect())
    }

    async fn existing(&mut self, table: &TableName) -> Result<Option<Existing<MySqlDialect>>> {
        if table.schema.as_deref().is_none_or(str::is_empty) {
            let message = format!(
                "the table `{}` needs a database: set `database`, or `table` to \"name_of_database.{{stream}}\"",
                table.name
            );
            return Err(Error::config("database", message));
        }
        dstream_sql::catalog::existing(self, table).await
    }

    async fn target(
        &mut self,
        table: &Table,
        existing: &Existing<MySqlDialect>,
        settings: &TableSettings,
    ) -> Result<Prepared> {
        catalog::has_transactions(self, &table.name).await?;
        let prepared = rows::prepare(self, table, existing, settings, catalog::UNIQUE).await?;
        catalog::has_binary_key(table, existing)?;
        Ok(prepared)
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
        conn.query_drop(sql).await.map_err(failure)?;
        Ok(conn.affected_rows())
    }

    /// The guard of an upsert makes a key null.
    fn hides_why(failure: &Failure) -> bool {
        is_null(failure)
    }
}
