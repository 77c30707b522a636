//! Twenty tables, what is written into them, and whether the target has the same.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dstream_mssql_sim::{MssqlSim, Options};
use dstream_servers::Postgres;
use fastrand::Rng;

pub(super) const TABLES: usize = 20;

/// Rows of a table before anything begins.
const ROWS: i32 = 200;

pub(super) fn name(n: usize) -> String {
    format!("t{n:02}")
}

/// A server with the tables, captured.
pub(super) fn start() -> MssqlSim {
    let sim = MssqlSim::start(Options::default()).expect("it starts");
    let run = |sql: &str| sim.execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    run("EXEC sys.sp_cdc_enable_db");
    for table in (0..TABLES).map(name) {
        run(&format!(
            "CREATE TABLE dbo.{table} (id int NOT NULL PRIMARY KEY, n int, v nvarchar(60))"
        ));
        run(&format!(
            "EXEC sys.sp_cdc_enable_table @source_schema = N'dbo', @source_name = N'{table}', @role_name = NULL"
        ));
        run(&format!(
            "INSERT dbo.{table} SELECT value, value, N'from the start' FROM GENERATE_SERIES(1, {ROWS})"
        ));
    }
    sim
}

/// What writes into the source.
#[derive(Debug, Default)]
pub(super) struct Load {
    over: AtomicBool,
}

/// The load ends with it.
pub(super) struct Over<'l>(&'l Load);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::SeqCst);
    }
}

impl Load {
    pub(super) fn over_when_dropped(&self) -> Over<'_> {
        Over(self)
    }

    /// Transactions of one to four statements on tables at random; how many there were.
    pub(super) fn write(&self, sim: &MssqlSim, seed: u64) -> u64 {
        let mut rng = Rng::with_seed(seed ^ 0x5eed);
        let mut transactions = 0;
        while !self.over.load(Ordering::SeqCst) {
            let mut sql = String::from("BEGIN TRAN;");
            for _ in 0..rng.usize(1..5) {
                sql.push_str(&statement(&mut rng, transactions));
            }
            sql.push_str("COMMIT");
            sim.execute(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
            transactions += 1;
            std::thread::sleep(Duration::from_millis(4));
        }
        transactions
    }
}

fn statement(rng: &mut Rng, n: u64) -> String {
    let table = name(rng.usize(..TABLES));
    let id = rng.i32(1..ROWS * 2);
    match rng.u8(..10) {
        0..5 => format!("UPDATE dbo.{table} SET n = n + 1, v = N'change {n}' WHERE id = {id};"),
        5..9 => format!(
            "IF NOT EXISTS (SELECT 1 FROM dbo.{table} WHERE id = {id}) INSERT dbo.{table} VALUES ({id}, 0, N'new {n}');"
        ),
        _ => format!("DELETE dbo.{table} WHERE id = {id};"),
    }
}

/// The tables whose rows are not the same in both.
pub(super) fn unequal(sim: &MssqlSim, target: &Postgres, rows: &mut usize) -> Vec<String> {
    *rows = 0;
    let mut unequal = Vec::new();
    for table in (0..TABLES).map(name) {
        let sql = format!("SELECT id, n, v FROM dbo.{table} ORDER BY id");
        let source = sim.rows(&sql).expect("a table");
        *rows += source.len();
        let source: Vec<_> = source.iter().map(|row| row.join("|")).collect();
        let sql = format!("SELECT id, n, v FROM {table} ORDER BY id");
        if target.try_psql("postgres", &sql).as_ref() != Ok(&source.join("\n")) {
            unequal.push(table);
        }
    }
    unequal
}
