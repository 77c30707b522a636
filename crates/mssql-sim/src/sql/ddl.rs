//! CREATE, ALTER, DROP; users and their rights.

mod alter;
mod create;
mod security;

use std::sync::Arc;

use super::syntax::{Kind, Name, Statement};
use crate::cdc;
use crate::error::{Result, SqlError};
use crate::session::{Found, Session};
use crate::store::{Catalog, LogItem};

impl Session {
    /// All that is definition.
    pub(crate) fn define(&mut self, statement: &Statement) -> Result<()> {
        match &statement.kind {
            Kind::CreateTable { name, body } => self.create_table(name, body)?,
            Kind::DeclareTable { name, body } => {
                let name = Name { database: None, schema: None, name: name.clone() };
                if self.context()?.find_table(&name)?.is_some() {
                    self.drop_table(&name, true)?;
                }
                self.create_table(&name, body)?;
            }
            Kind::AlterTable { name, what } => {
                self.alter_table(name, what)?;
                self.log_ddl(name, &statement.text())?;
            }
            Kind::DropTable { names, if_exists } => {
                for name in names {
                    self.drop_table(name, *if_exists)?;
                }
            }
            Kind::CreateIndex { table, index } => self.create_index(table, index)?,
            Kind::DropIndex { table, name, if_exists } => self.drop_index(table, name, *if_exists)?,
            Kind::Truncate(name) => return self.truncate(name),
            Kind::CreateSchema(name) => self.catalog_change(None, |catalog| {
                if catalog.schemas.contains_key(&name.to_lowercase()) {
                    return Err(SqlError::new(2714, format!("There is already an object named '{name}' in the database.")));
                }
                catalog.add_schema(name);
                Ok(())
            })?,
            Kind::DropSchema { name, if_exists } => self.catalog_change(None, |catalog| {
                if catalog.schemas.remove(&name.to_lowercase()).is_none() && !if_exists {
                    return Err(SqlError::new(15_151, format!("Cannot drop the schema '{name}', because it does not exist or you do not have permission.")));
                }
                Ok(())
            })?,
            Kind::CreateDatabase(name) => {
                let now = self.core.server.clock.now();
                self.core.server.world().create_database(name, now)?;
            }
            Kind::DropDatabase { name, if_exists } => {
                let gone = self.core.server.world().databases.remove(&name.to_lowercase()).is_some();
                if !gone && !if_exists {
                    return Err(SqlError::new(3701, format!("Cannot drop the database '{name}', because it does not exist or you do not have permission.")).class(11));
                }
            }
            Kind::AlterDatabase { name, option, on } => self.alter_database(name.as_deref(), option, *on)?,
            Kind::Security(security) => self.security(security)?,
            other => return Err(SqlError::unknown(format!("{other:?}"))),
        }
        self.defined();
        Ok(())
    }

    /// Changes the definitions of a database, within the transaction.
    pub(super) fn catalog_change<R>(
        &mut self,
        database: Option<&str>,
        change: impl FnOnce(&mut Catalog) -> Result<R>,
    ) -> Result<R> {
        let name = database.map_or_else(|| self.core.database.borrow().clone(), str::to_owned);
        let (id, current) = {
            let mut world = self.core.server.world();
            let found = world.database(&name)?;
            (found.id, found.state.catalog.clone())
        };
        self.writing(|session| {
            session.take_lock(-(id << 1) - 0x4000_0000)?;
            let latest =
                session.core.server.world().by_id(id).map_or(current, |d| d.state.catalog.clone());
            let transaction =
                session.transaction().ok_or_else(|| SqlError::new(8623, "No transaction."))?;
            let catalog = transaction.catalogs.entry(id).or_insert(latest);
            change(Arc::make_mut(catalog))
        })
    }

    fn drop_table(&mut self, name: &Name, if_exists: bool) -> Result<()> {
        let ctx = self.context()?;
        let Some(found) = ctx.find_table(name)? else {
            return if if_exists {
                Ok(())
            } else {
                Err(SqlError::new(3701, format!("Cannot drop the table '{name}', because it does not exist or you do not have permission.")).class(11))
            };
        };
        ctx.need("ALTER", &found.def)?;
        let (database, ..) = ctx.place(name);
        drop(ctx);
        self.writing(|session| {
            session.lock_table(&found)?;
            session.catalog_change(Some(&database), |catalog| {
                catalog.remove(&found.def);
                Ok(())
            })
        })
    }

    /// `cdc.ddl_history` learns of ALTER TABLE on tracked tables.
    fn log_ddl(&mut self, name: &Name, text: &str) -> Result<()> {
        let Some(Found { database, def }) = self.context()?.find_table(name)? else {
            return Ok(());
        };
        let at = self.core.server.clock.now();
        let max_is_null = self.core.server.options.unchanged_max_is_null;
        let mut world = self.core.server.world();
        let Some(found) = world.by_id(database).filter(|d| d.state.cdc.tracks(def.id)) else {
            return Ok(());
        };
        let lsn = found.lsns.commit();
        let upper = text.to_ascii_uppercase();
        let column_changed = upper.contains("ALTER COLUMN") || upper.contains("ALTER  COLUMN");
        found.log.items.push_back(LogItem::Ddl {
            table: def.id,
            command: text.to_owned(),
            lsn,
            at,
            column_changed,
        });
        if found.captures() {
            cdc::capture(found, usize::MAX, max_is_null);
        }
        Ok(())
    }

    fn alter_database(&mut self, name: Option<&str>, option: &str, on: bool) -> Result<()> {
        let name = name.map_or_else(|| self.core.database.borrow().clone(), str::to_owned);
        let mut world = self.core.server.world();
        let found = world.database(&name)?;
        match option {
            "ALLOW_SNAPSHOT_ISOLATION" => found.allow_snapshot = on,
            "READ_COMMITTED_SNAPSHOT" => found.read_committed_snapshot = on,
            "RECOVERY"
            | "SINGLE_USER"
            | "MULTI_USER"
            | "COMPATIBILITY_LEVEL"
            | "AUTO_CLOSE"
            | "DELAYED_DURABILITY" => {}
            other => return Err(SqlError::unknown(format!("ALTER DATABASE … SET {other}"))),
        }
        Ok(())
    }
}
