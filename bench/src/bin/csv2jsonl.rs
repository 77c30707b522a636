//! The alternative to CSV → JSON lines: one process, the `csv` and `serde_json` crates, one fsync.

use std::fs::File;
use std::io::{BufWriter, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let mut reader = csv::Reader::from_reader(File::open(&paths[0])?);
    let keys: Vec<String> =
        reader.headers()?.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    let mut out = BufWriter::with_capacity(256 << 10, File::create(&paths[1])?);
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record)? {
        for (i, (key, field)) in keys.iter().zip(&record).enumerate() {
            out.write_all(if i == 0 { b"{" } else { b"," })?;
            out.write_all(key.as_bytes())?;
            out.write_all(b":")?;
            serde_json::to_writer(&mut out, field)?;
        }
        out.write_all(b"}\n")?;
    }
    out.into_inner()?.sync_all()?;
    Ok(())
}
