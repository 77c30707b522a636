//! Change data capture.
//! <https://learn.microsoft.com/en-us/sql/relational-databases/track-changes/about-change-data-capture-sql-server>

mod capture;
mod cleanup;
mod enable;
mod help;
pub(crate) mod jobs;
mod range;

use std::sync::Arc;

use rpds::VectorSync;

pub(crate) use capture::{Updated, capture, idle_row, record_deferred};
pub(crate) use cleanup::clean_up;
pub(crate) use enable::{
    EnableTable, disable_db, disable_table, drop_instances_of, enable_db, enable_table,
};
pub(crate) use help::{ddl_history, help_change_data_capture};
pub(crate) use range::{bad_range, check_range, is_before_image};

use crate::store::{ChangeTable, ColumnDef, Lsn, TableDef};
use crate::value::Clock7;

/// A capture instance.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub name: String,
    /// The table as it was when the instance was made.
    pub source: Arc<TableDef>,
    /// The captured columns, as they were then.
    pub columns: Vec<ColumnDef>,
    /// `cdc.<name>_CT`.
    pub table: Arc<TableDef>,
    pub changes: ChangeTable,
    /// Where it was made: changes before that are not captured.
    pub made_at: Lsn,
    pub start_lsn: Option<Lsn>,
    pub role: Option<String>,
    pub supports_net_changes: bool,
    pub index_name: Option<String>,
    pub index_columns: Vec<String>,
    pub created: Clock7,
}

/// A row of `cdc.lsn_time_mapping`.
#[derive(Debug, Clone)]
pub(crate) struct Mapping {
    pub lsn: Lsn,
    pub begin: Clock7,
    pub end: Clock7,
    /// Zero for an idle row.
    pub transaction: u64,
}

/// A row of `cdc.ddl_history`.
#[derive(Debug, Clone)]
pub(crate) struct DdlEntry {
    pub source: i32,
    pub object: i32,
    pub column_update: bool,
    pub command: String,
    pub lsn: Lsn,
    pub at: Clock7,
}

/// What a database keeps of CDC.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cdc {
    pub enabled: bool,
    pub instances: Vec<Instance>,
    pub mapping: VectorSync<Mapping>,
    pub ddl: Vec<DdlEntry>,
}

impl Cdc {
    pub(crate) fn instance(&self, name: &str) -> Option<&Instance> {
        self.instances.iter().find(|i| i.name.eq_ignore_ascii_case(name))
    }

    /// Is there an instance for this table?
    pub(crate) fn tracks(&self, table: i32) -> bool {
        self.instances.iter().any(|i| i.source.id == table)
    }

    pub(crate) fn max_lsn(&self) -> Option<Lsn> {
        self.mapping.last().map(|m| m.lsn)
    }

    /// The first row that is not below `lsn`.
    pub(crate) fn mapping_at(&self, lsn: Lsn) -> Option<&Mapping> {
        let (mut low, mut high) = (0, self.mapping.len());
        while low < high {
            let middle = (low + high) / 2;
            if self.mapping.get(middle).is_some_and(|m| m.lsn < lsn) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        self.mapping.get(low)
    }
}

/// `fn_cdc_get_all_changes_dbo_t` belongs to `dbo_t`.
pub(crate) fn instance_of_function(name: &str) -> Option<&str> {
    const PREFIX: &str = "fn_cdc_get_all_changes_";
    name.get(..PREFIX.len())
        .filter(|head| head.eq_ignore_ascii_case(PREFIX))
        .map(|_| &name[PREFIX.len()..])
}
