//! PostgreSQL in and out, against its own tools on the same server.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use dstream_servers::Postgres;

use super::{named, project, quoted};
use crate::launch::Run;
use crate::pairs::Spread;
use crate::report::{Row, at_most};
use crate::{Size, data, launch, pairs};

/// How often the log goes into a table.
const INTO_TABLE: usize = 3;

const TABLE: &str = "CREATE TABLE people (id int8, first text, last text, street text, city text, \
    country text, email text, balance numeric, active bool, noted timestamptz)";

/// `wal_level` and a slot for every run that reads the log.
fn server() -> Postgres {
    Postgres::start(&[
        ("wal_level", "logical"),
        ("max_replication_slots", "60"),
        ("max_wal_senders", "60"),
        ("shared_buffers", "512MB"),
        ("max_wal_size", "8GB"),
        ("checkpoint_timeout", "1h"),
        ("synchronous_commit", "off"),
    ])
}

fn url(server: &Postgres) -> (&'static str, String) {
    ("url", format!("\"{}\"", server.url("postgres")))
}

/// A CSV file into a table, against `psql` and its `\copy`.
pub fn csv_in(size: &Size) -> Vec<Row> {
    let server = server();
    let work = tempfile::tempdir().expect("a temporary folder can be made");
    let source = work.path().join("people.csv");
    data::csv(&source, size.rows).expect("writable");
    server.psql("postgres", TABLE);
    let folder = project(
        &named("file", &[("path", quoted(&source)), ("types", "\"text\"".into())]),
        &named("postgres", &[url(&server), ("table", "\"people\"".into())]),
    );
    let copy = format!("\\copy people FROM '{}' WITH (FORMAT csv, HEADER)", source.display());
    let count = || server.psql("postgres", "SELECT count(*) FROM people");
    let result = pairs::measure(
        size.pairs,
        || {
            server.psql("postgres", "TRUNCATE people");
            let run = launch::dstream(folder.path());
            assert_eq!(count(), size.rows.to_string(), "rows in the table");
            run
        },
        || {
            server.psql("postgres", "TRUNCATE people");
            measure(server.tool("psql", "postgres").args(["-X", "-q", "-c", &copy]))
        },
    );
    let what = format!("CSV → PostgreSQL, {} rows of ten columns", size.rows);
    vec![compared(what, "`psql \\copy`", size.rows as f64, 0.6, &result)]
}

/// A table into JSON lines, against `COPY … TO STDOUT` into a file.
pub fn table_out(size: &Size) -> Vec<Row> {
    let server = server();
    let work = tempfile::tempdir().expect("a temporary folder can be made");
    fill(&server, work.path(), size.rows);
    let (ours, other) = (work.path().join("ours.jsonl"), work.path().join("other.txt"));
    let input =
        [url(&server), ("mode", "\"query\"".into()), ("tables", "[\"public.people\"]".into())];
    let folder = project(&named("postgres", &input), &named("file", &[("path", quoted(&ours))]));
    let result = pairs::measure(
        size.pairs,
        || {
            let _absent = fs::remove_file(&ours);
            let run = launch::dstream(folder.path());
            assert_eq!(lines(&ours), size.rows, "lines in the file");
            run
        },
        || {
            let file = fs::File::create(&other).expect("writable");
            let mut psql = server.tool("psql", "postgres");
            measure(psql.args(["-X", "-q", "-c", "COPY people TO STDOUT"]).stdout(file))
        },
    );
    let what = format!("PostgreSQL table → JSON lines, {} rows of ten columns", size.rows);
    vec![compared(what, "`COPY … TO STDOUT` into a file", size.rows as f64, 0.5, &result)]
}

/// The log of that many transactions of one row, against `pg_recvlogical`; then into a table.
pub fn changes(size: &Size) -> Vec<Row> {
    let server = server();
    let work = tempfile::tempdir().expect("a temporary folder can be made");
    server.psql(
        "postgres",
        "CREATE TABLE changes (id int8 PRIMARY KEY, name text, amount numeric, at timestamptz)",
    );
    server.psql("postgres", "CREATE PUBLICATION bench FOR TABLE changes");
    let runs = 2 * (size.pairs + 1) + INTO_TABLE;
    for i in 0..runs {
        server.psql(
            "postgres",
            &format!("SELECT pg_create_logical_replication_slot('bench_{i}', 'pgoutput')"),
        );
    }
    let insert = format!(
        "CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1..{} LOOP \
         INSERT INTO changes VALUES (i, 'name ' || i, i / 7.0, now()); COMMIT; END LOOP; END $$",
        size.rows
    );
    server.psql("postgres", &insert);
    server.psql("postgres", "CALL fill()");
    // A commit that is waited for brings what is before it into the log's files.
    server.psql("postgres", "SET synchronous_commit = on; CREATE TABLE flushed ()");
    let end = server.psql("postgres", "SELECT pg_current_wal_flush_lsn()");
    let slots = std::cell::Cell::new(0);
    let slot = || {
        slots.set(slots.get() + 1);
        format!("bench_{}", slots.get() - 1)
    };
    let (ours, other) = (work.path().join("ours.jsonl"), work.path().join("other.bin"));
    let result = pairs::measure(
        size.pairs,
        || {
            let _absent = fs::remove_file(&ours);
            let input = stream(&server, &slot());
            let folder =
                project(&named("postgres", &input), &named("file", &[("path", quoted(&ours))]));
            let run = launch::dstream(folder.path());
            assert_eq!(lines(&ours), size.rows, "lines in the file");
            run
        },
        || {
            let mut receive = server.tool("pg_recvlogical", "postgres");
            receive.args(["-d", "postgres", "--start", "--no-loop", "-S", &slot()]);
            receive.args(["-E", &end, "-f"]).arg(&other);
            receive.args(["-o", "proto_version=1", "-o", "publication_names=bench"]);
            let _absent = fs::remove_file(&other);
            measure(&mut receive)
        },
    );
    let what = format!("log of {} inserts, a transaction each → JSON lines", size.rows);
    let mut rows = vec![compared(what, "`pg_recvlogical`", size.rows as f64, 0.8, &result)];
    let memory = peak(&result.ours, "dstream-in-postgres");
    rows.push(at_most("peak memory of dstream-in-postgres", memory, 64.0, "MiB", String::new()));
    let into: Vec<Run> = (0..INTO_TABLE).map(|_| into_table(size, &server, &slot())).collect();
    rows.push(rate(size, &into));
    rows
}

fn into_table(size: &Size, server: &Postgres, slot: &str) -> Run {
    let target = self::server();
    let output = [url(&target), ("mode", "\"upsert\"".into())];
    let folder = project(&named("postgres", &stream(server, slot)), &named("postgres", &output));
    launch::settle();
    let run = launch::dstream(folder.path());
    assert_eq!(target.psql("postgres", "SELECT count(*) FROM changes"), size.rows.to_string());
    run
}

fn rate(size: &Size, runs: &[Run]) -> Row {
    let rate = Spread::of(runs.iter().map(|r| size.rows as f64 / r.wall.as_secs_f64()).collect());
    Row {
        what: format!("log of {} inserts → PostgreSQL, upsert", size.rows),
        ours: format!("{} changes/s", rate.show(0)),
        other: String::new(),
        figure: format!("{:.0}/s", rate.median),
        bound: "≥ 60000/s".into(),
        holds: rate.median >= 60_000.0,
        note: format!("{} runs; {}", runs.len(), runs.last().map(memory).unwrap_or_default()),
    }
}

/// From one server's commit to the other's, as both record it.
pub fn latency(size: &Size) -> Vec<Row> {
    let stamps = [("track_commit_timestamp", "on"), ("wal_level", "logical")];
    let (source, target) = (Postgres::start(&stamps), Postgres::start(&stamps));
    source.psql("postgres", "CREATE TABLE ticks (id bigserial PRIMARY KEY, note text)");
    let input = [url(&source), ("tables", "[\"public.ticks\"]".into())];
    let output = [url(&target), ("mode", "\"upsert\"".into())];
    let folder = project(&named("postgres", &input), &named("postgres", &output));
    let work = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    fs::write(work.path(), "INSERT INTO ticks (note) VALUES ('tick');\n").expect("writable");
    let seconds = if size.rows < 100_000 { "3" } else { "20" };
    // Before the load, so that all of it is streamed.
    source.psql("postgres", "INSERT INTO ticks (note) VALUES ('first')");
    let mut load = None;
    let there = || {
        std::thread::sleep(Duration::from_millis(50));
        let child = match &mut load {
            None => {
                if target.try_psql("postgres", "SELECT count(*) FROM ticks").as_deref() != Ok("1") {
                    return false;
                }
                let mut bench = source.tool("pgbench", "postgres");
                bench.args(["-n", "-c", "4", "-R", "1000", "-T", seconds, "-f"]).arg(work.path());
                load.insert(
                    bench.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts"),
                )
            }
            Some(child) => child,
        };
        let count = |server: &Postgres| server.psql("postgres", "SELECT count(*) FROM ticks");
        child.try_wait().is_ok_and(|s| s.is_some()) && count(&source) == count(&target)
    };
    let run = launch::dstream_until(folder.path(), there);
    let mut delays = delays(&source, &target);
    delays.sort_by(f64::total_cmp);
    let at = |part: f64| delays[((delays.len() - 1) as f64 * part) as usize];
    let note = format!("{} changes; {}", delays.len(), memory(&run));
    vec![
        at_most("commit to commit at 1,000 changes/s, median", at(0.5), 20.0, "ms", note),
        at_most(
            "the same, 99th percentile",
            at(0.99),
            100.0,
            "ms",
            format!("worst {:.0} ms", at(1.0)),
        ),
    ]
}

/// Milliseconds by row. The first row, which the snapshot has brought, is left out.
fn delays(source: &Postgres, target: &Postgres) -> Vec<f64> {
    let sql =
        "SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM ticks ORDER BY id OFFSET 1";
    let stamps = |server: &Postgres| -> Vec<f64> {
        server.psql("postgres", sql).lines().map(|l| l.parse().expect("a number")).collect()
    };
    stamps(source).iter().zip(stamps(target)).map(|(begin, end)| (end - begin) * 1e3).collect()
}

fn stream(server: &Postgres, slot: &str) -> Vec<(&'static str, String)> {
    vec![
        url(server),
        ("slot", format!("\"{slot}\"")),
        ("publication", "\"bench\"".into()),
        ("snapshot", "\"never\"".into()),
        ("until", "\"caught_up\"".into()),
        ("tables", "[\"public.changes\"]".into()),
    ]
}

fn fill(server: &Postgres, work: &Path, rows: usize) {
    let source = work.join("people.csv");
    data::csv(&source, rows).expect("writable");
    server.psql("postgres", TABLE);
    let copy = format!("\\copy people FROM '{}' WITH (FORMAT csv, HEADER)", source.display());
    measure(server.tool("psql", "postgres").args(["-X", "-q", "-c", &copy]));
    server.psql("postgres", "ALTER TABLE people ADD PRIMARY KEY (id)");
    server.psql("postgres", "VACUUM ANALYZE people");
}

fn measure(command: &mut Command) -> launch::Run {
    launch::measure(command).unwrap_or_else(|e| panic!("{command:?}: {e}"))
}

fn lines(file: &Path) -> usize {
    let bytes = fs::read(file).unwrap_or_default();
    memchr::memchr_iter(b'\n', &bytes).count()
}

fn peak(runs: &[launch::Run], program: &str) -> f64 {
    runs.iter().filter_map(|r| r.children.get(program)).copied().fold(0.0, f64::max)
}

fn memory(run: &launch::Run) -> String {
    let each = run.children.iter().map(|(name, mib)| format!("{name} {mib:.0}"));
    format!("MiB: host {:.0}, {}", run.memory, each.collect::<Vec<_>>().join(", "))
}

fn compared(
    what: String,
    other: &str,
    rows: f64,
    bound: f64,
    result: &pairs::Pairs<launch::Run>,
) -> Row {
    let speed = result.speed(|r| r.wall.as_secs_f64());
    let rate = |runs: &[launch::Run]| {
        let each = runs.iter().map(|r| rows / r.wall.as_secs_f64() / 1e6).collect();
        format!("{} M/s", pairs::Spread::of(each).show(2))
    };
    Row {
        what,
        ours: rate(&result.ours),
        other: format!("{other}: {}", rate(&result.other)),
        figure: format!("{} ×", speed.show(2)),
        bound: format!("≥ {bound} ×"),
        holds: speed.median >= bound,
        note: memory(&result.ours[result.ours.len() - 1]),
    }
}
