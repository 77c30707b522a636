//! The tables that a run would make, as far as its streams are known: shown by `plan`, made by
//! `init`, both by what a run itself does.

use std::collections::HashMap;

use dstream_sdk::{ErrorKind, Resource, Result, StreamSchema};

use crate::bookkeeping::Books;
use crate::evolve::Plan;
use crate::sessions::Sessions;
use crate::target::{Look, check, look};
use crate::targets::{Targets, check_alone, table_of};
use crate::{Config, Database, Dialect, Table, TableName, TableSettings, catalog};

/// What a run would make, and what it would refuse. Without streams the columns are not known, and
/// perhaps not even the names. `db`: there is none where the database is to be made.
pub(crate) async fn tables<D: Database>(
    config: &Config<D::Settings>,
    mut db: Option<&mut D>,
    streams: &[StreamSchema],
) -> Result<Vec<Resource>> {
    let settings = &config.tables;
    let dialect = match &db {
        Some(db) => Some(db.dialect().clone()),
        None => D::dialect_before(&config.database),
    };
    let Some(dialect) = dialect.filter(|_| !streams.is_empty()) else {
        return unknown(settings, &mut db).await.map(|resource| vec![resource]);
    };
    let mut all = Vec::new();
    for (schema, planned) in streams.iter().zip(each(settings, db, dialect, streams).await) {
        match planned {
            Ok(resources) => all.extend(resources),
            // A lost connection is not about the stream.
            Err(error) if error.kind() == ErrorKind::Transient => return Err(error),
            Err(error) => {
                let stream = Resource::new("stream", &schema.stream, "refused");
                all.push(stream.detail(error.to_string()));
            }
        }
    }
    Ok(all)
}

/// What each stream needs, in the order in which it would be made.
async fn each<D: Database>(
    settings: &TableSettings,
    db: Option<&mut D>,
    dialect: D::Dialect,
    streams: &[StreamSchema],
) -> Vec<Result<Vec<Resource>>> {
    let (planned, by_stream) = (HashMap::new(), Vec::new());
    let mut planning = Planning { db, dialect, settings, planned, by_stream };
    let mut all = Vec::new();
    for schema in streams {
        all.push(planning.stream(schema).await);
    }
    all
}

/// Makes what [`tables`] shows; nothing where any of it is refused.
pub(crate) async fn make<D: Database>(
    config: &Config<D::Settings>,
    db: &mut Sessions<D>,
    books: &Books,
    streams: &[StreamSchema],
) -> Result<Vec<Resource>> {
    if streams.is_empty() {
        return Ok(Vec::new());
    }
    let (settings, dialect) = (&config.tables, db.dialect().clone());
    let planned = each(settings, Some(&mut **db), dialect, streams).await;
    let mut resources = planned.into_iter().collect::<Result<Vec<_>>>()?.concat();
    let mut targets = Targets::default();
    db.begin().await?;
    for schema in streams {
        targets.make(db, books, &config.tables, schema).await?;
    }
    db.commit().await?;
    for resource in &mut resources {
        resource.action = match resource.action.as_str() {
            "create" => "created",
            "update" => "updated",
            _ => "exists",
        }
        .into();
    }
    Ok(resources)
}

async fn unknown<D: Database>(
    settings: &TableSettings,
    db: &mut Option<&mut D>,
) -> Result<Resource> {
    let detail = "made and widened by the run, from the schema of the stream";
    let make = |name: String| Resource::new("table", name, "create").detail(detail);
    let Some(name) = settings.fixed_table() else {
        return Ok(make(format!("one for each stream: {}", settings.table)));
    };
    let Some(db) = db else { return Ok(make(name.to_owned())) };
    let table = db.dialect().table_name(name);
    Ok(match db.existing(&table).await? {
        Some(_) => Resource::new("table", table.to_string(), "none"),
        None => make(table.to_string()),
    })
}

struct Planning<'p, D: Database> {
    db: Option<&'p mut D>,
    dialect: D::Dialect,
    settings: &'p TableSettings,
    /// The columns of tables that an earlier stream would make or widen.
    planned: HashMap<TableName, Vec<String>>,
    by_stream: Vec<(String, TableName)>,
}

impl<D: Database> Planning<'_, D> {
    /// What one stream needs, in the order in which it would be made.
    async fn stream(&mut self, schema: &StreamSchema) -> Result<Vec<Resource>> {
        let Self { dialect, settings, .. } = self;
        let table = table_of::<D>(settings, dialect, schema)?;
        let name = table.name.clone();
        let others = self.by_stream.iter().map(|(stream, name)| (stream.as_str(), name));
        check_alone(settings, dialect, &schema.stream, &name, others)?;
        let planned = self.planned.get(&name).map(Vec::as_slice);
        let look = look(self.db.as_deref_mut(), dialect, settings, table, planned).await?;
        let mut resources = self.schema_of(&look).await?;
        let (action, sql) = said(&look);
        resources
            .push(Resource { detail: sql, ..Resource::new("table", name.to_string(), action) });
        let columns = look.columns();
        if let Some(db) = &mut self.db {
            check(*db, self.settings, look).await?;
        }
        self.by_stream.push((schema.stream.clone(), name.clone()));
        if action != "none" {
            self.planned.entry(name).or_default().extend(columns);
        }
        Ok(resources)
    }

    /// The schema that the table is to stand in, where that is to be made as well.
    async fn schema_of(&mut self, look: &Look<D::Dialect>) -> Result<Vec<Resource>> {
        let Table { name, .. } = &look.wanted;
        let in_schema = |other: &TableName| other.schema == name.schema;
        let (Plan::Create(_), Some(db)) = (&look.plan, &mut self.db) else { return Ok(Vec::new()) };
        if self.planned.keys().any(in_schema) {
            return Ok(Vec::new());
        }
        let Some(sql) = catalog::missing_schema(*db, name).await? else { return Ok(Vec::new()) };
        let schema = name.schema.clone().unwrap_or_default();
        Ok(vec![Resource::new(self.dialect.schema_word(), schema, "create").detail(sql)])
    }
}

/// What happens to the table, and by which statements.
fn said<L>(look: &Look<L>) -> (&'static str, Option<String>) {
    match &look.plan {
        Plan::Create(sql) => ("create", Some(sql.clone())),
        Plan::Add(columns) => {
            let all: Vec<_> = columns.iter().map(|(_, sql)| sql.as_str()).collect();
            ("update", Some(all.join(";\n")))
        }
        Plan::Ignored(columns) => {
            ("none", Some(format!("not written, since it lacks them: {}", columns.join(", "))))
        }
        Plan::Refused(_) | Plan::Nothing => ("none", None),
    }
}
