//! Which server this is.

use dstream_sdk::Result;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use crate::error;

/// The two families, which differ in GTIDs, snapshots and statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavor {
    /// MySQL, Percona Server, Aurora.
    MySql,
    /// MariaDB.
    MariaDb,
}

/// The server at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its family.
    pub flavor: Flavor,
    /// Its version, as it says it: `10.11.6-MariaDB-1`.
    pub version: String,
    /// `server_id`.
    pub id: u32,
    /// What tells it from every other: MySQL's `server_uuid`; MariaDB has none, so `server_id`.
    pub identity: String,
}

impl Server {
    /// Asks.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn ask(conn: &mut Conn) -> Result<Self> {
        let row: Option<(String, u32)> =
            conn.query_first("SELECT VERSION(), @@server_id").await.map_err(error)?;
        let (version, id) = row.unwrap_or_default();
        let maria = version.to_ascii_lowercase().contains("mariadb");
        let flavor = if maria { Flavor::MariaDb } else { Flavor::MySql };
        let identity = match flavor {
            Flavor::MariaDb => id.to_string(),
            Flavor::MySql => {
                let uuid = conn.query_first("SELECT @@server_uuid").await.map_err(error)?;
                uuid.unwrap_or_default()
            }
        };
        Ok(Self { flavor, version, id, identity })
    }

    /// `MariaDB 10.11.6`.
    pub fn title(&self) -> String {
        let name = if self.is_mariadb() { "MariaDB" } else { "MySQL" };
        let number = self.version.split(['-', '+']).next().unwrap_or_default();
        format!("{name} {number}")
    }

    /// Its release, to compare: 10.11 is 1011.
    pub fn release(&self) -> u32 {
        let mut numbers = self.version.split('.').map_while(|part| part.parse::<u32>().ok());
        let mut number = || numbers.next().unwrap_or_default();
        number() * 100 + number()
    }

    /// The collation that compares by the bytes, the blanks at the end too: `a`, `A` and `a ` are
    /// three texts.
    pub fn binary_collation(&self) -> &'static str {
        if self.is_mariadb() { "utf8mb4_nopad_bin" } else { "utf8mb4_0900_bin" }
    }

    /// Whether there is a type for UUIDs.
    pub fn has_uuid(&self) -> bool {
        self.is_mariadb() && self.release() >= 1007
    }

    /// Whether it is MariaDB.
    pub fn is_mariadb(&self) -> bool {
        self.flavor == Flavor::MariaDb
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_as_numbers() {
        let server = |flavor, version: &str| Server {
            flavor,
            version: version.into(),
            id: 1,
            identity: "1".into(),
        };
        let maria = server(Flavor::MariaDb, "10.6.18-MariaDB-0ubuntu");
        assert!((maria.release(), maria.has_uuid()) == (1006, false));
        assert!(server(Flavor::MariaDb, "11.4.2-MariaDB").has_uuid());
        let mysql = server(Flavor::MySql, "8.4.3");
        assert!((mysql.release(), mysql.has_uuid()) == (804, false));
        assert_eq!(mysql.binary_collation(), "utf8mb4_0900_bin");
    }
}
