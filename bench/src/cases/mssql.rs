//! Changes of SQL Server, as the simulator serves them, against the driver that reads the same rows
//! and drops them. The simulator has to be much faster than its readers; its figures are its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{named, own, project, quoted, reported};
use crate::report::{Row, at_most};
use crate::{Size, launch, pairs};

/// Below so many times the reader's rate, the server is a part of what is measured.
const SPARE: f64 = 3.0;

/// The simulator, and how to connect to it; gone with the value.
struct Server(Child, String);

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

impl Server {
    fn start() -> Self {
        let mut command = launch::program("dstream-mssql-sim");
        let mut child = command.arg("0").stdout(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut line = || lines.next().expect("two lines").expect("readable");
        let (_address, connection) = (line(), line());
        Self(child, format!("{connection};Encrypt=DANGER_PLAINTEXT"))
    }

    fn client(&self, words: &[&str]) -> Command {
        let mut command = launch::program("bench-mssql");
        command.arg(&self.1).args(words).stdout(Stdio::null());
        command
    }

    /// As if nothing had been read of what is there.
    fn rewind(&self) {
        run(&mut self.client(&[
            "run",
            "DELETE dbo.cdc_offsets; INSERT dbo.cdc_offsets (table_name, last_lsn) \
             SELECT N'dbo.t', sys.fn_cdc_decrement_lsn(sys.fn_cdc_get_min_lsn(N'dbo_t'))",
        ]));
    }

    fn changes(&self, folder: &Path, report: &Path, rows: usize) -> launch::Run {
        self.rewind();
        let _absent = fs::remove_file(report);
        let run = launch::dstream(folder);
        assert_eq!(reported(report, "lines"), rows as f64, "changes that came");
        run
    }
}

/// The rate of one connection, then the memory with a backlog that is five times as long.
pub fn changes(size: &Size) -> Vec<Row> {
    let server = Server::start();
    run(&mut server.client(&["fill", &size.rows.to_string()]));
    let work = tempfile::tempdir().expect("a temporary folder can be made");
    let report = work.path().join("report.json");
    let input = [
        ("db_connection_string", format!("\"{}\"", server.1)),
        ("tables", "[\"t\"]".into()),
        ("checkpoint_store", "\"table\"".into()),
        ("max_connections", "1".into()),
        ("until", "\"caught_up\"".into()),
    ];
    let sink = [("report", quoted(&report)), ("commit_gap_ms", "10".into())];
    let folder = project(&named("mssql", &input), &own("bench-sink", &sink));
    let rows = size.rows as f64;
    let result = pairs::measure(
        size.pairs,
        || server.changes(folder.path(), &report, size.rows),
        || run(&mut server.client(&["read"])),
    );
    let raw = run(&mut server.client(&["raw"]));
    let speed = result.speed(|r| r.wall.as_secs_f64());
    let rate = |runs: &[launch::Run]| {
        pairs::Spread::of(runs.iter().map(|r| rows / r.wall.as_secs_f64() / 1e6).collect())
    };
    let (ours, other) = (rate(&result.ours), rate(&result.other));
    let raw = rows / raw.wall.as_secs_f64() / 1e6 / ours.median;
    let compared = Row {
        what: format!("{} changes of a SQL Server table (simulator), one connection", size.rows),
        ours: format!("{} M/s", ours.show(2)),
        other: format!("the driver reads and drops them: {} M/s", other.show(2)),
        figure: format!("{} ×", speed.show(2)),
        bound: "≥ 0.7 ×".into(),
        holds: speed.median >= 0.7,
        note: "200 bytes a row, 1,000 changes a transaction".into(),
    };
    let spare = Row {
        what: "the simulator alone, to a socket that drops the bytes, against the input".into(),
        ours: String::new(),
        other: String::new(),
        figure: format!("{raw:.1} ×"),
        bound: format!("≥ {SPARE} ×"),
        holds: raw >= SPARE,
        note: "with less, the simulator is what is measured".into(),
    };
    vec![compared, spare, backlog(&server, size, folder.path(), &report)]
}

fn backlog(server: &Server, size: &Size, folder: &Path, report: &Path) -> Row {
    let rows = 5 * size.rows;
    run(&mut server.client(&["fill", &rows.to_string()]));
    let read = server.changes(folder, report, rows);
    let peak = read.children.get("dstream-in-mssql").copied().unwrap_or(f64::INFINITY);
    let rate = rows as f64 / read.wall.as_secs_f64() / 1e6;
    let what = format!("peak memory of dstream-in-mssql with a backlog of {rows} changes");
    at_most(&what, peak, 64.0, "MiB", format!("{rate:.2} M/s"))
}

fn run(command: &mut Command) -> launch::Run {
    launch::measure(command).unwrap_or_else(|e| panic!("{command:?}: {e}"))
}
