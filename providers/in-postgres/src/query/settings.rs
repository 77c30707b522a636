//! Settings of mode `query`, as far as they can be checked without the server.

use dstream_sdk::{Error, Result};

use crate::config::{Config, QuerySettings};

impl QuerySettings {
    pub(crate) fn parallelism(&self) -> usize {
        self.parallelism.unwrap_or(2)
    }
}

/// What mode `query` needs, and what it cannot use.
pub(crate) fn check(config: &Config) -> Result<()> {
    let select = &config.select;
    let of_cdc = [
        ("publication", config.publication.is_some()),
        ("slot", config.slot.is_some()),
        ("messages", config.messages),
        ("failover", config.failover),
        ("publish_via_root", config.publish_via_root),
    ];
    if let Some((name, _)) = of_cdc.into_iter().find(|(_, set)| *set) {
        let text = format!(
            "`{name}` belongs to mode = \"cdc\"; in mode = \"query\" nothing is replicated"
        );
        return Err(Error::config(name, text));
    }
    match (&select.query, config.tables.is_empty()) {
        (None, true) => {
            let text = "say what is read: `tables = [\"public.orders\"]`, or `query = \"SELECT …\"` with `stream`";
            return Err(Error::config("tables", text));
        }
        (Some(_), false) => {
            return Err(Error::config("query", "`query` and `tables` exclude each other"));
        }
        (Some(_), true) => check_query(config)?,
        (None, false) if select.stream.is_some() => {
            let text =
                "`stream` names what `query` makes; a table's stream is called after the table";
            return Err(Error::config("stream", text));
        }
        (None, false) => {}
    }
    if !(1..=64).contains(&select.parallelism()) {
        return Err(Error::config("parallelism", "`parallelism` is 1 to 64"));
    }
    if select.cursor_lag.is_some() && select.cursor.is_none() {
        return Err(Error::config("cursor_lag", "`cursor_lag` needs a `cursor`"));
    }
    Ok(())
}

fn check_query(config: &Config) -> Result<()> {
    let select = &config.select;
    if select.stream.as_ref().is_none_or(|stream| stream.trim().is_empty()) {
        let text =
            "`query` needs the name of the stream that it makes: `stream = \"order_totals\"`";
        return Err(Error::config("stream", text));
    }
    let of_tables = [
        ("columns", !select.columns.is_empty()),
        ("where", select.filter.is_some()),
        ("exclude", !config.exclude.is_empty()),
        ("table", !config.table.is_empty()),
    ];
    match of_tables.into_iter().find(|(_, set)| *set) {
        Some((name, _)) => Err(Error::config(
            name,
            format!("`{name}` belongs to `tables`; a `query` says it itself"),
        )),
        None => Ok(()),
    }
}

/// Change data capture knows none of these.
pub(crate) fn refuse(select: &QuerySettings) -> Result<()> {
    let set = [
        ("query", select.query.is_some()),
        ("stream", select.stream.is_some()),
        ("cursor", select.cursor.is_some()),
        ("cursor_lag", select.cursor_lag.is_some()),
        ("key", !select.key.is_empty()),
        ("parallelism", select.parallelism.is_some()),
        ("where", select.filter.is_some()),
        ("columns", !select.columns.is_empty()),
    ];
    match set.into_iter().find(|(_, set)| *set) {
        None => Ok(()),
        Some((name, _)) => {
            let instead = match name {
                "parallelism" => "; in mode = \"cdc\" it is `snapshot_parallelism`",
                "where" | "columns" => {
                    "; in mode = \"cdc\" it stands in a block `table \"name\" { … }`"
                }
                _ => "",
            };
            Err(Error::config(name, format!("`{name}` belongs to mode = \"query\"{instead}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_setting_of_the_other_mode_is_refused_by_name() {
        for (json, path) in [
            (json!({"tables": ["a"], "cursor": "at"}), "cursor"),
            (json!({"tables": ["a"], "parallelism": 3}), "parallelism"),
            (json!({"mode": "query", "tables": ["a"], "slot": "s"}), "slot"),
            (json!({"mode": "query"}), "tables"),
            (json!({"mode": "query", "query": "SELECT 1", "tables": ["a"]}), "query"),
            (json!({"mode": "query", "query": "SELECT 1"}), "stream"),
            (
                json!({"mode": "query", "query": "SELECT 1", "stream": "s", "where": "true"}),
                "where",
            ),
            (json!({"mode": "query", "tables": ["a"], "cursor_lag": "5s"}), "cursor_lag"),
            (json!({"mode": "query", "tables": ["a"], "parallelism": 0}), "parallelism"),
        ] {
            let config: Config = dstream_sdk::config::read(json).unwrap();
            let error = config.check().unwrap_err();
            assert_eq!(error.path(), Some(path), "{error}");
        }
    }
}
