//! Runs every case and prints one table. `--quick`: small, to see that it runs. `--check`: ends
//! with 1 where a bound is missed. `--only WORD`: the cases whose name holds the word. `--no-build`:
//! take the binaries that are there.

use std::process::ExitCode;

use dstream_bench::report::Row;
use dstream_bench::{Size, cases, launch, report};

type Case = (&'static str, fn(&Size) -> Vec<Row>);

const CASES: &[Case] = &[
    ("start", cases::footprint::start),
    ("relay", cases::relay::compare),
    ("slow-output", cases::footprint::slow_output),
    ("csv-jsonl", cases::csv::to_jsonl),
    ("csv-sqlite", cases::csv::to_sqlite),
    #[cfg(unix)]
    ("registry-pull", cases::registry::pull),
    #[cfg(unix)]
    ("registry-start", cases::registry::start),
    ("mssql-log", cases::mssql::changes),
    #[cfg(unix)]
    ("csv-postgres", cases::postgres::csv_in),
    #[cfg(unix)]
    ("postgres-table", cases::postgres::table_out),
    #[cfg(unix)]
    ("postgres-log", cases::postgres::changes),
    #[cfg(unix)]
    ("postgres-latency", cases::postgres::latency),
];

fn main() -> ExitCode {
    if !cfg!(target_os = "linux") {
        eprintln!("the benchmarks read memory and CPU time from /proc: run them on Linux");
        return ExitCode::FAILURE;
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(wrong) = unknown(&args) {
        eprintln!("{wrong}: the arguments are --quick, --check, --no-build and --only WORD");
        return ExitCode::from(2);
    }
    let has = |flag: &str| args.iter().any(|a| a == flag);
    let only = args.iter().position(|a| a == "--only").and_then(|i| args.get(i + 1));
    let size = if has("--quick") { Size::QUICK } else { Size::FULL };
    if !has("--no-build") {
        launch::build();
    }
    let mut rows = Vec::new();
    for (name, run) in CASES {
        if only.is_none_or(|word| name.contains(word.as_str())) {
            eprintln!("{name} …");
            launch::settle();
            let measured = run(&size);
            for row in &measured {
                eprintln!("  {}: {} ({})", row.what, row.figure, row.bound);
            }
            rows.extend(measured);
        }
    }
    println!("{}", report::table(&size, &rows));
    let missed = rows.iter().any(|r| !r.holds);
    if has("--check") && missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The first argument that means nothing here.
fn unknown(args: &[String]) -> Option<&String> {
    let is_word = |at: usize| at > 0 && args[at - 1] == "--only";
    let known = ["--quick", "--check", "--no-build", "--only"];
    args.iter()
        .enumerate()
        .find(|(at, arg)| !known.contains(&arg.as_str()) && !is_word(*at))
        .map(|(_, arg)| arg)
}
