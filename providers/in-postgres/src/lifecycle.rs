//! check, discover, plan, init, status and destroy.

use dstream_postgres::{Wire, quote};
use dstream_sdk::{
    Check, Discover, Error, Infrastructure, LifecycleReport, Resource, Result, StreamSchema,
    TaskContext,
};

use crate::catalog;
use crate::config::Config;
use crate::explain;
use crate::input::PostgresInput;
use crate::setup::server::{self, Server};
use crate::setup::{failover, publication, slot, tables};
use crate::table::Table;

/// What every operation begins with.
struct Session {
    wire: Wire,
    server: Server,
    publication: String,
    slot: String,
}

impl Session {
    async fn open(config: &Config, context: &TaskContext) -> Result<Self> {
        config.check()?;
        let mut wire = server::connect(&config.connection.target()?).await?;
        let server = Server::look(&mut wire).await?;
        let (publication, slot) = config.names(&context.task, &context.name);
        Ok(Self { wire, server, publication, slot })
    }
}

impl Check for PostgresInput {
    type Config = Config;

    async fn check(config: Config, context: &TaskContext) -> Result<String> {
        let mut session = Session::open(&config, context).await?;
        session.server.require(&config)?;
        publication::plan(&mut session.wire, &config, &session.publication, &context.task_id)
            .await?;
        if let Some(slot) = slot::look(&mut session.wire, &session.slot).await? {
            if slot.is_lost() {
                return Err(explain::slot_lost(&session.slot, ""));
            }
            if !slot.is_active() {
                slot.require(&session.server.database)?;
            }
        }
        let version = session.server.version_text();
        let count = match tables::wanted(&mut session.wire, &config).await?.len() {
            0 => "those of the publication".into(),
            count => count.to_string(),
        };
        Ok(format!("PostgreSQL {version}, wal_level logical, tables: {count}"))
    }
}

impl Discover for PostgresInput {
    type Config = Config;

    async fn discover(config: Config, context: &TaskContext) -> Result<Vec<StreamSchema>> {
        let mut session = Session::open(&config, context).await?;
        let wire = &mut session.wire;
        let mut found = tables::wanted(wire, &config).await?;
        if found.is_empty() {
            found = catalog::published(wire, &session.publication, session.server.version).await?;
        }
        let mut streams = Vec::with_capacity(found.len());
        for info in &found {
            let table =
                Table::resolve(wire, &info.schema, &info.name, &info.columns, &info.key).await?;
            streams.push(table.schema);
        }
        Ok(streams)
    }
}

impl Infrastructure for PostgresInput {
    type Config = Config;

    async fn plan(config: Config, context: &TaskContext) -> Result<LifecycleReport> {
        let mut session = Session::open(&config, context).await?;
        session.server.require(&config)?;
        let plan =
            publication::plan(&mut session.wire, &config, &session.publication, &context.task_id)
                .await?;
        let action = match (plan.exists, plan.statements.is_empty()) {
            (false, _) => "create",
            (true, false) => "update",
            (true, true) => "none",
        };
        let publication =
            resource("publication", &session.publication, action, plan.statements.join("; "));
        let (action, detail) = match slot::look(&mut session.wire, &session.slot).await? {
            Some(slot) if config.failover && !slot.failover => {
                ("update", failover::statement(&session.slot))
            }
            Some(_) => ("none", String::new()),
            None => {
                ("create", slot::create_sql(&session.slot, config.failover, session.server.version))
            }
        };
        let report = LifecycleReport::ok().with(publication);
        Ok(report.with(resource("replication slot", &session.slot, action, detail)))
    }

    async fn init(config: Config, context: &TaskContext) -> Result<LifecycleReport> {
        let mut session = Session::open(&config, context).await?;
        session.server.require(&config)?;
        let wire = &mut session.wire;
        let plan = publication::plan(wire, &config, &session.publication, &context.task_id).await?;
        publication::apply(wire, &plan).await?;
        let action = match (plan.exists, plan.statements.is_empty()) {
            (false, _) => "created",
            (true, false) => "updated",
            (true, true) => "exists",
        };
        let mut report = LifecycleReport::ok();
        report = report.with(resource(
            "publication",
            &session.publication,
            action,
            plan.statements.join("; "),
        ));
        let action = match slot::look(wire, &session.slot).await? {
            Some(slot) if config.failover && !slot.failover && config.create => {
                failover::keep_on_standbys(&config.connection.target()?, &session.slot).await?;
                "updated"
            }
            Some(_) => "exists",
            None if !config.create => {
                let sql = slot::create_sql(&session.slot, config.failover, session.server.version);
                let text = format!(
                    "the slot {} is not there, and `create` is false. Run {sql};",
                    session.slot
                );
                return Err(Error::config("slot", text));
            }
            None => {
                let sql = slot::create_sql(&session.slot, config.failover, session.server.version);
                wire.query(&sql).await.map_err(|error| explain::slot(error, &session.slot))?;
                "created"
            }
        };
        report.message =
            Some("from now on the server keeps its log for the slot: start the task soon".into());
        Ok(report.with(Resource::new("replication slot", &session.slot, action)))
    }

    async fn status(config: Config, context: &TaskContext) -> Result<LifecycleReport> {
        let mut session = Session::open(&config, context).await?;
        let wire = &mut session.wire;
        let mut report = LifecycleReport::ok();
        let publication = match publication::look(wire, &session.publication).await? {
            Some(_) => {
                let tables =
                    catalog::published(wire, &session.publication, session.server.version).await?;
                let names: Vec<String> = tables.iter().map(|t| t.stream()).collect();
                resource("publication", &session.publication, "exists", names.join(", "))
            }
            None => Resource::new("publication", &session.publication, "absent"),
        };
        report = report.with(publication);
        let found = slot::look(wire, &session.slot).await?;
        let slot = match &found {
            Some(slot) => resource("replication slot", &session.slot, "exists", slot.describe()),
            None => Resource::new("replication slot", &session.slot, "absent"),
        };
        Ok(report.with(slot))
    }

    /// The publication goes where its comment says that it was made for this task, and the slot with
    /// it; a slot or publication that somebody else made stays.
    async fn destroy(config: Config, context: &TaskContext) -> Result<LifecycleReport> {
        let mut session = Session::open(&config, context).await?;
        let wire = &mut session.wire;
        let found = publication::look(wire, &session.publication).await?;
        let ours = found.as_ref().is_some_and(|found| found.is_of(&context.task_id));
        // A publication that is gone, or that never was ours: the slot of the default name is.
        let default = config.slot.is_none() && config.create && (ours || found.is_none());
        let mut report = LifecycleReport::ok();
        let action = match slot::look_when_free(wire, &session.slot).await? {
            None => "absent",
            Some(slot) if slot.is_active() => {
                slot.require(&session.server.database)?;
                "exists"
            }
            Some(_) if ours || default => {
                let dropped = wire.query(&slot::drop_sql(&session.slot)).await;
                dropped
                    .map_err(|error| Error::from(error).context("the slot cannot be dropped"))?;
                "deleted"
            }
            Some(_) => "exists",
        };
        let mut resource = Resource::new("replication slot", &session.slot, action);
        if action == "exists" {
            resource = resource
                .detail(format!("made by somebody else: {};", slot::drop_sql(&session.slot)));
        }
        report = report.with(resource);
        let action = match (found.is_some(), ours) {
            (false, _) => "absent",
            (true, false) => "exists",
            (true, true) => {
                wire.query(&format!("DROP PUBLICATION {}", quote::name(&session.publication)))
                    .await?;
                "deleted"
            }
        };
        Ok(report.with(Resource::new("publication", &session.publication, action)))
    }
}

fn resource(kind: &str, name: &str, action: &str, detail: String) -> Resource {
    let resource = Resource::new(kind, name, action);
    if detail.is_empty() { resource } else { resource.detail(detail) }
}
