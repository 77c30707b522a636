//! Change data capture as infrastructure: `init` turns it on, `destroy` turns off what `init` turned
//! on, and nothing else.

use dstream_mssql::{Session, literal};
use dstream_sdk::{Error, Infrastructure, LifecycleReport, Resource, Result, TaskContext};

use crate::catalog::{self, Database, TableName, one, text};
use crate::config::{CheckpointStore, Config, DEFAULT_SCHEMA, Tables};
use crate::input::MssqlInput;
use crate::lifecycle::connected;
use crate::made::{self, Made};
use crate::{explain, offsets, status};

const DATABASE: &str = "change data capture";
const INSTANCE: &str = "capture instance";
const ENABLE_DATABASE: &str = "EXEC sys.sp_cdc_enable_db;";

impl Infrastructure for MssqlInput {
    type Config = Config;

    async fn plan(config: Config, _: &TaskContext) -> Result<LifecycleReport> {
        let (mut session, database, meant) = connected(&config).await?;
        Ok(Todo::of(&mut session, &database, &meant, &config).await?.report("create"))
    }

    async fn init(config: Config, context: &TaskContext) -> Result<LifecycleReport> {
        let (mut session, database, meant) = connected(&config).await?;
        let todo = Todo::of(&mut session, &database, &meant, &config).await?;
        let cannot = |error: Error| {
            error.context(
                "cannot turn change data capture on (the database needs somebody of sysadmin, in Azure SQL of db_owner; \
                 a table somebody of db_owner)",
            )
        };
        // What is made is noted behind it: what is not noted is never removed.
        if todo.database {
            session.run(ENABLE_DATABASE).await.map_err(cannot)?;
            session.run(&made::note_database(context)).await?;
        }
        for table in &todo.tables {
            session.run(&explain::table_off(&table.schema, &table.name)).await.map_err(cannot)?;
            session.run(&made::note_table(context, table)).await?;
        }
        if todo.offsets {
            offsets::make(&mut session).await?;
        }
        Ok(todo.report("created"))
    }

    async fn status(config: Config, context: &TaskContext) -> Result<LifecycleReport> {
        status::report(config, context).await
    }

    async fn destroy(config: Config, context: &TaskContext) -> Result<LifecycleReport> {
        let (mut session, database, _) = connected(&config).await?;
        let made = Made::of(&mut session, &database, context).await?;
        let mut report = LifecycleReport::ok();
        for (stream, schema, table, instance) in &made.instances {
            session
                .run(&format!(
                    "EXEC sys.sp_cdc_disable_table @source_schema = {}, @source_name = {}, @capture_instance = {}",
                    literal(schema),
                    literal(table),
                    literal(instance)
                ))
                .await?;
            session.run(&made::forget_table(schema, table)).await?;
            report = report.with(Resource::new(INSTANCE, stream, "removed"));
        }
        if made.database {
            // Somebody else's tables are captured too by now: what was made for them stays.
            let rows = one(session
                .query("SELECT TOP (1) capture_instance FROM cdc.change_tables")
                .await?);
            let resource = Resource::new(DATABASE, &database.name, "removed");
            let resource = match rows.first().map(|row| text(row, 0)) {
                None => {
                    session.run("EXEC sys.sp_cdc_disable_db").await?;
                    session.run(&made::forget_database()).await?;
                    resource
                }
                Some(other) => Resource { action: "kept".into(), ..resource }
                    .detail(format!("{other} and perhaps others are captured still")),
            };
            report = report.with(resource);
        }
        Ok(report)
    }
}

/// What is to be done before the tables can be read.
struct Todo {
    name: String,
    database: bool,
    tables: Vec<TableName>,
    offsets: bool,
}

impl Todo {
    async fn of(
        session: &mut Session,
        database: &Database,
        meant: &Tables,
        config: &Config,
    ) -> Result<Self> {
        let all = catalog::tables(session).await?;
        let found = all.iter().map(|table| (table.schema.as_str(), table.name.as_str()));
        if let Some(missing) = meant.missing(found).first() {
            let names: Vec<_> = all.iter().map(|t| format!("{}.{}", t.schema, t.name)).collect();
            return Err(explain::no_such_table(&missing.to_string(), &names));
        }
        let own =
            |table: &TableName| table.schema == DEFAULT_SCHEMA && table.name == offsets::TABLE;
        let offsets =
            config.checkpoint_store == Some(CheckpointStore::Table) && !all.iter().any(&own);
        // Without a list it is the tables that are captured already.
        let wanted = |table: &TableName| {
            !config.tables.is_empty()
                && !table.is_tracked
                && !own(table)
                && meant.means(&table.schema, &table.name)
        };
        let tables = all.into_iter().filter(wanted).collect();
        Ok(Self { name: database.name.clone(), database: !database.has_cdc, tables, offsets })
    }

    fn report(&self, action: &str) -> LifecycleReport {
        let mut report = LifecycleReport::ok();
        if self.database {
            let resource = Resource::new(DATABASE, &self.name, action);
            report = report.with(resource.detail(ENABLE_DATABASE));
        }
        for table in &self.tables {
            let name = format!("{}.{}", table.schema, table.name);
            let resource = Resource::new(INSTANCE, name, action);
            report = report.with(resource.detail(explain::table_off(&table.schema, &table.name)));
        }
        if self.offsets {
            let resource = Resource::new("table", format!("dbo.{}", offsets::TABLE), action);
            report = report.with(resource.detail(offsets::CREATE));
        }
        report
    }
}
