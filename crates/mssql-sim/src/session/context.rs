//! What a statement sees: names, rows as of its begin, rights.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::{Core, Session};
use crate::cdc::Instance;
use crate::error::{Result, SqlError};
use crate::sql::plan::Stored;
use crate::sql::syntax::Name;
use crate::store::{Catalog, Grant, Isolation, State, TableData, TableDef};

/// A table that was found.
pub(crate) struct Found {
    pub database: i32,
    pub def: Arc<TableDef>,
}

/// One statement's view of everything.
pub(crate) struct Context {
    pub core: Rc<Core>,
    states: RefCell<HashMap<i32, Arc<State>>>,
    /// What the transaction has written.
    data: HashMap<i32, TableData>,
    catalogs: HashMap<i32, Arc<Catalog>>,
    /// The database that a SNAPSHOT transaction may not touch.
    denied: Option<i32>,
}

impl Session {
    /// The view for the next statement.
    pub(crate) fn context(&mut self) -> Result<Context> {
        let core = self.core.clone();
        let mut states = HashMap::new();
        let (mut data, mut catalogs) = (HashMap::new(), HashMap::new());
        let mut denied = None;
        if self.isolation == Isolation::Snapshot && self.transaction.is_some() {
            denied = self.take_snapshot()?;
        }
        if let Some(transaction) = &self.transaction {
            data = transaction.data.clone();
            catalogs = transaction.catalogs.clone();
            states = transaction.snapshots.clone();
        }
        Ok(Context { core, states: RefCell::new(states), data, catalogs, denied })
    }

    /// In a SNAPSHOT transaction the first statement decides what is seen. Returns the database if
    /// it does not allow that.
    fn take_snapshot(&mut self) -> Result<Option<i32>> {
        let name = self.core.database.borrow().clone();
        let (id, allowed, state) = {
            let mut world = self.core.server.world();
            let database = world.database(&name)?;
            (database.id, database.allow_snapshot, database.state.clone())
        };
        if !allowed && !name.eq_ignore_ascii_case("master") && !name.eq_ignore_ascii_case("tempdb")
        {
            return Ok(Some(id));
        }
        if let Some(transaction) = &mut self.transaction {
            transaction.snapshots.entry(id).or_insert(state);
        }
        Ok(None)
    }
}

impl Context {
    fn state_of(&self, database: &str) -> Result<(i32, Arc<State>)> {
        let (id, current) = {
            let mut world = self.core.server.world();
            let found = world.database(database)?;
            (found.id, found.state.clone())
        };
        Ok((id, self.states.borrow_mut().entry(id).or_insert(current).clone()))
    }

    /// The session's database.
    pub(crate) fn state(&self) -> Result<Arc<State>> {
        let name = self.core.database.borrow().clone();
        self.state_of(&name).map(|(_, state)| state)
    }

    pub(crate) fn state_named(&self, database: &str) -> Result<Arc<State>> {
        self.state_of(database).map(|(_, state)| state)
    }

    pub(crate) fn catalog(&self) -> Result<Arc<Catalog>> {
        let name = self.core.database.borrow().clone();
        let (id, state) = self.state_of(&name)?;
        Ok(self.catalogs.get(&id).cloned().unwrap_or_else(|| state.catalog.clone()))
    }

    /// A table by name; temporary ones live in `tempdb` under a name of the session's own.
    pub(crate) fn find_table(&self, name: &Name) -> Result<Option<Found>> {
        let (database, schema, table) = self.place(name);
        let Ok((id, state)) = self.state_of(&database) else { return Ok(None) };
        let catalog = self.catalogs.get(&id).unwrap_or(&state.catalog);
        if self.denied == Some(id) && catalog.table(&schema, &table).is_some() {
            return Err(SqlError::new(
                3952,
                format!(
                    "Snapshot isolation transaction failed accessing database '{database}' because snapshot isolation is not allowed in this database. Use ALTER DATABASE to allow snapshot isolation."
                ),
            ));
        }
        Ok(catalog.table(&schema, &table).map(|def| Found { database: id, def: def.clone() }))
    }

    /// Database, schema and name as they are stored.
    pub(crate) fn place(&self, name: &Name) -> (String, String, String) {
        if (name.name.starts_with('#') && !name.name.starts_with("##"))
            || name.name.starts_with('@')
        {
            return (
                "tempdb".into(),
                "dbo".into(),
                format!("{}\u{1}{}", name.name, self.core.spid),
            );
        }
        if name.name.starts_with("##") {
            return ("tempdb".into(), "dbo".into(), name.name.clone());
        }
        let database = name.database.clone().unwrap_or_else(|| self.core.database.borrow().clone());
        (database, name.schema.clone().unwrap_or_else(|| "dbo".into()), name.name.clone())
    }

    /// # Errors
    /// 208: there is none.
    pub(crate) fn table(&self, name: &Name) -> Result<Found> {
        self.find_table(name)?.ok_or_else(|| SqlError::no_object(name))
    }

    /// The rows of a table, as this statement sees them.
    pub(crate) fn rows_of(&self, found: &Found) -> TableData {
        if let Some(data) = self.data.get(&found.def.id) {
            return data.clone();
        }
        let states = self.states.borrow();
        states
            .get(&found.database)
            .and_then(|state| state.data.get(&found.def.id))
            .cloned()
            .unwrap_or_default()
    }

    pub(crate) fn stored(&self, found: &Found) -> Stored {
        if found.def.shipped && found.def.schema == "cdc" {
            let states = self.states.borrow();
            let changes = states
                .get(&found.database)
                .and_then(|s| s.cdc.instances.iter().find(|i| i.table.id == found.def.id));
            if let Some(instance) = changes {
                return Stored::Changes(instance.changes.clone());
            }
        }
        Stored::Rows(self.rows_of(found))
    }

    pub(crate) fn is_sa(&self) -> bool {
        self.core.login.eq_ignore_ascii_case("sa")
    }

    /// `sa`, and who is in `db_owner`.
    pub(crate) fn is_owner(&self) -> bool {
        self.is_sa() || self.in_role("db_owner")
    }

    pub(crate) fn in_role(&self, role: &str) -> bool {
        let role = role.to_lowercase();
        if role == "public" {
            return true;
        }
        if self.is_sa() {
            return role == "db_owner";
        }
        self.catalog().is_ok_and(|catalog| {
            catalog
                .users
                .values()
                .any(|u| u.login.eq_ignore_ascii_case(&self.core.login) && u.roles.contains(&role))
        })
    }

    /// May the user do this to `schema.name`?
    pub(crate) fn allowed(&self, permission: &str, schema: &str, name: &str) -> bool {
        if self.is_owner() {
            return true;
        }
        let Ok(catalog) = self.catalog() else { return false };
        let places = [
            format!("{schema}.{name}").to_lowercase(),
            format!("schema::{schema}").to_lowercase(),
            String::new(),
        ];
        let mut who = Vec::new();
        for (user, entry) in &catalog.users {
            if entry.login.eq_ignore_ascii_case(&self.core.login) {
                who.push(user.clone());
                who.extend(entry.roles.iter().cloned());
            }
        }
        who.push("public".into());
        if who.iter().any(|w| w == "db_datareader")
            && permission == "SELECT"
            && !schema.eq_ignore_ascii_case("cdc")
        {
            return true;
        }
        if who.iter().any(|w| w == "db_datawriter")
            && matches!(permission, "INSERT" | "UPDATE" | "DELETE")
        {
            return true;
        }
        let matches = |grant: &Grant| {
            (grant.permission == permission || grant.permission == "CONTROL")
                && places.contains(&grant.on)
        };
        let entries = || who.iter().filter_map(|w| catalog.users.get(w));
        entries().any(|u| u.grants.iter().any(matches))
            && !entries().any(|u| u.denies.iter().any(matches))
    }

    /// # Errors
    /// 229.
    pub(crate) fn need(&self, permission: &str, table: &TableDef) -> Result<()> {
        let temporary = table.name.starts_with(['#', '@']);
        if temporary || self.allowed(permission, &table.schema, &table.name) {
            return Ok(());
        }
        let database = self.core.database.borrow();
        Err(SqlError::new(229, format!("The {permission} permission was denied on the object '{}', database '{database}', schema '{}'.", table.name, table.schema)).class(14))
    }

    /// The gating role of a capture instance, and SELECT on its captured columns.
    pub(crate) fn may_read_instance(&self, instance: &Instance) -> bool {
        self.is_owner()
            || (instance.role.as_deref().is_none_or(|role| self.in_role(role))
                && self.allowed("SELECT", &instance.source.schema, &instance.source.name))
    }
}
