//! The server's charsets: which collation belongs to which, and the tables of the one-byte ones.

use std::collections::HashMap;
use std::sync::Arc;

use dstream_mysql::error;
use dstream_mysql::mysql_async::Conn;
use dstream_mysql::mysql_async::prelude::Queryable;
use dstream_sdk::{Context, Result};

use crate::charset::Charset;

/// Charsets by name, and names by the number of a collation.
#[derive(Debug, Default)]
pub(crate) struct Charsets {
    names: HashMap<u64, String>,
    charsets: HashMap<String, Charset>,
}

impl Charsets {
    /// Asks the server.
    pub(crate) async fn load(conn: &mut Conn) -> Result<Self> {
        let mut charsets = Self::default();
        // MariaDB has the collations that belong to several charsets only here, since 10.10.
        for view in ["COLLATION_CHARACTER_SET_APPLICABILITY", "COLLATIONS"] {
            let sql = format!("SELECT ID, CHARACTER_SET_NAME FROM information_schema.{view}");
            let rows: Vec<(Option<u64>, Option<String>)> =
                conn.query(sql).await.unwrap_or_default();
            let named = rows.into_iter().filter_map(|(id, name)| Some((id?, name?)));
            charsets.names.extend(named);
        }
        let all: Vec<(String, u64)> = conn
            .query("SELECT CHARACTER_SET_NAME, MAXLEN FROM information_schema.CHARACTER_SETS")
            .await
            .map_err(error)
            .context("cannot read the server's charsets")?;
        for (name, longest) in all {
            let charset = match Charset::known(&name) {
                Some(charset) => Some(charset),
                None if longest == 1 => one_byte(conn, &name).await,
                None => None,
            };
            if let Some(charset) = charset {
                charsets.charsets.insert(name, charset);
            }
        }
        Ok(charsets)
    }

    /// By the number of a collation.
    pub(crate) fn of_collation(&self, collation: u64) -> Option<&Charset> {
        if collation == 63 {
            return Some(&Charset::Binary);
        }
        self.of_name(self.names.get(&collation)?)
    }

    /// By name.
    pub(crate) fn of_name(&self, name: &str) -> Option<&Charset> {
        self.charsets.get(name)
    }
}

/// Lets the server convert all 256 bytes.
async fn one_byte(conn: &mut Conn, name: &str) -> Option<Charset> {
    let bytes: String = (0..=255_u8).map(|byte| format!("{byte:02X}")).collect();
    let sql = format!("SELECT CONVERT(_{name} X'{bytes}' USING utf8mb4)");
    let text: String = conn.query_first(sql).await.ok()??;
    let table: Arc<[String]> = text.chars().map(String::from).collect();
    (table.len() == 256).then_some(Charset::Table(table))
}
