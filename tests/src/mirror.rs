//! One PostgreSQL kept identical to another while everything is killed at random: the host, the
//! providers, and either server. At the end the tables are compared, row for row.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dstream_servers::Postgres;
use fastrand::Rng;
use serde_json::Value;

use crate::processes;
use crate::project::Project;
use crate::running::Running;

/// pgbench's tables and the columns of their keys.
const TABLES: [(&str, &str); 4] = [
    ("pgbench_accounts", "aid"),
    ("pgbench_branches", "bid"),
    ("pgbench_history", "id"),
    ("pgbench_tellers", "tid"),
];

/// How long the target may take to catch up after the last kill.
const CATCH_UP: Duration = Duration::from_secs(120);

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// `dstream` itself; it is then started again.
    Host,
    /// The input; the host starts all again.
    Input,
    /// The output; likewise.
    Output,
    /// The database that pgbench writes into; started again on the same files.
    Source,
    /// The database that is kept identical; likewise.
    Target,
}

const VICTIMS: [Victim; 5] =
    [Victim::Host, Victim::Input, Victim::Output, Victim::Source, Victim::Target];

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// SIGKILLs, by [`Victim`] in its order.
    pub kills: [usize; 5],
    /// How often the stream was taken up from a checkpoint.
    pub replays: u64,
    /// Envelopes that were sent more than once because of that.
    pub sent_again: u64,
    /// Transactions that pgbench has committed in the source.
    pub transactions: u64,
    /// Rows compared.
    pub rows: u64,
    /// Tables that are not equal.
    pub unequal: Vec<String>,
    /// From the end of pgbench to equal tables.
    pub caught_up_in: Duration,
}

/// Two servers, a task between them, and pgbench.
pub struct Mirror {
    source: Postgres,
    target: Postgres,
    project: Project,
    report: Report,
}

impl Mirror {
    /// Starts the servers and fills the source: `scale` times 100,000 accounts.
    pub fn new(scale: u32) -> Self {
        let source = Postgres::start(&[("wal_level", "logical"), ("max_connections", "40")]);
        let target = Postgres::start(&[("max_connections", "40")]);
        let mut init = source.tool("pgbench", "postgres");
        let done = init.args(["-i", "-q", "-s", &scale.to_string()]).output().expect("it starts");
        assert!(done.status.success(), "pgbench -i: {}", String::from_utf8_lossy(&done.stderr));
        // A row that has no key cannot be told from its copy.
        source.psql("postgres", "ALTER TABLE pgbench_history ADD COLUMN id bigserial PRIMARY KEY");
        let project = Project::with(&task_file())
            .env("SOURCE_URL", &source.url("postgres"))
            .env("TARGET_URL", &target.url("postgres"));
        Self { source, target, project, report: Report::default() }
    }

    /// Writes, copies and kills for this long, then waits until the target has caught up.
    ///
    /// # Panics
    /// Where something does not start again.
    pub fn play(mut self, seconds: u64, seed: u64, tell: &mut dyn FnMut(&str)) -> Report {
        let mut rng = Rng::with_seed(seed);
        let load = Load::start(&self.source);
        let mut host = self.start_host();
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            std::thread::sleep(Duration::from_millis(rng.u64(300..2500)));
            let victim = VICTIMS[rng.usize(..VICTIMS.len())];
            host = self.kill(victim, host, tell);
        }
        load.stop();
        tell("pgbench has stopped; waiting for the target");
        self.finish(host)
    }

    fn start_host(&self) -> Running {
        self.project.start(&["--json", "run", "mirror"])
    }

    fn kill(&mut self, victim: Victim, mut host: Running, tell: &mut dyn FnMut(&str)) -> Running {
        let children = processes::children(host.pid());
        let provider = |prefix: &str| children.iter().find(|(_, n)| n.starts_with(prefix));
        let hit = match victim {
            Victim::Host => {
                host.kill();
                true
            }
            Victim::Input => {
                provider("dstream-in-").map(|(pid, _)| processes::kill(*pid)).is_some()
            }
            Victim::Output => {
                provider("dstream-out-").map(|(pid, _)| processes::kill(*pid)).is_some()
            }
            Victim::Source => {
                self.source.kill();
                self.source.restart(&[]);
                true
            }
            Victim::Target => {
                self.target.kill();
                self.target.restart(&[]);
                true
            }
        };
        if hit {
            tell(&format!("kill -9 {victim:?}"));
            self.report.kills[victim as usize] += 1;
        }
        if victim == Victim::Host || host.has_ended() {
            self.count(&host.wait().stdout);
            return self.start_host();
        }
        host
    }

    /// Adds what a run of the host has said of itself.
    fn count(&mut self, events: &str) {
        let (mut read, mut written) = (0, 0);
        for event in events.lines().filter_map(|l| serde_json::from_str::<Value>(l).ok()) {
            if event["event"] == "running" && event["resumed"] == true {
                self.report.replays += 1;
            }
            let totals = &event["totals"];
            read = totals["read"].as_u64().unwrap_or(read);
            written = totals["written"].as_u64().unwrap_or(written);
        }
        self.report.sent_again += read.saturating_sub(written);
    }

    fn finish(mut self, mut host: Running) -> Report {
        let begun = Instant::now();
        while !self.unequal().is_empty() && begun.elapsed() < CATCH_UP {
            if host.has_ended() {
                self.count(&host.wait().stdout);
                host = self.start_host();
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        self.report.caught_up_in = begun.elapsed();
        processes::terminate(host.pid());
        let end = host.wait();
        self.count(&end.stdout);
        assert_eq!(end.code, 0, "the end by SIGTERM\n{}", end.everything());
        self.report.unequal = self.unequal();
        let count = |table: &str| {
            let text = self.source.psql("postgres", &format!("SELECT count(*) FROM {table}"));
            text.parse::<u64>().expect("a number")
        };
        self.report.rows = TABLES.iter().map(|(table, _)| count(table)).sum();
        self.report.transactions = count("pgbench_history");
        self.report
    }

    /// The tables whose rows are not the same in both.
    fn unequal(&self) -> Vec<String> {
        let differs = |(table, key): &&(&str, &str)| {
            let sql = format!("COPY (SELECT * FROM {table} ORDER BY {key}) TO STDOUT");
            let source = self.source.try_psql("postgres", &sql);
            source.is_err() || source != self.target.try_psql("postgres", &sql)
        };
        TABLES.iter().filter(differs).map(|(table, _)| (*table).to_owned()).collect()
    }
}

/// pgbench, started again whenever its server was killed.
struct Load {
    over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Load {
    fn start(source: &Postgres) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let mut command = source.tool("pgbench", "postgres");
        command.args(["-n", "-c", "4", "-R", "400", "-T", "3"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let stop = over.clone();
        let thread = std::thread::spawn(move || run(&mut command, &stop));
        Self { over, thread }
    }

    fn stop(self) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("it does not panic");
    }
}

fn run(command: &mut Command, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let done = command.status().expect("pgbench starts");
        if !done.success() {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn task_file() -> String {
    r#"task "mirror" {
  require = "exactly_once"
  retry {
    max_attempts    = 1000
    initial_backoff = "100ms"
    max_backoff     = "1s"
  }
  input {
    provider = "postgres"
    config {
      url    = env("SOURCE_URL")
      tables = ["public.pgbench_*"]
    }
  }
  output {
    provider = "postgres"
    config {
      url  = env("TARGET_URL")
      mode = "upsert"
    }
  }
}
"#
    .into()
}
