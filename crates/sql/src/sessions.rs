//! The connection that rows are written with, one beside it where tables cannot be made in its
//! transaction, and others that write a share of the rows.

use std::ops::{Deref, DerefMut};

use dstream_sdk::{Error, Result, fail};

use crate::bookkeeping::Books;
use crate::lanes::Lanes;
use crate::{Access, Database};

/// The connections of a run.
pub(crate) struct Sessions<D: Database> {
    db: D,
    beside: Option<D>,
    pub(crate) lanes: Lanes<D>,
    pub(crate) settings: D::Settings,
    access: Access,
}

impl<D: Database> Sessions<D> {
    /// Connects; `None`: there is no database.
    pub(crate) async fn open(settings: D::Settings, access: Access) -> Result<Option<Self>> {
        let db = D::connect(&settings, access).await?;
        Ok(db.map(|db| {
            let lanes = Lanes::new(db.connections() - 1);
            Self { db, beside: None, lanes, settings, access }
        }))
    }

    /// Has those connections take part in the open transaction that are to get a share.
    pub(crate) async fn join(&mut self, books: &Books, wanted: &[bool]) -> Result<()> {
        if !self.lanes.hold_rows() {
            self.db.hurry().await?;
        }
        self.lanes.join(books, &self.settings, wanted.get(1..).unwrap_or_default()).await
    }

    /// All connections that write rows, the one with the bookkeeping first.
    pub(crate) fn all(&mut self) -> impl Iterator<Item = &mut D> {
        std::iter::once(&mut self.db).chain(self.lanes.connections())
    }

    /// Ends the transaction of all connections as one.
    pub(crate) async fn commit_all(&mut self, id: u64) -> Result<()> {
        if self.lanes.hold_rows() {
            self.lanes.prepare(id).await?;
            fail::point("before_main_commit");
            self.db.commit().await?;
            fail::point("after_main_commit");
            self.lanes.commit(id).await?;
        } else {
            self.db.commit().await?;
        }
        self.lanes.reset();
        Ok(())
    }

    /// Gives up the transaction of all connections.
    pub(crate) async fn rollback_all(&mut self) -> Result<()> {
        self.lanes.rollback().await?;
        self.lanes.reset();
        self.db.rollback().await
    }

    /// The connection that makes and widens tables. Where that commits, each of its statements is
    /// durable by itself.
    pub(crate) async fn for_tables(&mut self) -> Result<&mut D> {
        if !D::DDL_COMMITS {
            return Ok(&mut self.db);
        }
        if self.beside.is_none() {
            self.beside = D::connect(&self.settings, self.access).await?;
        }
        self.beside.as_mut().ok_or_else(|| Error::transient("no second connection"))
    }
}

impl<D: Database> Deref for Sessions<D> {
    type Target = D;

    fn deref(&self) -> &D {
        &self.db
    }
}

impl<D: Database> DerefMut for Sessions<D> {
    fn deref_mut(&mut self) -> &mut D {
        &mut self.db
    }
}
