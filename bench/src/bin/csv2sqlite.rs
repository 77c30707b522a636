//! The alternative to CSV → SQLite: one process, prepared statements, large transactions,
//! `synchronous=FULL`.

use std::fs::File;

use rusqlite::{Connection, params_from_iter};

/// Rows of one transaction.
const ROWS: usize = 100_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let mut reader = csv::Reader::from_reader(File::open(&paths[0])?);
    let columns: Vec<String> = reader.headers()?.iter().map(|c| format!("\"{c}\" TEXT")).collect();
    let marks = vec!["?"; columns.len()].join(",");
    let mut db = Connection::open(&paths[1])?;
    db.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")?;
    db.execute(&format!("CREATE TABLE people ({})", columns.join(",")), [])?;
    let insert = format!("INSERT INTO people VALUES ({marks})");
    let mut record = csv::StringRecord::new();
    let mut more = true;
    while more {
        let transaction = db.transaction()?;
        {
            let mut statement = transaction.prepare(&insert)?;
            for _ in 0..ROWS {
                more = reader.read_record(&mut record)?;
                if !more {
                    break;
                }
                statement.execute(params_from_iter(&record))?;
            }
        }
        transaction.commit()?;
    }
    Ok(())
}
