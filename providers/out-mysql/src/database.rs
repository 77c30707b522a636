//! MySQL and MariaDB as a [`Database`].

use dstream_mysql::Server;
use dstream_sdk::{Error, ErrorKind, Result};
use dstream_sql::{
    Access, Batch, Database, DbResult, Dialect as _, Existing, Loading, Mode, Param, Refused,
    Reply, Table, TableName, TableSettings, Target,
};

use crate::config::Settings;
use crate::dialect::MySqlDialect;
use crate::failure::fatal;
use crate::literal::Literal;
use crate::merge::Merging;
use crate::session::Session;
use crate::{catalog, types};

/// A connection, and a second one where tables are made.
pub(crate) struct MySql {
    session: Session,
    dialect: MySqlDialect,
    server: Server,
    max_packet: usize,
    settings: Settings,
    beside: Option<Box<MySql>>,
}

/// What writes a table.
pub(crate) struct Prepared {
    pub(crate) literals: Vec<Literal>,
    /// Whether there are unique indexes beside the key.
    pub(crate) has_other_keys: bool,
    /// The longest statement that the server takes.
    pub(crate) max_packet: usize,
}

/// What a name may have.
const MAX_NAME_CHARS: usize = 64;

impl Database for MySql {
    type Settings = Settings;
    type Dialect = MySqlDialect;
    type Target = Prepared;

    const SYSTEM: &'static str = "mysql";
    const LOADING: Loading = Loading::Grouped;
    const DDL_COMMITS: bool = true;

    fn check(settings: &Settings) -> Result<()> {
        settings.check()
    }

    fn place(settings: &Settings) -> String {
        format!("{}/{}", settings.connection.address(), settings.database())
    }

    async fn connect(settings: &Settings, access: Access) -> Result<Option<Self>> {
        let session = Session::open(settings, access).await?;
        let server = Server::ask(&mut *session.conn().await).await?;
        let sql = "SELECT @@lower_case_table_names <> 0, @@max_allowed_packet";
        let answer: Vec<_> = session.query(sql, &[]).await.map_err(fatal)?.concat();
        let folds_case = answer.first() == Some(&Some("1".to_owned()));
        let max_packet = answer.get(1).cloned().flatten().and_then(|text| text.parse().ok());
        let dialect = MySqlDialect::new(settings, &server, folds_case);
        let (settings, beside) = (settings.clone(), None);
        let max_packet = max_packet.unwrap_or(1 << 20);
        Ok(Some(Self { session, dialect, server, max_packet, settings, beside }))
    }

    fn dialect(&self) -> &MySqlDialect {
        &self.dialect
    }

    fn fingerprint(&self) -> String {
        format!("mysql:{}/{}", self.server.identity, self.settings.bookkeeping_database)
    }

    async fn about(&mut self) -> Result<String> {
        let books = self.dialect.bookkeeping().checkpoints;
        let sql = format!("SELECT 1 FROM {} LIMIT 0", self.dialect.quote_table(&books));
        if let Err(error) = self.session.query(&sql, &[]).await.map_err(fatal)
            && error.kind() == ErrorKind::Auth
        {
            let database = &self.settings.bookkeeping_database;
            return Err(error.context(format!(
                "the user may not use the database `{database}`, which keeps the checkpoints: GRANT ALL ON {}.* TO the user",
                self.dialect.quote(&database.replace('_', "\\_"))
            )));
        }
        let sql = "SELECT CURRENT_USER(), @@innodb_flush_log_at_trx_commit";
        let row = self.session.query(sql, &[]).await.map_err(fatal)?.concat();
        let text = |at: usize| row.get(at).and_then(Option::as_deref).unwrap_or_default();
        let (title, database) = (self.server.title(), self.settings.database());
        let loses = match text(1) {
            "1" => "",
            _ => {
                "; innodb_flush_log_at_trx_commit is not 1, so a commit may be lost when the server's machine fails"
            }
        };
        Ok(format!("{title}, database `{database}` as `{}`{loses}", text(0)))
    }

    async fn begin(&mut self) -> Result<()> {
        self.run("START TRANSACTION").await
    }

    async fn commit(&mut self) -> Result<()> {
        self.run("COMMIT").await.map_err(|error| error.context("at the commit"))
    }

    async fn rollback(&mut self) -> Result<()> {
        self.run("ROLLBACK").await
    }

    async fn run(&mut self, sql: &str) -> Result<()> {
        self.session.run(sql.as_bytes()).await.map(drop).map_err(fatal)
    }

    async fn beside(&mut self) -> Result<&mut Self> {
        if self.beside.is_none() {
            let second = Self::connect(&self.settings, Access::Run).await?;
            self.beside = second.map(Box::new);
        }
        self.beside.as_deref_mut().ok_or_else(|| Error::transient("no second connection"))
    }

    async fn is_ours(&mut self, table: &TableName) -> Result<bool> {
        catalog::is_ours(&self.session, &self.dialect, table).await
    }

    async fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<u64> {
        self.session.execute(sql, params).await
    }

    async fn query(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Reply>> {
        self.session.query(sql, params).await.map_err(fatal)
    }

    async fn existing(&mut self, table: &TableName) -> Result<Option<Existing<MySqlDialect>>> {
        catalog::existing(&self.session, &self.dialect, table).await
    }

    async fn known_types(&mut self, table: &mut Table) -> Result<()> {
        let names = table.names().chain([table.name.name.as_str()]);
        if let Some(long) = names.into_iter().find(|name| name.chars().count() > MAX_NAME_CHARS) {
            return Err(too_long(long));
        }
        types::fit(&self.dialect, table);
        Ok(())
    }

    async fn target(
        &mut self,
        table: &Table,
        existing: &Existing<MySqlDialect>,
        settings: &TableSettings,
    ) -> Result<Prepared> {
        let (session, dialect) = (&self.session, &existing.dialect);
        catalog::has_transactions(session, dialect, &table.name).await?;
        let (on_key, has_other_keys) = catalog::unique(session, dialect, table).await?;
        if settings.mode == Mode::Upsert && !on_key {
            return Err(no_unique_index(dialect, table));
        }
        let literals = catalog::literals(session, dialect, table).await?;
        Ok(Prepared { literals, has_other_keys, max_packet: self.max_packet })
    }

    async fn load(
        &mut self,
        target: &Target<Prepared>,
        batch: &mut Batch<'_>,
        mode: Mode,
        _: &mut Refused,
    ) -> DbResult<()> {
        let Self { session, dialect, .. } = self;
        let merging = Merging { session, target, dialect };
        match mode {
            Mode::Upsert => merging.write(batch).await,
            Mode::Append | Mode::History => merging.append(batch).await,
        }
    }
}

fn too_long(name: &str) -> Error {
    Error::permanent(format!(
        "the name `{name}` has {} characters, and MySQL takes {MAX_NAME_CHARS}: set `table`, or give the column a shorter name in a transform",
        name.chars().count()
    ))
}

fn no_unique_index(dialect: &MySqlDialect, table: &Table) -> Error {
    let Table { name, key, .. } = table;
    let columns = key.join(", ");
    let quoted = dialect.quote_all(key.iter().map(String::as_str));
    let table = dialect.quote_table(name);
    Error::config(
        "key",
        format!(
            "the table `{name}` has no unique index on ({columns}), which upsert needs: ALTER TABLE {table} ADD UNIQUE ({quoted})"
        ),
    )
}
