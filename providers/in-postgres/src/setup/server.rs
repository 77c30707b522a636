//! The server: which one it is, and whether it can do what is asked.

use dstream_postgres::{Target, Wire, quote};
use dstream_sdk::{Error, Result};

use crate::catalog::text;
use crate::config::Config;
use crate::setup::failover;
use crate::state::StreamState;

/// The oldest version that is supported: 14 brought what is used of pgoutput.
const OLDEST: u32 = 140_000;

/// What the server says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// 150013 for 15.13.
    pub(crate) version: u32,
    /// Its identity, the same on its standbys.
    pub(crate) system: String,
    pub(crate) database: String,
    pub(crate) encoding: String,
    wal_level: String,
    may_replicate: bool,
    role: String,
}

/// A connection for catalog queries. Names are written with their schema.
pub(crate) async fn connect(target: &Target) -> Result<Wire> {
    let mut wire = Wire::connect(target).await?;
    wire.query("SET search_path = pg_catalog").await?;
    Ok(wire)
}

impl Server {
    /// Asks it.
    pub(crate) async fn look(wire: &mut Wire) -> Result<Self> {
        // Managed servers have roles of their own in place of the attribute.
        let rows = wire
            .query(
                "SELECT current_setting('server_version_num'), (SELECT system_identifier FROM pg_control_system()), \
                   current_database(), current_setting('server_encoding'), current_setting('wal_level'), \
                   (SELECT rolsuper OR rolreplication FROM pg_roles WHERE rolname = current_user) OR EXISTS ( \
                     SELECT FROM pg_roles r WHERE r.rolname IN ('rds_replication', 'rds_superuser', 'azure_pg_admin') \
                       AND pg_has_role(current_user, r.oid, 'member')), \
                   current_user",
            )
            .await?;
        let row = rows.into_iter().next().unwrap_or_default();
        Ok(Self {
            version: text(&row, 0).parse().unwrap_or(0),
            system: text(&row, 1),
            database: text(&row, 2),
            encoding: text(&row, 3),
            wal_level: text(&row, 4),
            may_replicate: text(&row, 5) == "t",
            role: text(&row, 6),
        })
    }

    /// Names the source.
    pub(crate) fn fingerprint(&self) -> String {
        format!("postgresql:{}/{}", self.system, self.database)
    }

    /// `15.13`
    pub(crate) fn version_text(&self) -> String {
        format!("{}.{}", self.version / 10_000, self.version % 10_000)
    }

    /// Whether logical replication can work at all, and as the config wants it.
    pub(crate) fn require(&self, config: &Config) -> Result<()> {
        if config.failover && self.version < failover::OLDEST {
            let text = format!(
                "standbys keep slots since PostgreSQL 17, and this is {}: leave `failover` out",
                self.version_text()
            );
            return Err(Error::config("failover", text));
        }
        if self.version < OLDEST {
            let text = format!(
                "the server is PostgreSQL {}; change data capture needs 14 or later",
                self.version_text()
            );
            return Err(Error::permanent(text));
        }
        self.require_encoding()?;
        if self.wal_level != "logical" {
            return Err(Error::permanent(format!(
                "the server's wal_level is `{}`, and logical replication needs `logical`: as a superuser run \
                 ALTER SYSTEM SET wal_level = 'logical'; then restart the server (managed servers: \
                 rds.logical_replication = 1, cloudsql.logical_decoding = on, wal_level of the service)",
                self.wal_level
            )));
        }
        if !self.may_replicate {
            let role = quote::name(&self.role);
            return Err(Error::auth(format!(
                "the role {role} may not replicate: as a superuser run ALTER ROLE {role} REPLICATION; \
                 (Amazon RDS: GRANT rds_replication TO {role};)"
            )));
        }
        Ok(())
    }

    /// Whether texts can be read at all.
    pub(crate) fn require_encoding(&self) -> Result<()> {
        if self.encoding == "SQL_ASCII" {
            return Err(Error::permanent(format!(
                "the database {} has the encoding SQL_ASCII: its texts can be in any encoding, and dstream's are \
                 UTF-8; move it to a database with an encoding",
                self.database
            )));
        }
        Ok(())
    }

    /// Whether a checkpoint was taken here.
    pub(crate) fn require_same(&self, state: &StreamState) -> Result<()> {
        if state.system == self.system && state.database == self.database {
            return Ok(());
        }
        Err(Error::permanent(format!(
            "the checkpoint is of the database {} of the server with system identifier {}, and this is {} of {}: \
             another server, or one that was restored from a backup. Connect to the right one, or forget the \
             checkpoint (`dstream state rm`) to begin anew",
            state.database, state.system, self.database, self.system
        )))
    }
}
