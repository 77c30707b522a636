//! The connection that rows are written with, and one beside it where tables cannot be made in its
//! transaction.

use std::ops::{Deref, DerefMut};

use dstream_sdk::{Error, Result};

use crate::{Access, Database};

/// The connections of a run.
pub(crate) struct Sessions<D: Database> {
    db: D,
    beside: Option<D>,
    pub(crate) settings: D::Settings,
    access: Access,
}

impl<D: Database> Sessions<D> {
    /// Connects; `None`: there is no database.
    pub(crate) async fn open(settings: D::Settings, access: Access) -> Result<Option<Self>> {
        let db = D::connect(&settings, access).await?;
        Ok(db.map(|db| Self { db, beside: None, settings, access }))
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
