//! `@@ROWCOUNT` and the others, ERROR_NUMBER() and its relatives.

use super::{Entry, NAME, Returns};
use crate::error::{Result, SqlError};
use crate::session::Context;
use crate::sql::plan::Typed;
use crate::value::{Len, SqlType as T, Value};

const LONG: T = T::NVarChar(Len::Of(4000));

pub(super) const ALL: &[Entry] = &[
    Entry {
        name: "@@rowcount",
        arguments: (0, 0),
        returns: Returns::Fixed(T::Int),
        call: |c, _, _| Ok(Value::Int(c.core.row_count.get())),
    },
    Entry {
        name: "rowcount_big",
        arguments: (0, 0),
        returns: Returns::Fixed(T::BigInt),
        call: |c, _, _| Ok(Value::Int(c.core.row_count.get())),
    },
    Entry {
        name: "@@trancount",
        arguments: (0, 0),
        returns: Returns::Fixed(T::Int),
        call: |c, _, _| Ok(Value::Int(i64::from(c.core.depth.get()))),
    },
    Entry {
        name: "@@error",
        arguments: (0, 0),
        returns: Returns::Fixed(T::Int),
        call: |c, _, _| Ok(Value::Int(i64::from(c.core.last_error.get()))),
    },
    Entry {
        name: "@@version",
        arguments: (0, 0),
        returns: Returns::Fixed(LONG),
        call: |_, _, _| Ok(VERSION.into()),
    },
    Entry {
        name: "@@spid",
        arguments: (0, 0),
        returns: Returns::Fixed(T::SmallInt),
        call: |c, _, _| Ok(Value::Int(c.core.spid as i64)),
    },
    Entry {
        name: "@@identity",
        arguments: (0, 0),
        returns: Returns::Fixed(T::Decimal(38, 0)),
        call: identity,
    },
    Entry {
        name: "scope_identity",
        arguments: (0, 0),
        returns: Returns::Fixed(T::Decimal(38, 0)),
        call: identity,
    },
    Entry {
        name: "@@servername",
        arguments: (0, 0),
        returns: Returns::Fixed(NAME),
        call: |_, _, _| Ok(crate::SERVER_NAME.into()),
    },
    Entry {
        name: "@@servicename",
        arguments: (0, 0),
        returns: Returns::Fixed(NAME),
        call: |_, _, _| Ok("MSSQLSERVER".into()),
    },
    Entry {
        name: "@@language",
        arguments: (0, 0),
        returns: Returns::Fixed(NAME),
        call: |_, _, _| Ok("us_english".into()),
    },
    Entry {
        name: "@@max_precision",
        arguments: (0, 0),
        returns: Returns::Fixed(T::TinyInt),
        call: |_, _, _| Ok(Value::Int(38)),
    },
    Entry {
        name: "@@microsoftversion",
        arguments: (0, 0),
        returns: Returns::Fixed(T::Int),
        call: |_, _, _| Ok(Value::Int(0x1000_104A)),
    },
    Entry {
        name: "@@lock_timeout",
        arguments: (0, 0),
        returns: Returns::Fixed(T::Int),
        call: |c, _, _| Ok(Value::Int(c.core.lock_timeout.get())),
    },
    Entry {
        name: "@@options",
        arguments: (0, 0),
        returns: Returns::Fixed(T::Int),
        call: |c, _, _| Ok(Value::Int(5432 | if c.core.xact_abort.get() { 16_384 } else { 0 })),
    },
    Entry {
        name: "@@dbts",
        arguments: (0, 0),
        returns: Returns::Fixed(T::Binary(8)),
        call: |c, _, _| {
            Ok(Value::Bytes((c.core.server.world().next_row_version() - 1).to_be_bytes().to_vec()))
        },
    },
    Entry {
        name: "xact_state",
        arguments: (0, 0),
        returns: Returns::Fixed(T::SmallInt),
        call: |c, _, _| {
            Ok(Value::Int(if c.core.depth.get() == 0 {
                0
            } else if c.core.doomed.get() {
                -1
            } else {
                1
            }))
        },
    },
    Entry {
        name: "error_number",
        arguments: (0, 0),
        returns: Returns::Fixed(T::Int),
        call: |c, _, _| Ok(of_error(c, |e| Value::Int(i64::from(e.number)))),
    },
    Entry {
        name: "error_severity",
        arguments: (0, 0),
        returns: Returns::Fixed(T::Int),
        call: |c, _, _| Ok(of_error(c, |e| Value::Int(i64::from(e.class)))),
    },
    Entry {
        name: "error_state",
        arguments: (0, 0),
        returns: Returns::Fixed(T::Int),
        call: |c, _, _| Ok(of_error(c, |e| Value::Int(i64::from(e.state)))),
    },
    Entry {
        name: "error_message",
        arguments: (0, 0),
        returns: Returns::Fixed(LONG),
        call: |c, _, _| Ok(of_error(c, |e| Value::text(&e.message))),
    },
    Entry {
        name: "error_line",
        arguments: (0, 0),
        returns: Returns::Fixed(T::Int),
        call: |c, _, _| Ok(of_error(c, |_| Value::Int(1))),
    },
    Entry {
        name: "error_procedure",
        arguments: (0, 0),
        returns: Returns::Fixed(NAME),
        call: |_, _, _| Ok(Value::Null),
    },
];

pub(super) const VERSION: &str =
    "Microsoft SQL Server 2022 (RTM-CU10) (dstream simulator) - 16.0.4170.0 (X64)";

fn identity(ctx: &Context, _: &[Value], _: &[Typed]) -> Result<Value> {
    Ok(ctx.core.identity.get().map(|n| Value::Decimal(i128::from(n), 0)).into())
}

fn of_error(ctx: &Context, f: impl Fn(&SqlError) -> Value) -> Value {
    ctx.core.error.borrow().as_ref().map(f).into()
}
