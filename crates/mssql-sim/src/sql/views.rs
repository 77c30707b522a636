//! Views of the system: `sys.…`, `cdc.…`, INFORMATION_SCHEMA, made when they are asked for.

mod cdc;
mod information;
mod objects;
mod server;
mod sessions;

use super::bind::view_column;
use super::syntax::Name;
use crate::error::Result;
use crate::session::Context;
use crate::tds::Named;
use crate::value::{Len, SqlType as T, Value};

pub(super) const NAME: T = T::NVarChar(Len::Of(128));
pub(super) const LONG: T = T::NVarChar(Len::Max);

/// Columns and rows.
pub(super) type View = (Vec<Named>, Vec<Vec<Value>>);

/// A view by its name; `None` where there is none such.
pub(crate) fn find(ctx: &Context, name: &Name) -> Result<Option<View>> {
    let schema = name.schema.as_deref().unwrap_or_default().to_ascii_lowercase();
    let view = name.name.to_ascii_lowercase();
    let database = name.database.clone().unwrap_or_else(|| ctx.core.database.borrow().clone());
    match schema.as_str() {
        "sys" | "" => Ok(match objects::find(ctx, &view)? {
            Some(found) if schema == "sys" => Some(found),
            _ if schema == "sys" => server::find(ctx, &view)?,
            _ => None,
        }),
        "information_schema" => information::find(ctx, &view),
        "cdc" => cdc::find(ctx, &database, &view),
        "dbo" if database.eq_ignore_ascii_case("msdb") && view == "cdc_jobs" => {
            Ok(Some(cdc::jobs(ctx)?))
        }
        _ => Ok(None),
    }
}

pub(super) fn view(columns: &[(&str, T)], rows: Vec<Vec<Value>>) -> View {
    (columns.iter().map(|(name, ty)| view_column(name, *ty)).collect(), rows)
}

/// `system_type_id` and `user_type_id` of `sys.types`.
pub(super) const TYPES: [(&str, i32, i32); 26] = [
    ("uniqueidentifier", 36, 36),
    ("date", 40, 40),
    ("time", 41, 41),
    ("datetime2", 42, 42),
    ("datetimeoffset", 43, 43),
    ("tinyint", 48, 48),
    ("smallint", 52, 52),
    ("int", 56, 56),
    ("smalldatetime", 58, 58),
    ("real", 59, 59),
    ("money", 60, 60),
    ("datetime", 61, 61),
    ("float", 62, 62),
    ("bit", 104, 104),
    ("decimal", 106, 106),
    ("numeric", 108, 108),
    ("smallmoney", 122, 122),
    ("bigint", 127, 127),
    ("varbinary", 165, 165),
    ("varchar", 167, 167),
    ("binary", 173, 173),
    ("char", 175, 175),
    ("timestamp", 189, 189),
    ("nvarchar", 231, 231),
    ("nchar", 239, 239),
    ("xml", 241, 241),
];

pub(super) fn type_id(ty: T) -> i32 {
    TYPES.iter().find(|(name, ..)| *name == ty.name()).map_or(0, |(_, id, _)| *id)
}

/// TYPE_NAME().
pub(crate) fn type_name(id: i64) -> Option<&'static str> {
    TYPES.iter().find(|(_, _, user)| i64::from(*user) == id).map(|(name, ..)| *name)
}
