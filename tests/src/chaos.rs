//! One round of the kill test: a stream, one SIGKILL in the middle of it, and then the count.
//!
//! A round is decided by a seed and its number, so that one that failed can be played again. (The
//! machine's own timing is not: the same round kills at about the same place.)

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::Value;

use crate::processes;
use crate::project::Project;
use crate::running::Running;

/// Where the lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// A CSV file into a table: the checkpoint is in the destination's own transaction.
    FileToSqlite,
    /// A CSV file into JSON lines: the file is cut back to the last checkpoint.
    FileToFile,
}

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// `dstream` itself; it is then started again.
    Host,
    /// The input; the host starts all again.
    Input,
    /// The output; likewise.
    Output,
}

/// What a round does.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The round's number.
    pub round: u64,
    /// Where the lines go.
    pub route: Route,
    /// Who is killed.
    pub victim: Victim,
    /// When: after this part of the rows is saved…
    pub after: f64,
    /// …and this much time has passed.
    pub then: Duration,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// What was to be done.
    pub plan: Plan,
    /// The part of the rows that was saved at the kill.
    pub killed_at: f64,
    /// Rows that are missing at the end.
    pub lost: usize,
    /// Rows that are there more than once at the end.
    pub doubled: usize,
    /// Providers that outlived their host.
    pub orphans: usize,
}

impl Plan {
    /// The round of this number under this seed.
    pub fn new(seed: u64, round: u64) -> Self {
        let mut rng = Rng::with_seed(seed.wrapping_mul(1_000_003).wrapping_add(round));
        let route = if rng.bool() { Route::FileToSqlite } else { Route::FileToFile };
        let victim = [Victim::Host, Victim::Input, Victim::Output][rng.usize(..3)];
        let then = Duration::from_micros(rng.u64(..150_000));
        Self { round, route, victim, after: rng.f64() * 0.9, then }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { round, route, victim, after, then } = self;
        write!(f, "round {round}: {route:?}, kill {victim:?} {then:?} after {:.0} %", after * 100.0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, killed_at, lost, doubled, orphans } = self;
        write!(f, "{plan}; fell at {:.1} %; ", killed_at * 100.0)?;
        write!(f, "{lost} lost, {doubled} doubled, {orphans} orphans")
    }
}

impl Report {
    /// Nothing lost, nothing doubled, nobody left.
    pub fn is_clean(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.orphans == 0
    }
}

/// Plays a round over `rows` rows. A kill that comes too late is tried again, earlier.
///
/// # Panics
/// Where the run does not end well after the kill, or no kill hits the stream.
pub fn play(mut plan: Plan, rows: usize) -> Report {
    for _ in 0..12 {
        let project = Project::with(&task_file(plan.route, rows));
        if let Some((killed_at, orphans)) = kill_once(&project, &plan, rows) {
            let seen = ids(&project, plan.route);
            let lost = (0..rows).filter(|id| !seen.contains_key(id)).count();
            let doubled = seen.values().filter(|n| **n > 1).count();
            return Report { plan, killed_at, lost, doubled, orphans };
        }
        plan.after *= 0.6;
        plan.then = plan.then.mul_f64(0.6);
    }
    panic!("{plan}: the stream is always over before the kill; use more rows");
}

/// Runs, kills, lets it finish. `None`: the kill did not fall between a commit and the end.
fn kill_once(project: &Project, plan: &Plan, rows: usize) -> Option<(f64, usize)> {
    let mut run = project.start(&["run", "chaos"]);
    if wait_for(&mut run, || part_saved(project, rows) > plan.after.max(f64::MIN_POSITIVE))
        .is_none()
    {
        let early = run.wait();
        assert_eq!(early.code, 0, "{plan}: it failed before the kill\n{}", early.everything());
        return None;
    }
    std::thread::sleep(plan.then);
    let killed_at = part_saved(project, rows);
    let children = processes::children(run.pid());
    let victim = find(plan.victim, run.pid(), &children)?;
    if run.has_ended() || killed_at >= 1.0 {
        return None;
    }
    processes::kill(victim);
    let mut orphans = Vec::new();
    let end = if plan.victim == Victim::Host {
        let _killed = run.wait();
        let pids: Vec<u32> = children.iter().map(|(pid, _)| *pid).collect();
        orphans = processes::survivors(&pids, Duration::from_secs(5));
        project.run("chaos")
    } else {
        run.wait()
    };
    assert_eq!(end.code, 0, "{plan}: the run after the kill\n{}", end.everything());
    Some((killed_at, orphans.len()))
}

fn wait_for(run: &mut Running, mut reached: impl FnMut() -> bool) -> Option<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !reached() {
        if run.has_ended() || Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Some(())
}

fn find(victim: Victim, host: u32, children: &[(u32, String)]) -> Option<u32> {
    let of = |prefix: &str| children.iter().find(|(_, n)| n.starts_with(prefix)).map(|(p, _)| *p);
    match victim {
        Victim::Host => Some(host),
        Victim::Input => of("dstream-in-"),
        Victim::Output => of("dstream-out-"),
    }
}

/// The part of the source that the host's state says is durable: how far in the file it would resume.
fn part_saved(project: &Project, rows: usize) -> f64 {
    let text = project.read(".dstream/tasks/chaos/state.json");
    let state: Value = serde_json::from_str(&text).unwrap_or_default();
    let files = state["inputs"]["input"]["checkpoint"].as_object();
    let offset = files.and_then(|files| files.values().find_map(|s| s["offset"].as_u64()));
    let size = std::fs::metadata(source(rows)).map_or(1, |m| m.len());
    offset.unwrap_or(0) as f64 / size as f64
}

fn task_file(route: Route, rows: usize) -> String {
    let output = match route {
        Route::FileToSqlite => {
            "provider = \"sqlite\"\n    config {\n      path  = \"out.db\"\n      table = \"people\"\n    }"
        }
        Route::FileToFile => "provider = \"file\"\n    config {\n      path = \"out.jsonl\"\n    }",
    };
    format!(
        r#"task "chaos" {{
  retry {{
    initial_backoff = "10ms"
    max_backoff     = "100ms"
  }}
  input {{
    provider = "file"
    config {{
      path = "{}"
    }}
  }}
  output {{
    {output}
  }}
}}
"#,
        source(rows).display()
    )
}

/// A CSV file with this many rows, `id` from 0. Made once in a process.
fn source(rows: usize) -> PathBuf {
    static FILE: OnceLock<(tempfile::TempDir, usize)> = OnceLock::new();
    let (folder, made) = FILE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut text = String::from("id,name,street,city,amount\n");
        for id in 0..rows {
            let amount = id % 1000;
            let _fits = writeln!(
                text,
                "{id},Person number {id},\"{amount} Long Street, House {id}\",Sometown,{amount}.25"
            );
        }
        let mut file = std::fs::File::create(folder.path().join("people.csv")).expect("writable");
        file.write_all(text.as_bytes()).expect("writable");
        (folder, rows)
    });
    assert_eq!(*made, rows, "one process plays all its rounds over the same file");
    folder.path().join("people.csv")
}

/// How often each id is in the destination.
fn ids(project: &Project, route: Route) -> HashMap<usize, usize> {
    let mut seen = HashMap::new();
    let mut count = |id: usize| *seen.entry(id).or_insert(0) += 1;
    match route {
        Route::FileToSqlite => {
            let db = rusqlite::Connection::open(project.path("out.db")).expect("a database");
            let mut all = db.prepare("SELECT CAST(id AS INTEGER) FROM people").expect("a table");
            let rows = all.query_map([], |row| row.get::<_, i64>(0)).expect("rows");
            rows.for_each(|id| count(usize::try_from(id.expect("a row")).expect("an id")));
        }
        Route::FileToFile => {
            let file = std::fs::File::open(project.path("out.jsonl")).expect("a file");
            for line in BufReader::new(file).lines() {
                let row: Value = serde_json::from_str(&line.expect("text")).expect("JSON");
                let id = row["id"].as_u64().map_or_else(
                    || row["id"].as_str().and_then(|t| t.parse().ok()),
                    |n| usize::try_from(n).ok(),
                );
                count(id.expect("an id"));
            }
        }
    }
    seen
}
