//! The statements that read a range of a table in the order of its key.

use dstream_cdc::{Key, KeyPart, Lane};
use dstream_postgres::quote;

use super::tables::Select;
use crate::catalog::TableInfo;
use crate::lsn::Lsn;
use crate::table::{Column, Table};
use crate::types::Order;

/// Encodings whose "C" order is that of UTF-8.
const SAME_ORDER: [&str; 2] = ["UTF8", "LATIN1"];

/// `COPY (SELECT … ORDER BY key) TO STDOUT`
pub(crate) fn copy(info: &TableInfo, table: &Table, lane: &Lane<Lsn>, encoding: &str) -> String {
    let columns = quote::names(table.columns.iter().map(|c| c.name.as_str()));
    let key: Vec<&Column> = table.key.iter().filter_map(|&at| table.columns.get(at)).collect();
    let terms: Vec<String> = key.iter().map(|column| term(column, encoding)).collect();
    let mut conditions: Vec<String> =
        info.filter.iter().map(|filter| format!("({filter})")).collect();
    let row = terms.join(", ");
    let bound = |sign: &str, bound: &Key| {
        let parts = key.iter().zip(&bound.0).map(|(column, part)| literal(column, part, encoding));
        format!("({row}) {sign} ({})", parts.collect::<Vec<_>>().join(", "))
    };
    conditions.extend(lane.after().map(|after| bound(">", after)));
    conditions.extend(lane.to.as_ref().map(|to| bound("<=", to)));
    // The rows of its partitions belong to a partitioned table; those of inheriting ones do not.
    let only = if info.partitioned { "" } else { "ONLY " };
    let mut sql = format!("COPY (SELECT {columns} FROM {only}{}", info.sql());
    if !conditions.is_empty() {
        sql += &format!(" WHERE {}", conditions.join(" AND "));
    }
    if !row.is_empty() {
        sql += &format!(" ORDER BY {row}");
    }
    sql + ") TO STDOUT"
}

/// The same in the server's own order, which an index has, where nobody else has to compare keys.
pub(super) fn select(select: &Select, table: &Table, lane: &Lane<Lsn>) -> String {
    let columns = quote::names(table.columns.iter().map(|c| c.name.as_str()));
    let order = quote::names(table.order().iter().map(String::as_str));
    let mut conditions = select.conditions.clone();
    let bound = |sign: &str, bound: &Key| {
        let literal = |part: &KeyPart| match part {
            KeyPart::Int(number) => format!("({number})"),
            // Without a type of its own it takes the column's.
            KeyPart::Text(text) => quote::literal(text),
        };
        let parts: Vec<String> = bound.0.iter().map(literal).collect();
        format!("({order}) {sign} ({})", parts.join(", "))
    };
    conditions.extend(lane.after().map(|after| bound(">", after)));
    conditions.extend(lane.to.as_ref().map(|to| bound("<=", to)));
    let mut sql = format!("COPY (SELECT {columns} FROM {}", select.from);
    if !conditions.is_empty() {
        sql += &format!(" WHERE {}", conditions.join(" AND "));
    }
    if !order.is_empty() {
        sql += &format!(" ORDER BY {order}");
    }
    sql + ") TO STDOUT"
}

/// What a column is ordered by, so that the server's order is the one that keys are compared in.
fn term(column: &Column, encoding: &str) -> String {
    let name = quote::name(&column.name);
    let text = match column.order {
        Order::Int | Order::Native => return name,
        Order::Text => name,
        // The text that COPY and replication print, which a cast does not always make.
        Order::Printed => format!("format('%s', {name})"),
    };
    match SAME_ORDER.contains(&encoding) {
        true => format!("{text} COLLATE \"C\""),
        false => format!("convert_to({text}, 'UTF8')"),
    }
}

fn literal(column: &Column, part: &KeyPart, encoding: &str) -> String {
    match (part, column.order) {
        (KeyPart::Int(number), _) => format!("({number})"),
        (KeyPart::Text(text), Order::Text | Order::Printed) if !SAME_ORDER.contains(&encoding) => {
            format!("convert_to({}, 'UTF8')", quote::literal(text))
        }
        (KeyPart::Text(text), _) => quote::literal(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Kind;

    fn column(name: &str, order: Order) -> Column {
        Column { name: name.into(), member: Vec::new(), kind: Kind::Text, order }
    }

    #[test]
    fn a_range_is_read_in_an_order_that_the_input_can_compare() {
        let info = TableInfo {
            schema: "s".into(),
            name: "t".into(),
            filter: Some("id > 0".into()),
            ..TableInfo::default()
        };
        let columns = vec![
            column("v", Order::Printed),
            column("id", Order::Int),
            column("day", Order::Printed),
        ];
        let table =
            Table { schema: Default::default(), columns, key: vec![1, 2], metadata: Vec::new() };
        let mut lane =
            Lane::new(Some(Key(vec![KeyPart::Int(3), KeyPart::Text("it's".into())])), None);
        assert_eq!(
            copy(&info, &table, &lane, "UTF8"),
            "COPY (SELECT \"v\", \"id\", \"day\" FROM ONLY \"s\".\"t\" WHERE (id > 0) AND \
             (\"id\", format('%s', \"day\") COLLATE \"C\") > ((3), 'it''s') \
             ORDER BY \"id\", format('%s', \"day\") COLLATE \"C\") TO STDOUT"
        );
        lane.from = None;
        let table = Table { key: Vec::new(), ..table };
        let info = TableInfo { partitioned: true, filter: None, ..info };
        assert_eq!(
            copy(&info, &table, &lane, "UTF8"),
            "COPY (SELECT \"v\", \"id\", \"day\" FROM \"s\".\"t\") TO STDOUT"
        );
    }
}
