//! SET, USE, and the session's variables.

use super::Session;
use crate::error::{Result, SqlError};
use crate::sql::syntax::Name;
use crate::store::Isolation;

impl Session {
    pub(super) fn set_variable(&mut self, name: &str, value: &sqlparser::ast::Expr) -> Result<()> {
        let Some((ty, _)) = self.core.variable(name) else {
            return Err(SqlError::new(
                137,
                format!("Must declare the scalar variable \"{name}\"."),
            )
            .class(15));
        };
        let value = self.value_as(value, ty)?;
        self.core.variables.borrow_mut().insert(name.to_lowercase(), (ty, value));
        Ok(())
    }

    pub(super) fn set_option(&mut self, name: &str, value: &str) -> Result<()> {
        let on = value.trim().eq_ignore_ascii_case("ON");
        match name {
            "ISOLATION" => {
                self.isolation = match value {
                    "READ UNCOMMITTED" => Isolation::ReadUncommitted,
                    "READ COMMITTED" => Isolation::ReadCommitted,
                    "REPEATABLE READ" => Isolation::RepeatableRead,
                    "SERIALIZABLE" => Isolation::Serializable,
                    "SNAPSHOT" => Isolation::Snapshot,
                    other => return Err(SqlError::syntax(other)),
                };
            }
            "XACT_ABORT" => self.core.xact_abort.set(on),
            "NOCOUNT" => self.no_count = on,
            "LOCK_TIMEOUT" => {
                let digits: String = value.chars().filter(|c| !c.is_whitespace()).collect();
                self.core.lock_timeout.set(digits.parse().map_err(|_| SqlError::syntax(value))?);
            }
            "IDENTITY_INSERT" => {
                let (table, switch) =
                    value.trim().rsplit_once(' ').ok_or_else(|| SqlError::syntax(value))?;
                let table: String = table.split_whitespace().collect();
                let id = self.context()?.table(&Name::parse(&table)?)?.def.id;
                self.identity_insert = switch.eq_ignore_ascii_case("ON").then_some(id);
            }
            "IMPLICIT_TRANSACTIONS" if on => {
                return Err(SqlError::unknown("SET IMPLICIT_TRANSACTIONS ON"));
            }
            "ROWCOUNT" if value.trim() != "0" => return Err(SqlError::unknown("SET ROWCOUNT")),
            // These change nothing of what the simulator does.
            "ANSI_NULLS"
            | "ANSI_PADDING"
            | "ANSI_WARNINGS"
            | "ANSI_NULL_DFLT_ON"
            | "ARITHABORT"
            | "CONCAT_NULL_YIELDS_NULL"
            | "CURSOR_CLOSE_ON_COMMIT"
            | "IMPLICIT_TRANSACTIONS"
            | "LANGUAGE"
            | "DATEFORMAT"
            | "DATEFIRST"
            | "NUMERIC_ROUNDABORT"
            | "QUOTED_IDENTIFIER"
            | "ROWCOUNT"
            | "TEXTSIZE"
            | "DEADLOCK_PRIORITY"
            | "ANSI_DEFAULTS"
            | "FMTONLY"
            | "NOEXEC"
            | "STATISTICS"
            | "QUERY_GOVERNOR_COST_LIMIT" => {}
            other => return Err(SqlError::unknown(format!("SET {other}"))),
        }
        Ok(())
    }

    pub(super) fn use_database(&mut self, name: &str) -> Result<()> {
        let found = self.server().world().database(name)?.name.clone();
        let old = self.core.database.replace(found.clone());
        self.tokens.env_text(1, &found, &old);
        self.tokens.info(&super::login::changed_database(&found), crate::SERVER_NAME, self.line);
        Ok(())
    }

    /// Whether DML says how many rows it touched.
    pub(crate) fn counted(&mut self, rows: u64) {
        self.core.row_count.set(rows as i64);
        if !self.no_count {
            self.tokens.statement_done(Some(rows), false, false);
        }
    }

    pub(crate) fn defined(&mut self) {
        self.core.row_count.set(0);
        self.tokens.statement_done(None, false, false);
    }

    pub(crate) fn identity_insert(&self) -> Option<i32> {
        self.identity_insert
    }

    pub(crate) fn transaction(&mut self) -> Option<&mut crate::store::Transaction> {
        self.transaction.as_mut()
    }

    /// Drops the session's temporary tables.
    pub(super) fn drop_temporary(&mut self) {
        let suffix = format!("\u{1}{}", self.core.spid);
        let mut world = self.server().world();
        let Ok(tempdb) = world.database("tempdb") else { return };
        let mine: Vec<_> = tempdb
            .state
            .catalog
            .tables
            .values()
            .filter(|t| t.name.ends_with(&suffix))
            .cloned()
            .collect();
        if mine.is_empty() {
            return;
        }
        let state = tempdb.state_mut();
        for table in mine {
            std::sync::Arc::make_mut(&mut state.catalog).remove(&table);
            state.data.remove(&table.id);
        }
    }
}
