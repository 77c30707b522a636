//! `check`, `discover`, and change data capture as infrastructure: `init` turns it on, `destroy` turns
//! off what `init` turned on.

use dstream_mssql::{Session, literal};
use dstream_sdk::{
    Check, Discover, Error, Infrastructure, LifecycleReport, Resource, Result, StreamSchema,
    TaskContext,
};

use crate::catalog::{self, Database, TableName, one, text};
use crate::config::{Config, DEFAULT_SCHEMA, Tables};
use crate::explain;
use crate::input::MssqlInput;
use crate::start;

/// Notes, on a capture instance's change table, that `init` made it.
const MADE: &str = "dstream_made_by";

async fn connected(config: &Config) -> Result<(Session, Database, Tables)> {
    let meant = config.check()?;
    let mut session = Session::connect(&config.connection).await?;
    let database = catalog::database(&mut session).await?;
    Ok((session, database, meant))
}

impl Check for MssqlInput {
    type Config = Config;

    async fn check(config: Config, _: &TaskContext) -> Result<String> {
        let (mut session, database, meant) = connected(&config).await?;
        let tables = start::tables(&mut session, &database, &meant).await?;
        for instances in &tables {
            start::oldest(&mut session, &instances[0]).await?;
        }
        catalog::warn_of_agent(&mut session).await;
        let newest = start::newest(&mut session).await?;
        let newest = newest
            .map_or("nothing is captured yet".to_owned(), |lsn| format!("captured up to {lsn}"));
        let Database { server, name, version, .. } = &database;
        Ok(format!(
            "SQL Server {version} at {server}, database `{name}`, {} tables, {newest}",
            tables.len()
        ))
    }
}

impl Discover for MssqlInput {
    type Config = Config;

    async fn discover(config: Config, _: &TaskContext) -> Result<Vec<StreamSchema>> {
        let (mut session, database, meant) = connected(&config).await?;
        for table in catalog::tables(&mut session).await? {
            if !table.is_tracked {
                dstream_sdk::tracing::info!(
                    table = format!("{}.{}", table.schema, table.name),
                    turn_on = explain::table_off(&table.schema, &table.name),
                    "change data capture is off"
                );
            }
        }
        if !database.has_cdc {
            return Err(explain::database_off(&database.name));
        }
        let instances = catalog::instances(&mut session, &database, &meant).await?;
        Ok(instances.into_iter().map(|instance| instance.stream).collect())
    }
}

/// What is to be done before the tables can be read.
struct Todo {
    database: bool,
    tables: Vec<TableName>,
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
        // Without a list it is the tables that are captured already.
        let wanted = |table: &TableName| {
            !config.tables.is_empty()
                && !table.is_tracked
                && meant.means(&table.schema, &table.name)
        };
        let own = |table: &TableName| table.schema == DEFAULT_SCHEMA && table.name == "cdc_offsets";
        let tables = all.into_iter().filter(|table| wanted(table) && !own(table)).collect();
        Ok(Self { database: !database.has_cdc, tables })
    }

    fn report(&self, database: &str, action: &str) -> LifecycleReport {
        let mut report = LifecycleReport::ok();
        if self.database {
            let resource = Resource::new("change data capture", database, action);
            report = report.with(resource.detail("EXEC sys.sp_cdc_enable_db;"));
        }
        for table in &self.tables {
            let name = format!("{}.{}", table.schema, table.name);
            let resource = Resource::new("capture instance", name, action);
            report = report.with(resource.detail(explain::table_off(&table.schema, &table.name)));
        }
        report
    }
}

impl Infrastructure for MssqlInput {
    type Config = Config;

    async fn plan(config: Config, _: &TaskContext) -> Result<LifecycleReport> {
        let (mut session, database, meant) = connected(&config).await?;
        let todo = Todo::of(&mut session, &database, &meant, &config).await?;
        Ok(todo.report(&database.name, "create"))
    }

    async fn init(config: Config, context: &TaskContext) -> Result<LifecycleReport> {
        let (mut session, database, meant) = connected(&config).await?;
        let todo = Todo::of(&mut session, &database, &meant, &config).await?;
        let cannot = |error: Error| {
            error.context("cannot turn change data capture on: the database needs somebody of sysadmin, a table somebody of db_owner")
        };
        if todo.database {
            session.run("EXEC sys.sp_cdc_enable_db").await.map_err(cannot)?;
        }
        for table in &todo.tables {
            session.run(&explain::table_off(&table.schema, &table.name)).await.map_err(cannot)?;
            let made_by = made_by(context);
            let instance = format!("{}_{}_CT", table.schema, table.name);
            // What is not noted is not removed.
            session
                .run(&format!(
                    "EXEC sys.sp_addextendedproperty @name = N'{MADE}', @value = {}, @level0type = N'SCHEMA', @level0name = N'cdc', \
                     @level1type = N'TABLE', @level1name = {}",
                    literal(&made_by),
                    literal(&instance)
                ))
                .await?;
        }
        Ok(todo.report(&database.name, "created"))
    }

    async fn status(config: Config, _: &TaskContext) -> Result<LifecycleReport> {
        let (mut session, database, meant) = connected(&config).await?;
        let mut report = LifecycleReport::ok();
        for instances in start::tables(&mut session, &database, &meant).await? {
            for instance in instances {
                let oldest = start::oldest(&mut session, &instance).await?;
                let newest = start::newest(&mut session).await?.unwrap_or_default();
                let detail = format!("{}: changes from {oldest} up to {newest}", instance.name);
                let resource = Resource::new("capture instance", instance.stream(), "exists");
                report = report.with(resource.detail(detail).kept());
            }
        }
        Ok(report)
    }

    async fn destroy(config: Config, context: &TaskContext) -> Result<LifecycleReport> {
        let (mut session, _, _) = connected(&config).await?;
        let sql = format!(
            "SELECT s.name, t.name, ct.capture_instance FROM cdc.change_tables ct \
             JOIN sys.tables t ON t.object_id = ct.source_object_id JOIN sys.schemas s ON s.schema_id = t.schema_id \
             JOIN sys.extended_properties p ON p.class = 1 AND p.major_id = ct.object_id AND p.name = N'{MADE}' \
             AND CAST(p.value AS nvarchar(400)) = {}",
            literal(&made_by(context))
        );
        let mut report = LifecycleReport::ok();
        for row in one(session.query(&sql).await?) {
            let (schema, table, instance) = (text(&row, 0), text(&row, 1), text(&row, 2));
            session
                .run(&format!(
                    "EXEC sys.sp_cdc_disable_table @source_schema = {}, @source_name = {}, @capture_instance = {}",
                    literal(&schema),
                    literal(&table),
                    literal(&instance)
                ))
                .await?;
            report = report.with(Resource::new(
                "capture instance",
                format!("{schema}.{table}"),
                "removed",
            ));
        }
        Ok(report)
    }
}

fn made_by(context: &TaskContext) -> String {
    format!("{}/{}", context.task, context.name)
}
