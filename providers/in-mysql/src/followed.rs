//! The tables that the log is talking of, and how their rows are read.

use std::collections::HashMap;
use std::rc::Rc;

use dstream_mysql::mysql_async::Conn;
use dstream_mysql::{Server, error};
use dstream_sdk::{Context, Error, Result};

use crate::binlog::table_map;
use crate::catalog::{self, CatalogTable};
use crate::charsets::Charsets;
use crate::config::Tables;
use crate::resolve;
use crate::table::Table;
use crate::text;

/// A table whose rows are handed on.
#[derive(Debug)]
pub(crate) struct Followed {
    pub(crate) table: Table,
    /// The stream's name as JSON.
    pub(crate) label: Vec<u8>,
}

/// What is known of tables. The catalog is asked once a table, and again after every statement that
/// may have changed one.
#[derive(Debug)]
pub(crate) struct Followeds {
    conn: Conn,
    mariadb: bool,
    meant: Tables,
    charsets: Charsets,
    /// By the number that a table map has given; `None`: not followed.
    by_id: HashMap<u64, Option<Rc<Followed>>>,
    /// By name: the map that it was made of.
    by_name: HashMap<Name, (Vec<u8>, Rc<Followed>)>,
}

/// Database and table, as the log has them.
type Name = (Vec<u8>, Vec<u8>);

impl Followeds {
    pub(crate) async fn new(mut conn: Conn, server: &Server, meant: Tables) -> Result<Self> {
        let charsets = Charsets::load(&mut conn).await?;
        let (by_id, by_name) = (HashMap::new(), HashMap::new());
        Ok(Self { conn, mariadb: server.is_mariadb(), meant, charsets, by_id, by_name })
    }

    /// The connection for questions.
    pub(crate) fn conn(&mut self) -> &mut Conn {
        &mut self.conn
    }

    pub(crate) fn means(&self, database: &str, table: &str) -> bool {
        self.meant.means(database, table)
    }

    /// The table of a row event. `Ok(None)`: it is not followed.
    pub(crate) fn get(&self, id: u64) -> Result<Option<&Rc<Followed>>> {
        match self.by_id.get(&id) {
            Some(followed) => Ok(followed.as_ref()),
            None => Err(Error::permanent(format!(
                "the log has rows of a table (number {id}) that it has not described"
            ))),
        }
    }

    /// A table map event. Answers the table where it is followed.
    pub(crate) async fn map(&mut self, body: &[u8]) -> Result<Option<Rc<Followed>>> {
        let (id, database, name) = table_map::names(body).map_err(damaged)?;
        let of = (database.to_vec(), name.to_vec());
        // The number in front of the map is another each time.
        if let Some((known, followed)) = self.by_name.get(&of)
            && known[..] == body[6..]
        {
            self.by_id.insert(id, Some(followed.clone()));
            return Ok(Some(followed.clone()));
        }
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        if !self.meant.means(&text(database), &text(name)) {
            self.by_id.insert(id, None);
            return Ok(None);
        }
        let map = table_map::read(body).map_err(damaged)?;
        let catalog = self.catalog(&map.database, &map.table).await?;
        let table = resolve::from_log(&map, &catalog, &self.charsets)?;
        let followed = Rc::new(Followed::new(table));
        self.by_id.insert(id, Some(followed.clone()));
        self.by_name.insert(of, (body[6..].to_vec(), followed.clone()));
        Ok(Some(followed))
    }

    /// A table as the catalog has it, for what has no table map; `None`: it is not there.
    pub(crate) async fn current(&mut self, database: &str, name: &str) -> Result<Option<Followed>> {
        let catalog = self.catalog(database, name).await?;
        let table = resolve::from_catalog(database, name, &catalog);
        Ok((!catalog.columns.is_empty()).then(|| Followed::new(table)))
    }

    async fn catalog(&mut self, database: &str, name: &str) -> Result<CatalogTable> {
        let found = catalog::table(&mut self.conn, database, name, self.mariadb).await;
        found.context("while reading the log")
    }

    /// A statement may have changed tables.
    pub(crate) fn forget(&mut self) {
        self.by_name.clear();
        self.by_id.clear();
    }

    /// Whether the connection still answers; also keeps it from being closed.
    pub(crate) async fn ping(&mut self) -> Result<()> {
        use dstream_mysql::mysql_async::prelude::Queryable;
        self.conn.ping().await.map_err(error)
    }
}

impl Followed {
    pub(crate) fn new(table: Table) -> Self {
        let mut label = Vec::new();
        text::string(table.stream().as_bytes(), &mut label);
        Self { table, label }
    }
}

pub(crate) fn damaged(what: crate::binlog::bytes::Damaged) -> Error {
    Error::permanent(format!("the binary log cannot be read: {what}"))
}
