//! `check`, `discover`, and what is to be said of infrastructure: nothing is made in the source.

use dstream_mysql::Server;
use dstream_mysql::mysql_async::Conn;
use dstream_sdk::{
    Check, Discover, Infrastructure, LifecycleReport, Resource, Result, StreamSchema, TaskContext,
    tracing,
};

use crate::config::Config;
use crate::input::MysqlInput;
use crate::plan::Plan;
use crate::source;

const NOTHING: &str = "nothing is made in the source: the server's own binary log is read";

async fn connected(config: &Config) -> Result<(Conn, Server)> {
    let mut conn = dstream_mysql::connect(&config.connection).await?;
    let server = Server::ask(&mut conn).await?;
    Ok((conn, server))
}

impl Check for MysqlInput {
    type Config = Config;

    async fn check(config: Config, _: &TaskContext) -> Result<String> {
        let meant = config.tables()?;
        let (mut conn, server) = connected(&config).await?;
        source::verify(&mut conn, &server).await?;
        source::may_follow(&mut conn, &server).await?;
        let end = source::end_of_log(&mut conn, &server).await?;
        let tables = source::named_tables(&mut conn, &meant).await?;
        for table in source::cascading(&mut conn, &meant).await? {
            tracing::warn!(
                table,
                "a foreign key changes rows of this table by itself (CASCADE, SET NULL), and the \
                 server does not log such changes"
            );
        }
        let place = end.gtid.map_or_else(String::new, |gtid| format!(", GTID {gtid}"));
        Ok(format!("{}, {} tables, log at {}{place}", server.title(), tables.len(), end.position))
    }
}

impl Discover for MysqlInput {
    type Config = Config;

    async fn discover(config: Config, _: &TaskContext) -> Result<Vec<StreamSchema>> {
        let meant = config.tables()?;
        let (mut conn, server) = connected(&config).await?;
        let mut streams = Vec::new();
        for (database, table) in source::named_tables(&mut conn, &meant).await? {
            let plan = Plan::of(&mut conn, &database, &table, server.is_mariadb()).await?;
            streams.push(plan.table.schema);
        }
        Ok(streams)
    }
}

impl Infrastructure for MysqlInput {
    type Config = Config;

    async fn plan(config: Config, context: &TaskContext) -> Result<LifecycleReport> {
        let message = Self::check(config, context).await?;
        Ok(said(&format!("{message}; {NOTHING}")))
    }

    async fn init(config: Config, context: &TaskContext) -> Result<LifecycleReport> {
        Self::plan(config, context).await
    }

    async fn status(config: Config, _: &TaskContext) -> Result<LifecycleReport> {
        let meant = config.tables()?;
        let (mut conn, server) = connected(&config).await?;
        let end = source::end_of_log(&mut conn, &server).await?;
        let logs = source::logs(&mut conn, &server).await?;
        let bytes: u64 = logs.iter().map(|(_, size)| size).sum();
        let oldest = logs.first().map_or("none", |(file, _)| file);
        let gtid = end.gtid.map_or_else(String::new, |gtid| format!(", GTID {gtid}"));
        let detail = format!("ends at {}{gtid}; from {oldest}, {bytes} bytes", end.position);
        let log = Resource::new("binary log", server.title(), "exists").detail(detail).kept();
        let mut report = LifecycleReport::ok().with(log);
        for (database, table) in source::tables(&mut conn, &meant).await? {
            let table = Resource::new("table", format!("{database}.{table}"), "exists");
            report = report.with(table.kept());
        }
        Ok(report)
    }

    async fn destroy(_: Config, _: &TaskContext) -> Result<LifecycleReport> {
        Ok(said(NOTHING))
    }
}

fn said(message: &str) -> LifecycleReport {
    LifecycleReport { message: Some(message.into()), ..LifecycleReport::ok() }
}
