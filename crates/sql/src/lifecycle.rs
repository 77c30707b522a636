//! check, plan, init, status and destroy.

use dstream_sdk::{Check, Infrastructure, LifecycleReport, Resource, Result, TaskContext};

use crate::bookkeeping::{Bookkeeping, Books, Owner};
use crate::lanes::{commit_of, settle};
use crate::sessions::Sessions;
use crate::{Access, Config, Database, Dialect, SqlOutput, TableName, plan};

impl<D: Database> Check for SqlOutput<D> {
    type Config = Config<D::Settings>;

    async fn check(config: Self::Config, _: &TaskContext) -> Result<String> {
        config.check::<D>()?;
        match D::connect(&config.database, Access::Look).await? {
            Some(mut db) => {
                let about = db.about().await?;
                db.can_prepare().await.map(|()| about)
            }
            None => Ok(format!("{} is not there yet and will be made", D::place(&config.database))),
        }
    }
}

impl<D: Database> Infrastructure for SqlOutput<D> {
    type Config = Config<D::Settings>;

    async fn plan(config: Self::Config, context: &TaskContext) -> Result<LifecycleReport> {
        config.check::<D>()?;
        let mut db = D::connect(&config.database, Access::Look).await?;
        let action = if db.is_some() { "none" } else { "create" };
        let mut report = database::<D>(&config, action);
        if let Some(db) = &mut db {
            db.can_prepare().await?;
            let books = books(db, context);
            report = planned_bookkeeping(db, &books, report).await?;
        }
        let planned = plan::tables::<D>(&config, db.as_mut(), &context.streams).await?;
        Ok(planned.into_iter().fold(report, LifecycleReport::with))
    }

    async fn init(config: Self::Config, context: &TaskContext) -> Result<LifecycleReport> {
        config.check::<D>()?;
        let there = D::connect(&config.database, Access::Look).await?.is_some();
        let opened = Sessions::<D>::open(config.database.clone(), Access::Change).await?;
        let Some(mut db) = opened else { return Ok(database::<D>(&config, "absent")) };
        db.can_prepare().await?;
        let mut report = database::<D>(&config, if there { "exists" } else { "created" });
        let books = books(&*db, context);
        let missing: Vec<_> = books.missing(&mut *db).await?.into_iter().cloned().collect();
        db.begin().await?;
        books.create(&mut *db).await?;
        db.commit().await?;
        for table in books.tables.all() {
            let action = if missing.contains(table) { "created" } else { "exists" };
            report = report.with(Resource::new("table", table.to_string(), action));
        }
        let made = plan::make(&config, &mut db, &books, &context.streams).await?;
        Ok(made.into_iter().fold(report, LifecycleReport::with))
    }

    async fn status(config: Self::Config, context: &TaskContext) -> Result<LifecycleReport> {
        config.check::<D>()?;
        let Some(mut db) = D::connect(&config.database, Access::Look).await? else {
            return Ok(database::<D>(&config, "absent"));
        };
        let books = books(&db, context);
        let place = D::place(&config.database);
        let there = Resource::new("database", place, "exists").kept();
        let report = LifecycleReport::ok().with(there);
        if !books.missing(&mut db).await?.is_empty() {
            return Ok(report);
        }
        let report = tables(&mut db, &books, report).await?;
        let report = progress(&mut db, &books, report).await?;
        let report = prepared(&mut db, &books, report).await?;
        bookkeeping(&mut db, &books, report).await
    }

    async fn destroy(config: Self::Config, context: &TaskContext) -> Result<LifecycleReport> {
        config.check::<D>()?;
        if D::connect(&config.database, Access::Look).await?.is_none() {
            return Ok(database::<D>(&config, "absent"));
        }
        let Some(mut db) = D::connect(&config.database, Access::Change).await? else {
            return Ok(database::<D>(&config, "absent"));
        };
        let mut report = LifecycleReport::ok();
        let books = books(&db, context);
        if !books.missing(&mut db).await?.is_empty() {
            return Ok(report);
        }
        report = end_prepared(&mut db, &books, report).await?;
        db.begin().await?;
        for table in books.noted(&mut db).await? {
            if !db.is_ours(&table).await? {
                let detail = "it was not made by dstream, though noted as if: a run was ended before it could";
                report =
                    report.with(Resource::new("table", table.to_string(), "kept").detail(detail));
                continue;
            }
            drop_table(&mut db, &table).await?;
            report = report.with(Resource::new("table", table.to_string(), "deleted"));
        }
        books.forget(&mut db).await?;
        for table in remove_bookkeeping(&mut db, &books).await? {
            report = report.with(Resource::new("table", table.to_string(), "deleted"));
        }
        db.commit().await?;
        report.message = Some(format!("{} itself is left", D::place(&config.database)));
        Ok(report)
    }
}

fn books<D: Database>(db: &D, context: &TaskContext) -> Books {
    let owner = Owner::new(&context.task_id, &context.task, &context.name);
    Books::new(db.dialect(), owner)
}

fn database<D: Database>(config: &Config<D::Settings>, action: &str) -> LifecycleReport {
    let place = D::place(&config.database);
    LifecycleReport::ok().with(Resource::new("database", place, action))
}

/// The statements that `init` would run.
async fn planned_bookkeeping<D: Database>(
    db: &mut D,
    books: &Books,
    mut report: LifecycleReport,
) -> Result<LifecycleReport> {
    let missing = books.missing(db).await?;
    let Bookkeeping { prepare, create, checkpoints, .. } = &books.tables;
    if let (Some(schema), false, false) =
        (&checkpoints.schema, missing.is_empty(), prepare.is_empty())
    {
        let sql = prepare.join(";\n");
        report = report.with(Resource::new("schema", schema, "create").detail(sql));
    }
    for (table, sql) in books.tables.all().into_iter().zip(create) {
        let resource = |action: &str| Resource::new("table", table.to_string(), action);
        report = report.with(match missing.contains(&table) {
            true => resource("create").detail(sql),
            false => resource("none"),
        });
    }
    Ok(report)
}

/// The tables that the task has made.
async fn tables<D: Database>(
    db: &mut D,
    books: &Books,
    mut report: LifecycleReport,
) -> Result<LifecycleReport> {
    for table in books.noted(db).await? {
        let resource = if db.existing(&table).await?.is_some() {
            let rows = count(db, &table).await?;
            Resource::new("table", table.to_string(), "exists").detail(format!("{rows} rows"))
        } else {
            Resource::new("table", table.to_string(), "absent")
        };
        report = report.with(resource);
    }
    Ok(report)
}

/// The tables of the bookkeeping; they go with the last task that uses them.
async fn bookkeeping<D: Database>(
    db: &mut D,
    books: &Books,
    mut report: LifecycleReport,
) -> Result<LifecycleReport> {
    let shared = books.others(db).await?;
    for table in books.tables.all() {
        let resource = Resource::new("table", table.to_string(), "exists");
        report = report.with(match shared {
            true => resource.detail("other tasks use it").kept(),
            false => resource.detail("bookkeeping, no other task uses it"),
        });
    }
    Ok(report)
}

/// How far the runs have come.
async fn progress<D: Database>(
    db: &mut D,
    books: &Books,
    mut report: LifecycleReport,
) -> Result<LifecycleReport> {
    if let Some(row) = books.run_row(db).await? {
        let text = |at: usize| row.get(at).cloned().flatten();
        let last = match (text(1), text(2)) {
            (Some(epoch), Some(id)) => format!(", last commit {id} of epoch {epoch}"),
            _ => String::new(),
        };
        let detail = format!("epoch {}{last}", text(0).unwrap_or_default());
        report = report.with(Resource::new("run", &books.owner.task, "exists").detail(detail));
    }
    for (input, parts) in books.states(db).await? {
        for (part, state) in parts {
            let name = if part.is_empty() { input.clone() } else { format!("{input}/{part}") };
            report = report.with(Resource::new("checkpoint", name, "exists").detail(state.get()));
        }
    }
    for shared in books.shared_states(db).await? {
        let name = format!("{}/{}", shared.input, shared.part);
        let detail =
            format!("lease's epoch {}: {}", shared.epoch, shared.state.as_deref().unwrap_or("-"));
        report = report.with(Resource::new("checkpoint", name, "exists").detail(detail));
    }
    let rejected = books.rejected(db).await?.len();
    if rejected > 0 {
        let detail = format!("{rejected} that the host has not confirmed");
        report = report.with(Resource::new("dead letters", "", "exists").detail(detail));
    }
    Ok(report)
}

/// What a run has left prepared, or has prepared just now.
async fn prepared<D: Database>(
    db: &mut D,
    books: &Books,
    mut report: LifecycleReport,
) -> Result<LifecycleReport> {
    let run = db.run_name(&books.owner.name()).await?;
    let all = commit_of(db, &run).await?;
    // Behind the look at what is prepared: no mark that is newer is missed.
    let saved = books.mark(db).await?;
    for (name, mark) in all {
        let (what, end) = match saved == Some(mark) {
            true => ("has been saved", "commits"),
            false => ("has not been saved", "rolls back"),
        };
        let detail = format!(
            "rows of commit {} of epoch {}, which {what}: unless a run is at it just now, the next start {end} them, and so does `destroy`; until then they are locked",
            mark.id, mark.epoch
        );
        let one = Resource::new("prepared transaction", name, "exists");
        report = report.with(one.detail(detail));
    }
    Ok(report)
}

/// Ends what is left prepared, as a run would: from here on older ones are fenced.
async fn end_prepared<D: Database>(
    db: &mut D,
    books: &Books,
    mut report: LifecycleReport,
) -> Result<LifecycleReport> {
    let run = db.run_name(&books.owner.name()).await?;
    db.begin().await?;
    let claimed = books.open(db).await?;
    db.commit().await?;
    for (name, committed) in settle(db, books, &run, claimed.epoch, claimed.previous).await? {
        let action = if committed { "committed" } else { "rolled back" };
        report = report.with(Resource::new("prepared transaction", name, action));
    }
    Ok(report)
}

/// The bookkeeping goes when no task uses it any more.
async fn remove_bookkeeping<D: Database>(db: &mut D, books: &Books) -> Result<Vec<TableName>> {
    for table in books.tables.all() {
        if count(db, table).await? != "0" {
            return Ok(Vec::new());
        }
    }
    for table in books.tables.all() {
        drop_table(db, table).await?;
    }
    Ok(books.tables.all().into_iter().cloned().collect())
}

async fn drop_table<D: Database>(db: &mut D, table: &TableName) -> Result<()> {
    let sql = format!("DROP TABLE IF EXISTS {}", db.dialect().quote_table(table));
    db.run(&sql).await
}

async fn count<D: Database>(db: &mut D, table: &TableName) -> Result<String> {
    let sql = format!("SELECT count(*) FROM {}", db.dialect().quote_table(table));
    let rows = db.query(&sql, &[]).await?;
    Ok(rows.into_iter().flatten().flatten().next().unwrap_or_default())
}
