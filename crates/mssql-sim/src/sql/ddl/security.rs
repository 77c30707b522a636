//! Logins, users, roles and rights.

use crate::error::{Result, SqlError};
use crate::session::Session;
use crate::sql::syntax::{Security, Verb};
use crate::store::Grant;

impl Session {
    pub(super) fn security(&mut self, security: &Security) -> Result<()> {
        if !self.context()?.is_owner() {
            return Err(SqlError::new(
                15_247,
                "User does not have permission to perform this action.",
            ));
        }
        match security {
            Security::Nothing => Ok(()),
            Security::CreateLogin { name, password } => {
                let mut world = self.core.server.world();
                if world.logins.insert(name.to_lowercase(), password.clone()).is_some() {
                    return Err(SqlError::new(15_025, format!("The server principal '{name}' already exists.")));
                }
                Ok(())
            }
            Security::AlterLogin { name, password } => {
                let mut world = self.core.server.world();
                let known = world.logins.get_mut(&name.to_lowercase()).ok_or_else(|| {
                    SqlError::new(15_151, format!("Cannot alter the login '{name}', because it does not exist or you do not have permission."))
                })?;
                known.clone_from(password);
                Ok(())
            }
            Security::DropLogin(name) => {
                self.core.server.world().logins.remove(&name.to_lowercase());
                Ok(())
            }
            other => self.catalog_change(None, |catalog| {
                match other {
                    Security::CreateUser { name, login } => {
                        catalog.users.entry(name.to_lowercase()).or_default().login = login.clone();
                    }
                    Security::DropUser(name) => drop(catalog.users.remove(&name.to_lowercase())),
                    Security::CreateRole(name) => {
                        catalog.roles.insert(name.to_lowercase());
                    }
                    Security::AddMember { role, member, add } => {
                        let user = catalog.users.get_mut(&member.to_lowercase()).ok_or_else(|| {
                            SqlError::new(15_151, format!("Cannot add the principal '{member}', because it does not exist or you do not have permission."))
                        })?;
                        if *add { user.roles.insert(role.to_lowercase()) } else { user.roles.remove(&role.to_lowercase()) };
                    }
                    Security::Permission { verb, permissions, on, to } => {
                        // Roles hold rights as users do.
                        let to = catalog.users.entry(to.to_lowercase()).or_default();
                        for permission in permissions {
                            let grant = Grant { permission: permission.clone(), on: on.clone() };
                            match verb {
                                Verb::Grant => {
                                    to.denies.remove(&grant);
                                    to.grants.insert(grant);
                                }
                                Verb::Deny => {
                                    to.denies.insert(grant);
                                }
                                Verb::Revoke => {
                                    to.grants.remove(&grant);
                                    to.denies.remove(&grant);
                                }
                            }
                        }
                    }
                    _ => {}
                }
                Ok(())
            }),
        }
    }
}
