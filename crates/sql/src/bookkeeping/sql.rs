//! The bookkeeping's statements. Each has each parameter once, in order.

use super::Bookkeeping;
use crate::{Dialect, TableName};

/// The statements, with the names of the tables and the parameters as the database has them.
#[derive(Debug, Clone)]
pub(super) struct Sql {
    pub(super) insert_row: String,
    pub(super) raise: String,
    pub(super) read_run: String,
    pub(super) read_epoch: String,
    pub(super) peek_epoch: String,
    pub(super) states: String,
    pub(super) forget_states: String,
    pub(super) forget_state: String,
    pub(super) shared_states: String,
    pub(super) save_state: String,
    pub(super) save_mark: String,
    pub(super) claim: String,
    pub(super) store_rejected: String,
    pub(super) rejected: String,
    pub(super) forget_rejected: String,
    pub(super) note_table: String,
    pub(super) noted: String,
}

const KEY: [&str; 4] = ["task_id", "output", "input", "part"];

impl Sql {
    pub(super) fn new(dialect: &impl Dialect, tables: &Bookkeeping) -> Self {
        let fill = |sql: &str| fill(dialect, tables, sql);
        let put =
            |table: &TableName, columns: &[&str], values: &[&str], key: &[&str], set: &[&str]| {
                let quoted = dialect.quote_table(table);
                // Not the whole statement: a name may look like a parameter.
                let values: Vec<_> = values.iter().map(|value| fill(value)).collect();
                let values: Vec<_> = values.iter().map(String::as_str).collect();
                dialect.put(&quoted, columns, &values, key, set)
            };
        let checkpoint =
            ["task_id", "output", "input", "part", "epoch", "task", "state", "updated_at"];
        let row = "task_id = {1} AND output = {2} AND input = {3} AND part = {4}";
        let own = "task_id = {1} AND output = {2}";
        Self {
            insert_row: put(
                &tables.checkpoints,
                &checkpoint[..6],
                &["{1}", "{2}", "{3}", "{4}", "0", "{5}"],
                &KEY,
                &[],
            ),
            raise: fill(
                "UPDATE {checkpoints} SET task = {1}, epoch = epoch + 1 \
                 WHERE task_id = {2} AND output = {3} AND input = '' AND part = ''",
            ),
            read_run: fill(&format!(
                "SELECT epoch, mark_epoch, mark_id FROM {{checkpoints}} WHERE {row}"
            )),
            read_epoch: fill(&format!(
                "SELECT epoch, state FROM {{checkpoints}}{{hint}} WHERE {row}{{lock}}"
            )),
            peek_epoch: fill(&format!("SELECT epoch, state FROM {{checkpoints}} WHERE {row}")),
            states: fill(&format!(
                "SELECT input, part, state FROM {{checkpoints}} \
                 WHERE {own} AND input <> '' AND state IS NOT NULL"
            )),
            forget_states: fill(&format!(
                "UPDATE {{checkpoints}} SET state = NULL WHERE {own} AND input = {{3}}"
            )),
            forget_state: fill(&format!("UPDATE {{checkpoints}} SET state = NULL WHERE {row}")),
            shared_states: fill(
                "SELECT input, part, epoch, state FROM {checkpoints} \
                 WHERE output = {1} AND task = {2} AND task_id LIKE 'group:%' ORDER BY input, part",
            ),
            save_state: put(
                &tables.checkpoints,
                &checkpoint,
                &["{1}", "{2}", "{3}", "{4}", "0", "{5}", "{6}", "{now}"],
                &KEY,
                &checkpoint[5..],
            ),
            save_mark: fill(
                "UPDATE {checkpoints} SET mark_epoch = {1}, mark_id = {2}, updated_at = {now} \
                 WHERE task_id = {3} AND output = {4} AND input = '' AND part = ''",
            ),
            claim: fill(
                "UPDATE {checkpoints} SET epoch = {1} \
                 WHERE task_id = {2} AND output = {3} AND input = {4} AND part = {5}",
            ),
            store_rejected: fill(
                "INSERT INTO {rejected} (task_id, output, epoch, checkpoint, n, rejected) \
                 VALUES ({1}, {2}, {3}, {4}, {5}, {6})",
            ),
            rejected: fill(&format!(
                "SELECT rejected FROM {{rejected}} WHERE {own} ORDER BY epoch, checkpoint, n"
            )),
            forget_rejected: fill(&format!(
                "DELETE FROM {{rejected}} WHERE {own} \
                 AND (epoch < {{3}} OR (epoch = {{4}} AND checkpoint <= {{5}}))"
            )),
            note_table: put(
                &tables.tables,
                &["name", "task_id", "output"],
                &["{1}", "{2}", "{3}"],
                &["name"],
                &["task_id", "output"],
            ),
            noted: fill(&format!("SELECT name FROM {{tables}} WHERE {own} ORDER BY name")),
        }
    }
}

/// `{1}` and so on are parameters, `{checkpoints}` and so on the tables.
pub(super) fn fill(dialect: &impl Dialect, tables: &Bookkeeping, sql: &str) -> String {
    let mut sql = sql
        .replace("{checkpoints}", &dialect.quote_table(&tables.checkpoints))
        .replace("{rejected}", &dialect.quote_table(&tables.rejected))
        .replace("{tables}", &dialect.quote_table(&tables.tables))
        .replace("{hint}", dialect.lock_hint())
        .replace("{lock}", dialect.for_update())
        .replace("{now}", dialect.now());
    for index in 1..=6 {
        sql = sql.replace(&format!("{{{index}}}"), &dialect.placeholder(index));
    }
    sql
}
