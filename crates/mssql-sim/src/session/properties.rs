//! `sp_addextendedproperty` and its neighbours, of a database and of a table.
//! <https://learn.microsoft.com/en-us/sql/relational-databases/system-stored-procedures/sp-addextendedproperty-transact-sql>

use std::sync::Arc;

use super::Session;
use super::calls::Arguments;
use crate::error::{Result, SqlError};

/// The level types that are known here, and the arguments that name them.
const LEVELS: [(&str, &str, &str); 2] =
    [("SCHEMA", "@level0type", "@level0name"), ("TABLE", "@level1type", "@level1name")];

impl Session {
    /// Where the procedure is one of these.
    pub(super) fn property(&mut self, procedure: &str, a: &Arguments) -> Result<bool> {
        let adds = match procedure {
            "sp_addextendedproperty" => true,
            "sp_dropextendedproperty" => false,
            _ => return Ok(false),
        };
        self.need_owner()?;
        let name = a.required(0, "@name", procedure)?;
        // Without a value in the way, the levels of the second procedure stand one place further to the front.
        let first = if adds { 2 } else { 1 };
        let mut named = Vec::new();
        for (at, (kind, kind_name, level_name)) in LEVELS.iter().enumerate() {
            let Some(given) = a.text(first + 2 * at, kind_name) else { break };
            if !given.eq_ignore_ascii_case(kind) {
                return Err(SqlError::unknown(format!("an extended property of a {given}")));
            }
            named.push(a.required(first + 2 * at + 1, level_name, procedure)?);
        }
        let object = self.property_object(&named)?;
        let value = a.text(1, "@value").filter(|_| adds);
        let database = self.core.database.borrow().clone();
        let server = self.server().clone();
        let mut world = server.world();
        let catalog = Arc::make_mut(&mut world.database(&database)?.state_mut().catalog);
        let key = (object, name.to_lowercase());
        let on = if named.is_empty() { "object specified".to_owned() } else { named.join(".") };
        match (adds, catalog.properties.contains_key(&key)) {
            (true, true) => Err(SqlError::new(
                15_233,
                format!("Property cannot be added. Property '{name}' already exists for '{on}'."),
            )),
            (false, false) => Err(SqlError::new(
                15_217,
                format!(
                    "Property cannot be updated or deleted. Property '{name}' does not exist for '{on}'."
                ),
            )),
            (true, false) => {
                catalog.properties.insert(key, (name, value.unwrap_or_default()));
                Ok(true)
            }
            (false, true) => {
                catalog.properties.remove(&key);
                Ok(true)
            }
        }
    }

    /// The table's number; zero: the database itself.
    fn property_object(&mut self, named: &[String]) -> Result<i32> {
        let [schema, table] = named else {
            return match named.is_empty() {
                true => Ok(0),
                false => Err(SqlError::unknown("an extended property of a schema")),
            };
        };
        let ctx = self.context()?;
        let found =
            ctx.catalog()?.table(schema, table).filter(|table| !table.shipped).map(|t| t.id);
        found.ok_or_else(|| {
            SqlError::new(
                15_135,
                format!("Object is invalid. Extended properties are not permitted on '{schema}.{table}', or the object does not exist."),
            )
        })
    }
}
