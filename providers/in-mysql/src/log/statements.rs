//! Statements in the log, and the events that are neither rows nor statements.

use dstream_sdk::{Batch, Error, Result, tracing};

use super::Log;
use crate::binlog::bytes::Read;
use crate::binlog::codes::event as code;
use crate::binlog::query::{self, Name, Statement};
use crate::followed::{Followed, damaged};
use crate::handoff::Handoff;
use crate::position::Position;
use crate::state::State;
use crate::table::Table;
use crate::transaction::Transaction;

impl Log {
    pub(super) async fn query(
        &mut self,
        body: &[u8],
        end: Position,
        seconds: i64,
        handoff: &mut Handoff,
        batch: &mut Batch<State>,
    ) -> Result<()> {
        let query = query::read(body).map_err(damaged)?;
        let statement = query::classify(query.sql);
        let start = self.here.clone();
        let transaction = self
            .transaction
            .get_or_insert_with(|| Transaction::new(start, seconds * 1_000_000, None));
        match statement {
            Statement::Begin | Statement::XaStart => transaction.explicit = true,
            Statement::Commit | Statement::Rollback | Statement::XaEnd => self.commit(end),
            Statement::Savepoint => {}
            other => {
                let database = String::from_utf8_lossy(query.database).into_owned();
                let ends = !transaction.explicit;
                self.statement(other, &database, handoff, batch).await?;
                if ends {
                    self.commit(end);
                }
            }
        }
        Ok(())
    }

    async fn statement(
        &mut self,
        statement: Statement,
        database: &str,
        handoff: &mut Handoff,
        batch: &mut Batch<State>,
    ) -> Result<()> {
        let full = |name: &Name| {
            (name.database.clone().unwrap_or_else(|| database.to_owned()), name.table.clone())
        };
        match statement {
            Statement::Rows(names) => {
                let followed = names.iter().map(full).find(|(d, t)| self.followeds.means(d, t));
                if let Some((database, table)) = followed {
                    return Err(Error::permanent(format!(
                        "rows of `{database}`.`{table}` may have been changed by a statement that \
                         is in the log without its rows, at {}: some session writes with \
                         binlog_format=STATEMENT or MIXED. Set ROW for it, and begin anew with a \
                         snapshot (`dstream state rm`)",
                        self.at
                    )));
                }
            }
            Statement::Truncate(name) => {
                let (database, table) = full(&name);
                if self.followeds.means(&database, &table) {
                    self.truncate(&database, &table, handoff, batch).await?;
                }
            }
            Statement::Gone(names) => {
                for (database, table) in names.iter().map(full) {
                    if self.followeds.means(&database, &table) {
                        tracing::warn!(
                            table = format!("{database}.{table}"),
                            "a table, or a partition of one, was dropped in the source; its rows \
                             stay in the destination"
                        );
                    }
                }
                self.followeds.forget();
            }
            _ => self.followeds.forget(),
        }
        Ok(())
    }

    async fn truncate(
        &mut self,
        database: &str,
        table: &str,
        handoff: &mut Handoff,
        batch: &mut Batch<State>,
    ) -> Result<()> {
        let Some(transaction) = &mut self.transaction else { return Ok(()) };
        let followed = match self.followeds.current(database, table).await? {
            Some(followed) => followed,
            // It has been dropped since: its name is enough.
            None => Followed::new(Table::new(database, table, Vec::new(), Vec::new())),
        };
        if !handoff.truncate(followed.table.stream(), &transaction.start) {
            return Ok(());
        }
        if !followed.table.columns.is_empty() {
            self.announced.announce(&followed.table.schema, batch)?;
        }
        batch.line(|out| {
            out.extend_from_slice(br#"{"data":null"#);
            transaction.metadata(&followed.label, "truncate", out);
            out.extend_from_slice(b"}}");
        })?;
        transaction.rows += 1;
        self.followeds.forget();
        Ok(())
    }

    pub(super) fn other(&mut self, kind: u8, body: &[u8], end: Position) -> Result<()> {
        match kind {
            code::XA_PREPARE if body.first() == Some(&0) => Err(Error::permanent(format!(
                "a transaction was prepared (XA PREPARE) at {}: its rows stand in the log before it \
                 is known whether they are kept, and that is not supported. Write these tables \
                 without two-phase commit, and begin anew with a snapshot (`dstream state rm`)",
                self.at
            ))),
            code::PARTIAL_UPDATE_ROWS => Err(Error::permanent(
                "the log holds parts of JSON documents: SET GLOBAL binlog_row_value_options = '', \
                 and begin anew with a snapshot (`dstream state rm`)",
            )),
            code::GTID_TAGGED => {
                Err(Error::permanent("a transaction has a GTID with a tag, which is not supported"))
            }
            code::MARIADB_START_ENCRYPTION => Ok(()),
            code::INCIDENT => Err(Error::permanent(format!(
                "the server noted at {} that changes are missing in its log; begin anew with a \
                 snapshot (`dstream state rm`)",
                self.at
            ))),
            kind if code::LOAD.contains(&kind) => Err(damaged(query::load())),
            // Nothing is open: the place moves on, so that an idle log can be removed.
            _ if self.transaction.is_none() => {
                self.advance(end);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// MariaDB compresses the statement only, behind the rest.
pub(super) fn decompressed_query(body: &[u8]) -> Read<Vec<u8>> {
    let query = query::read(body)?;
    let mut plain = body[..body.len() - query.sql.len()].to_vec();
    plain.extend(crate::inflate::event(query.sql)?);
    Ok(plain)
}
