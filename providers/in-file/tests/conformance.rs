//! The file input conforms, for CSV and for JSON lines.

// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fmt::Write as _;
use std::path::Path;

use dstream_testkit::serde_json::{Value, json};

const ROWS: usize = 30_000;

fn csv(folder: &Path) -> Value {
    let mut text = "id,name,note\n".to_owned();
    for id in 0..ROWS {
        writeln!(text, "{id},\"name, {id}\",\"two\nlines\"").unwrap();
    }
    std::fs::write(folder.join("people.csv"), text).unwrap();
    json!({"path": folder.join("people.csv"), "key": ["id"]})
}

fn jsonl_in_two_compressed_files(folder: &Path) -> Value {
    for (name, from) in [("a.jsonl.gz", 0), ("b.jsonl.gz", ROWS / 2)] {
        let mut text = String::new();
        for id in from..from + ROWS / 2 {
            writeln!(text, "{{\"id\":{id},\"name\":\"n\"}}").unwrap();
        }
        let file = std::fs::File::create(folder.join(name)).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, text.as_bytes()).unwrap();
        gzip.finish().unwrap();
    }
    json!({"path": folder.join("*.gz"), "stream": "people"})
}

mod one_csv_file {
    dstream_testkit::conformance_input!(env!("CARGO_BIN_EXE_dstream-in-file"), super::csv);
}

mod two_compressed_files {
    dstream_testkit::conformance_input!(
        env!("CARGO_BIN_EXE_dstream-in-file"),
        super::jsonl_in_two_compressed_files
    );
}
