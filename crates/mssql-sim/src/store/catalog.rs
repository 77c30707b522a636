//! Definitions: schemas, tables, columns, indexes, who may do what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sqlparser::ast::Expr;

use crate::value::{Clock7, Column, Flags7, SqlType};

/// A column of a table.
#[derive(Debug, Clone)]
pub(crate) struct ColumnDef {
    pub name: String,
    pub ty: SqlType,
    pub nullable: bool,
    /// Seed and increment.
    pub identity: Option<(i64, i64)>,
    pub default: Option<(String, Expr)>,
    pub computed: Option<Expr>,
    /// As it was declared; texts are compared in the same way whatever it is.
    pub collation: Option<String>,
    /// `column_id`: it is never given again.
    pub id: i32,
}

impl ColumnDef {
    pub(crate) fn plain(name: &str, ty: SqlType, nullable: bool) -> Self {
        Self {
            name: name.into(),
            ty,
            nullable,
            identity: None,
            default: None,
            computed: None,
            collation: None,
            id: 0,
        }
    }

    pub(crate) fn column(&self) -> Column {
        Column { ty: self.ty, nullable: self.nullable }
    }

    /// Its flags in COLMETADATA.
    pub(crate) fn flags(&self) -> u16 {
        Flags7::of(self.nullable, self.identity.is_some(), self.computed.is_some(), self.ty)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct IndexDef {
    pub name: String,
    pub columns: Vec<usize>,
    pub unique: bool,
    pub primary: bool,
    /// A UNIQUE constraint and no mere index: 2627 instead of 2601.
    pub constraint: bool,
}

/// CHECK, or FOREIGN KEY.
#[derive(Debug, Clone)]
pub(crate) struct RuleDef {
    pub name: String,
    pub what: RuleKind,
}

#[derive(Debug, Clone)]
pub(crate) enum RuleKind {
    Check(Box<Expr>),
    /// These columns are, or one of them is NULL, those of a row of that table; no columns of it:
    /// its primary key.
    References {
        columns: Vec<String>,
        schema: String,
        table: String,
        keys: Vec<String>,
    },
}

/// A table. The primary key is its order; without one it is a heap in the order of insertion.
#[derive(Debug, Clone)]
pub(crate) struct TableDef {
    pub id: i32,
    pub schema: String,
    pub name: String,
    pub columns: Vec<ColumnDef>,
    pub encoding: Arc<[Column]>,
    pub indexes: Vec<IndexDef>,
    pub rules: Vec<RuleDef>,
    pub created: Clock7,
    pub next_column_id: i32,
    /// A change table or another table of CDC's own.
    pub shipped: bool,
}

impl TableDef {
    pub(crate) fn new(
        id: i32,
        schema: &str,
        name: &str,
        mut columns: Vec<ColumnDef>,
        created: Clock7,
    ) -> Self {
        for (i, column) in columns.iter_mut().enumerate() {
            column.id = i as i32 + 1;
        }
        let mut def = Self {
            id,
            schema: schema.into(),
            name: name.into(),
            next_column_id: columns.len() as i32 + 1,
            columns,
            encoding: Arc::default(),
            indexes: Vec::new(),
            rules: Vec::new(),
            created,
            shipped: false,
        };
        def.refresh();
        def
    }

    /// Call it after the columns have changed.
    pub(crate) fn refresh(&mut self) {
        self.encoding = self.columns.iter().map(ColumnDef::column).collect();
    }

    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn primary(&self) -> Option<&IndexDef> {
        self.indexes.iter().find(|index| index.primary)
    }

    /// The columns that order the table; none for a heap.
    pub(crate) fn key(&self) -> &[usize] {
        self.primary().map_or(&[], |index| &index.columns)
    }

    /// Unique indexes beside the primary key, in the order of [`super::TableData::uniques`].
    pub(crate) fn uniques(&self) -> impl Iterator<Item = &IndexDef> {
        self.indexes.iter().filter(|index| index.unique && !index.primary)
    }

    pub(crate) fn full_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

/// GRANT, one line of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Grant {
    /// SELECT, INSERT, …, CONTROL; in capitals.
    pub permission: String,
    /// `schema.object`, `schema::name`, or empty for the whole database; in small letters.
    pub on: String,
}

/// A database user.
#[derive(Debug, Clone, Default)]
pub(crate) struct User {
    pub login: String,
    pub roles: BTreeSet<String>,
    pub grants: BTreeSet<Grant>,
    pub denies: BTreeSet<Grant>,
}

/// All definitions of a database. Names are looked up in small letters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalog {
    pub schemas: BTreeMap<String, (i32, String)>,
    pub tables: BTreeMap<(String, String), Arc<TableDef>>,
    pub users: BTreeMap<String, User>,
    pub roles: BTreeSet<String>,
    /// Extended properties: by object, zero for the database, and by name in small letters; as they
    /// are written, with the value.
    pub properties: BTreeMap<(i32, String), (String, String)>,
}

impl Catalog {
    pub(crate) fn new() -> Self {
        let mut catalog = Self::default();
        for (id, name) in [(1, "dbo"), (3, "INFORMATION_SCHEMA"), (4, "sys")] {
            catalog.schemas.insert(name.to_ascii_lowercase(), (id, name.into()));
        }
        catalog
    }

    pub(crate) fn table(&self, schema: &str, name: &str) -> Option<&Arc<TableDef>> {
        self.tables.get(&(schema.to_lowercase(), name.to_lowercase()))
    }

    pub(crate) fn by_id(&self, id: i32) -> Option<&Arc<TableDef>> {
        self.tables.values().find(|table| table.id == id)
    }

    pub(crate) fn put(&mut self, table: TableDef) {
        self.tables
            .insert((table.schema.to_lowercase(), table.name.to_lowercase()), Arc::new(table));
    }

    pub(crate) fn remove(&mut self, table: &TableDef) {
        self.tables.remove(&(table.schema.to_lowercase(), table.name.to_lowercase()));
        self.properties.retain(|(object, _), _| *object != table.id);
    }

    pub(crate) fn add_schema(&mut self, name: &str) {
        let id = self.schemas.values().map(|(id, _)| *id).max().unwrap_or(4) + 1;
        self.schemas.insert(name.to_lowercase(), (id, name.into()));
    }
}
