//! A key's values in a condition: what comes behind them, in the order that the server has.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dstream_mssql::{literal, name};
use serde_json::Value;

use crate::instance::{Column, Instance};

/// The columns that rows are read in the order of, as far as there is one: a key without nulls.
pub(crate) fn order(instance: &Instance) -> Vec<&Column> {
    let find = |key: &String| instance.columns.iter().find(|column| column.name == *key);
    let columns: Vec<_> = instance.key.iter().filter_map(find).collect();
    match columns.iter().any(|column| column.nullable) {
        true => Vec::new(),
        false => columns,
    }
}

/// `a > 1 OR (a = 1 AND (b > 2))`.
pub(crate) fn behind(order: &[&Column], after: &[Value]) -> String {
    let Some(((column, rest), (value, values))) = order.split_first().zip(after.split_first())
    else {
        return "1 = 0".into();
    };
    let (column_name, value) = (name(&column.name), of(column, value));
    let this = format!("{column_name} > {value}");
    match rest.is_empty() {
        true => this,
        false => format!("{this} OR ({column_name} = {value} AND ({}))", behind(rest, values)),
    }
}

/// A value of an envelope as the server reads it, of the column's own type: of another one, it
/// would convert the whole column, and not use its index.
fn of(column: &Column, value: &Value) -> String {
    let kind = column.sql.text();
    match (column.sql.name.as_str(), value) {
        ("binary" | "varbinary" | "timestamp" | "rowversion", Value::String(text)) => {
            let bytes = STANDARD.decode(text).unwrap_or_default();
            let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            format!("0x{hex}")
        }
        (_, Value::String(text)) => format!("CAST({} AS {kind})", literal(text)),
        (_, Value::Bool(bit)) => u8::from(*bit).to_string(),
        (_, other) => format!("CAST({other} AS {kind})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::SqlType;
    use serde_json::json;

    fn column(name: &str, sql: &str, max_length: i32) -> Column {
        let sql = SqlType { name: sql.into(), max_length, precision: 0, scale: 0 };
        let (is_large, label) = (sql.is_large(), vec![]);
        Column {
            name: name.into(),
            sql,
            ordinal: 1,
            label,
            is_key: true,
            is_large,
            nullable: false,
        }
    }

    #[test]
    fn what_is_behind_a_key_is_asked_for_in_the_columns_own_types() {
        let (a, b) = (column("a", "int", 4), column("b", "varchar", 9));
        let c = column("c", "varbinary", 4);
        assert_eq!(
            behind(&[&a, &b], &[json!(1), json!("it's")]),
            "[a] > CAST(1 AS int) OR ([a] = CAST(1 AS int) AND ([b] > CAST(N'it''s' AS varchar(9))))"
        );
        assert_eq!(behind(&[&c], &[json!("AP8=")]), "[c] > 0x00FF");
    }
}
