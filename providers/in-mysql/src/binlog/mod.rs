//! The binary log: its events, and the rows in them.
//!
//! Sources: MySQL's "Replication Protocol" pages (dev.mysql.com/doc/dev/mysql-server), MariaDB's
//! knowledge base ("Replication Protocol").

pub(crate) mod bytes;
pub(crate) mod codes;
pub(crate) mod decimal;
pub(crate) mod gtid;
pub(crate) mod json;
pub(crate) mod query;
pub(crate) mod rotate;
pub(crate) mod rows;
pub(crate) mod special;
pub(crate) mod table_map;
pub(crate) mod temporal;
pub(crate) mod value;
