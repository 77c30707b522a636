//! Functions that ask for the server, the database, its objects and the user's rights.

use super::{Entry, NAME, Returns, as_text, int};
use crate::error::Result;
use crate::session::Context;
use crate::sql::plan::Typed;
use crate::sql::syntax::Name;
use crate::value::{SqlType as T, Value};

pub(super) const ALL: &[Entry] = &[
    Entry {
        name: "db_name",
        arguments: (0, 1),
        returns: Returns::Fixed(NAME),
        call: |c, v, _| {
            Ok(match int(v, 0) {
                None if v.is_empty() => Value::Text(c.core.database.borrow().clone()),
                id => id
                    .and_then(|id| {
                        c.core.server.world().by_id(id as i32).map(|d| Value::text(&d.name))
                    })
                    .into(),
            })
        },
    },
    Entry {
        name: "db_id",
        arguments: (0, 1),
        returns: Returns::Fixed(T::Int),
        call: |c, v, a| {
            let name = as_text(v, a, 0).unwrap_or_else(|| c.core.database.borrow().clone());
            Ok(c.core.server.world().database(&name).ok().map(|d| d.id).into())
        },
    },
    Entry {
        name: "original_db_name",
        arguments: (0, 0),
        returns: Returns::Fixed(NAME),
        call: |c, _, _| Ok(Value::Text(c.core.database.borrow().clone())),
    },
    Entry {
        name: "schema_name",
        arguments: (0, 1),
        returns: Returns::Fixed(NAME),
        call: |c, v, _| {
            let Some(id) = int(v, 0) else { return Ok("dbo".into()) };
            let catalog = c.catalog()?;
            Ok(catalog
                .schemas
                .values()
                .find(|(i, _)| i64::from(*i) == id)
                .map(|(_, name)| Value::text(name))
                .into())
        },
    },
    Entry {
        name: "schema_id",
        arguments: (0, 1),
        returns: Returns::Fixed(T::Int),
        call: |c, v, a| {
            let name = as_text(v, a, 0).unwrap_or_else(|| "dbo".into());
            Ok(c.catalog()?.schemas.get(&name.to_lowercase()).map(|(id, _)| *id).into())
        },
    },
    Entry {
        name: "object_id",
        arguments: (1, 2),
        returns: Returns::Fixed(T::Int),
        call: object_id,
    },
    Entry {
        name: "object_name",
        arguments: (1, 2),
        returns: Returns::Fixed(NAME),
        call: |c, v, _| {
            let catalog = c.catalog()?;
            Ok(int(v, 0)
                .and_then(|id| catalog.by_id(id as i32))
                .map(|t| Value::text(&t.name))
                .into())
        },
    },
    Entry {
        name: "object_schema_name",
        arguments: (1, 2),
        returns: Returns::Fixed(NAME),
        call: |c, v, _| {
            let catalog = c.catalog()?;
            Ok(int(v, 0)
                .and_then(|id| catalog.by_id(id as i32))
                .map(|t| Value::text(&t.schema))
                .into())
        },
    },
    Entry {
        name: "col_length",
        arguments: (2, 2),
        returns: Returns::Fixed(T::SmallInt),
        call: |c, v, a| {
            let (Some(table), Some(column)) = (as_text(v, a, 0), as_text(v, a, 1)) else {
                return Ok(Value::Null);
            };
            let Some(table) = c.find_table(&Name::parse(&table)?)? else { return Ok(Value::Null) };
            Ok(table
                .def
                .column(&column)
                .map(|i| i64::from(table.def.columns[i].ty.sizes().0))
                .into())
        },
    },
    Entry {
        name: "col_name",
        arguments: (2, 2),
        returns: Returns::Fixed(NAME),
        call: |c, v, _| {
            let catalog = c.catalog()?;
            let table = int(v, 0).and_then(|id| catalog.by_id(id as i32));
            Ok(table
                .and_then(|t| t.columns.iter().find(|col| Some(i64::from(col.id)) == int(v, 1)))
                .map(|col| Value::text(&col.name))
                .into())
        },
    },
    Entry {
        name: "type_name",
        arguments: (1, 1),
        returns: Returns::Fixed(NAME),
        call: |_, v, _| {
            Ok(int(v, 0).and_then(crate::sql::views::type_name).map(Value::text).into())
        },
    },
    Entry { name: "suser_sname", arguments: (0, 1), returns: Returns::Fixed(NAME), call: login },
    Entry { name: "suser_name", arguments: (0, 1), returns: Returns::Fixed(NAME), call: login },
    Entry { name: "original_login", arguments: (0, 0), returns: Returns::Fixed(NAME), call: login },
    Entry { name: "system_user", arguments: (0, 0), returns: Returns::Fixed(NAME), call: login },
    Entry { name: "user_name", arguments: (0, 1), returns: Returns::Fixed(NAME), call: user },
    Entry { name: "current_user", arguments: (0, 0), returns: Returns::Fixed(NAME), call: user },
    Entry { name: "session_user", arguments: (0, 0), returns: Returns::Fixed(NAME), call: user },
    Entry { name: "user", arguments: (0, 0), returns: Returns::Fixed(NAME), call: user },
    Entry {
        name: "host_name",
        arguments: (0, 0),
        returns: Returns::Fixed(NAME),
        call: |c, _, _| Ok(Value::text(&c.core.host)),
    },
    Entry {
        name: "app_name",
        arguments: (0, 0),
        returns: Returns::Fixed(NAME),
        call: |c, _, _| Ok(Value::text(&c.core.application)),
    },
    Entry {
        name: "serverproperty",
        arguments: (1, 1),
        returns: Returns::Fixed(NAME),
        call: server_property,
    },
    Entry {
        name: "databasepropertyex",
        arguments: (2, 2),
        returns: Returns::Fixed(NAME),
        call: database_property,
    },
    Entry {
        name: "connectionproperty",
        arguments: (1, 1),
        returns: Returns::Fixed(NAME),
        call: |_, _, _| Ok("TCP".into()),
    },
    Entry {
        name: "has_perms_by_name",
        arguments: (3, 5),
        returns: Returns::Fixed(T::Int),
        call: has_perms,
    },
    Entry {
        name: "has_dbaccess",
        arguments: (1, 1),
        returns: Returns::Fixed(T::Int),
        call: |c, v, a| {
            Ok(as_text(v, a, 0)
                .and_then(|n| c.core.server.world().database(&n).ok().map(|_| 1))
                .into())
        },
    },
    Entry {
        name: "is_member",
        arguments: (1, 1),
        returns: Returns::Fixed(T::Int),
        call: is_member,
    },
    Entry {
        name: "is_rolemember",
        arguments: (1, 2),
        returns: Returns::Fixed(T::Int),
        call: is_member,
    },
    Entry {
        name: "is_srvrolemember",
        arguments: (1, 2),
        returns: Returns::Fixed(T::Int),
        call: |c, _, _| Ok(i32::from(c.is_sa()).into()),
    },
    Entry {
        name: "objectproperty",
        arguments: (2, 2),
        returns: Returns::Fixed(T::Int),
        call: object_property,
    },
    Entry {
        name: "columnproperty",
        arguments: (3, 3),
        returns: Returns::Fixed(T::Int),
        call: column_property,
    },
    Entry {
        name: "ident_current",
        arguments: (1, 1),
        returns: Returns::Fixed(T::Decimal(38, 0)),
        call: |c, v, a| {
            let Some(table) = as_text(v, a, 0) else { return Ok(Value::Null) };
            let found = c.find_table(&Name::parse(&table)?)?;
            Ok(found
                .and_then(|t| c.rows_of(&t).identity)
                .map(|n| Value::Decimal(i128::from(n), 0))
                .into())
        },
    },
];

fn object_id(ctx: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    let Some(text) = as_text(v, a, 0) else { return Ok(Value::Null) };
    let Ok(name) = Name::parse(&text) else { return Ok(Value::Null) };
    let kind = as_text(v, a, 1).map(|k| k.trim().to_ascii_uppercase());
    if let Some(found) = ctx.find_table(&name)? {
        return Ok(if kind.is_none_or(|k| k == "U") { found.def.id.into() } else { Value::Null });
    }
    // The functions of a capture instance are objects, too.
    let known = name.schema.as_deref().is_some_and(|s| s.eq_ignore_ascii_case("cdc"))
        && crate::cdc::instance_of_function(&name.name)
            .is_some_and(|i| ctx.state().is_ok_and(|s| s.cdc.instance(i).is_some()));
    Ok(if known { 900_000_001.into() } else { Value::Null })
}

fn login(ctx: &Context, _: &[Value], _: &[Typed]) -> Result<Value> {
    Ok(Value::text(&ctx.core.login))
}

fn user(ctx: &Context, _: &[Value], _: &[Typed]) -> Result<Value> {
    Ok(Value::text(if ctx.is_sa() { "dbo" } else { &ctx.core.login }))
}

fn server_property(ctx: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    Ok(match as_text(v, a, 0).unwrap_or_default().to_ascii_lowercase().as_str() {
        "productversion" => "16.0.4170.1".into(),
        "productmajorversion" => "16".into(),
        "productlevel" => "RTM".into(),
        "edition" => Value::text(&ctx.core.server.options.edition),
        // 3 is Enterprise and Developer.
        "engineedition" => "3".into(),
        "servername" | "machinename" => crate::SERVER_NAME.into(),
        "collation" => "SQL_Latin1_General_CP1_CI_AS".into(),
        "isintegratedsecurityonly" | "ishadrenabled" | "isclustered" => "0".into(),
        _ => Value::Null,
    })
}

fn database_property(ctx: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    let name = as_text(v, a, 0).unwrap_or_default();
    if ctx.core.server.world().database(&name).is_err() {
        return Ok(Value::Null);
    }
    Ok(match as_text(v, a, 1).unwrap_or_default().to_ascii_lowercase().as_str() {
        "updateability" => "READ_WRITE".into(),
        "status" => "ONLINE".into(),
        "recovery" => "FULL".into(),
        "collation" => "SQL_Latin1_General_CP1_CI_AS".into(),
        _ => Value::Null,
    })
}

/// The object may be NULL: the database or the server itself.
fn has_perms(ctx: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    let object = as_text(v, a, 0);
    let class = as_text(v, a, 1).unwrap_or_else(|| "SERVER".into()).to_ascii_uppercase();
    let permission = as_text(v, a, 2).unwrap_or_default().to_ascii_uppercase();
    let allowed = match (class.as_str(), object) {
        _ if ctx.is_owner() => true,
        ("OBJECT", Some(name)) => {
            let name = Name::parse(&name)?;
            match ctx.find_table(&name)? {
                Some(found) => ctx.allowed(&permission, &found.def.schema, &found.def.name),
                None => return Ok(Value::Null),
            }
        }
        ("SCHEMA", Some(schema)) => ctx.allowed(&permission, &schema, ""),
        ("DATABASE", _) => permission == "CONNECT" || ctx.allowed(&permission, "", ""),
        _ => false,
    };
    Ok(i32::from(allowed).into())
}

fn is_member(ctx: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    let role = as_text(v, a, 0).unwrap_or_default();
    Ok(i32::from(ctx.in_role(&role)).into())
}

fn object_property(ctx: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    let catalog = ctx.catalog()?;
    let Some(table) = int(v, 0).and_then(|id| catalog.by_id(id as i32)) else {
        return Ok(Value::Null);
    };
    Ok(i32::from(match as_text(v, a, 1).unwrap_or_default().to_ascii_lowercase().as_str() {
        "istable" | "isusertable" => true,
        "tablehasprimarykey" => table.primary().is_some(),
        "tablehasidentity" => table.columns.iter().any(|c| c.identity.is_some()),
        "ismsshipped" => table.shipped,
        _ => return Ok(Value::Null),
    })
    .into())
}

fn column_property(ctx: &Context, v: &[Value], a: &[Typed]) -> Result<Value> {
    let catalog = ctx.catalog()?;
    let Some(table) = int(v, 0).and_then(|id| catalog.by_id(id as i32)) else {
        return Ok(Value::Null);
    };
    let Some(column) = as_text(v, a, 1).and_then(|c| table.column(&c)).map(|i| &table.columns[i])
    else {
        return Ok(Value::Null);
    };
    Ok(match as_text(v, a, 2).unwrap_or_default().to_ascii_lowercase().as_str() {
        "isidentity" => i32::from(column.identity.is_some()),
        "iscomputed" => i32::from(column.computed.is_some()),
        "allowsnull" => i32::from(column.nullable),
        "columnid" | "ordinal" => column.id,
        "precision" => i32::from(column.ty.sizes().1),
        "scale" => i32::from(column.ty.sizes().2),
        _ => return Ok(Value::Null),
    }
    .into())
}
