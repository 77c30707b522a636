//! PostgreSQL as a [`Database`].

use dstream_sdk::{Error, Result, TimeSpan};
use dstream_sql::{
    Access, Batch, Database, DbResult, Dialect as _, Division, Existing, Loading, Mode, Param,
    Refused, Reply, Table, TableSettings, Target, statements,
};

use crate::append;
use crate::catalog::{self, Types};
use crate::config::Settings;
use crate::dialect::PostgresDialect;
use crate::divided::{Divided, divided};
use crate::failure::fatal;
use crate::merge::Merging;
use crate::session::Session;
use crate::sql::Sql;

/// A connection.
pub(crate) struct Postgres {
    pub(crate) session: Session,
    dialect: PostgresDialect,
    fingerprint: String,
    pub(crate) connections: usize,
    pub(crate) shared_from: usize,
    pub(crate) lock_timeout: Option<TimeSpan>,
}

/// What writes a table.
pub(crate) struct Prepared {
    pub(crate) types: Types,
    /// Writes new rows.
    pub(crate) copy: String,
    /// The same as sets, for few of them.
    insert: String,
    /// A row of a table without columns.
    empty: String,
    /// Which connections may write the table.
    divided: Divided,
}

/// From here on COPY is faster than a set, though it takes two round trips.
const WORTH_COPY: usize = 64;

impl Database for Postgres {
    type Settings = Settings;
    type Dialect = PostgresDialect;
    type Target = Prepared;

    const SYSTEM: &'static str = "postgresql";
    const TITLE: &'static str = "PostgreSQL";
    const LOADING: Loading = Loading::Grouped;

    fn check(settings: &Settings) -> Result<()> {
        settings.check()
    }

    fn place(settings: &Settings) -> String {
        settings.connection.target().map_or_else(|_| "postgresql".into(), |t| t.describe())
    }

    async fn connect(settings: &Settings, access: Access) -> Result<Option<Self>> {
        let mut session = Session::open(settings, access).await.map_err(fatal)?;
        let fingerprint = identity(&mut session, settings).await?;
        let dialect = PostgresDialect::new(settings);
        let Settings { connections, connections_min_changes: shared_from, lock_timeout, .. } =
            *settings;
        Ok(Some(Self { session, dialect, fingerprint, connections, shared_from, lock_timeout }))
    }

    fn dialect(&self) -> &PostgresDialect {
        &self.dialect
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    async fn about(&mut self) -> Result<String> {
        let sql = "SELECT current_setting('server_version'), current_database()::text, \
             current_user::text, CASE WHEN to_regnamespace($1) IS NULL \
               THEN has_database_privilege(current_database(), 'CREATE') \
               ELSE has_schema_privilege($2, 'USAGE') END";
        let quoted = self.dialect.quote(&self.dialect.bookkeeping_schema);
        let params = [Param::Text(&quoted), Param::Text(&self.dialect.bookkeeping_schema)];
        let row = self.session.query(sql, &params).await.map_err(fatal)?.concat();
        let text = |at: usize| row.get(at).and_then(Option::as_deref).unwrap_or_default();
        let (version, database, user) = (text(0), text(1), text(2));
        if text(3) != "true" {
            return Err(no_bookkeeping(&self.dialect, database, user));
        }
        Ok(format!("PostgreSQL {version}, database `{database}` as `{user}`"))
    }

    async fn begin(&mut self) -> Result<()> {
        self.session.begin().await.map_err(fatal)
    }

    async fn commit(&mut self) -> Result<()> {
        self.session.end("COMMIT").await.map_err(|error| fatal(error).context("at the commit"))
    }

    async fn rollback(&mut self) -> Result<()> {
        self.session.end("ROLLBACK").await.map_err(fatal)
    }

    async fn run(&mut self, sql: &str) -> Result<()> {
        self.session.run(sql).await.map_err(fatal)
    }

    async fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<u64> {
        self.session.execute(sql, params).await.map_err(fatal)
    }

    async fn query(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Reply>> {
        self.session.query(sql, params).await.map_err(fatal)
    }

    async fn known_types(&mut self, table: &mut Table) -> Result<()> {
        catalog::known_types(&mut self.session, &mut table.columns).await.map_err(fatal)
    }

    async fn target(
        &mut self,
        table: &Table,
        existing: &Existing<PostgresDialect>,
        settings: &TableSettings,
    ) -> Result<Prepared> {
        let dialect = &existing.dialect;
        if settings.mode == Mode::Upsert
            && !dstream_sql::catalog::unique(self, table, catalog::UNIQUE).await?.0
        {
            return Err(dstream_sql::catalog::no_unique_index(dialect, table));
        }
        let types = catalog::types(&mut self.session, existing, table).await?;
        let all: Vec<_> = (0..table.columns.len()).collect();
        let sql = Sql { dialect, table, types: &types };
        let (copy, insert) = (sql.copy(), sql.insert(&all));
        let empty = statements::insert(dialect, &table.name, &[]);
        let divided = match self.connections {
            1 => Divided::Alone,
            _ => divided(&mut self.session, existing, table).await?,
        };
        Ok(Prepared { types, copy, insert, empty, divided })
    }

    fn division(target: &Prepared) -> Division<'_> {
        target.divided.as_division()
    }

    async fn load(
        &mut self,
        target: &Target<Prepared>,
        batch: &mut Batch<'_>,
        mode: Mode,
        _: &mut Refused,
    ) -> DbResult<()> {
        let Self { session, dialect, .. } = self;
        let rows = batch.changes().len();
        if mode == Mode::Upsert {
            return dstream_sql::write_sets(
                &mut Merging { session, target, dialect },
                target,
                batch,
            )
            .await;
        }
        if batch.width() == 0 {
            return Ok(append::empty_rows(session, &target.own.empty, rows).await?);
        }
        if rows >= WORTH_COPY && target.own.types.takes_copy {
            return append::copy(session, target, batch, rows).await;
        }
        let all: Vec<_> = (0..batch.width()).collect();
        let rows: Vec<_> = (0..rows).collect();
        let mut merging = Merging { session, target, dialect };
        merging.rows(batch, &all, &rows, &target.own.insert).await.map(drop)
    }
}

/// The cluster and the database; where the cluster does not say, the server.
async fn identity(session: &mut Session, settings: &Settings) -> Result<String> {
    let sql = "SELECT system_identifier::text, current_database()::text FROM pg_control_system()";
    match session.query(sql, &[]).await {
        Ok(rows) => {
            let names: Vec<_> = rows.concat().into_iter().flatten().collect();
            Ok(format!("postgresql:{}", names.join("/")))
        }
        Err(error) if error.code().is_some() => {
            Ok(format!("postgresql:{}", Postgres::place(settings)))
        }
        Err(error) => Err(fatal(error)),
    }
}

fn no_bookkeeping(dialect: &PostgresDialect, database: &str, user: &str) -> Error {
    let [schema, database, user] =
        [&dialect.bookkeeping_schema, database, user].map(|name| dialect.quote(name));
    Error::auth(format!(
        "the role {user} may neither make nor use the schema {schema}, which keeps the checkpoints: GRANT CREATE ON DATABASE {database} TO {user}, or CREATE SCHEMA {schema} AUTHORIZATION {user}"
    ))
}
