//! Two instances of one task read the tables of one SQL Server under leases, and write them into one
//! PostgreSQL, while their processes are killed and put to sleep at random. At the end the tables are
//! compared, and the books of the destination say whether a table ever had two owners.

mod history;
mod source;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use dstream_mssql_sim::MssqlSim;
use dstream_servers::{Azurite, Postgres};
use fastrand::Rng;

use crate::processes;
use crate::project::Project;
use crate::running::Running;
pub use history::History;
use source::{Load, TABLES};

/// Azure's shortest lease.
pub const LEASE: Duration = Duration::from_secs(15);

/// How long the target may take to catch up after the last kill: leases have to run out first.
const CATCH_UP: Duration = Duration::from_secs(120);

/// What is hit of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// `dstream` itself.
    Host,
    /// The reader.
    Input,
    /// The writer.
    Output,
    /// All three at once, as when a machine sleeps.
    All,
}

const VICTIMS: [Victim; 4] = [Victim::Host, Victim::Input, Victim::Output, Victim::All];

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// SIGKILLs.
    pub kills: usize,
    /// SIGSTOPs, with a SIGCONT later.
    pub pauses: usize,
    /// Of them longer than a lease.
    pub long_pauses: usize,
    /// Transactions in the source.
    pub transactions: u64,
    /// Rows compared.
    pub rows: usize,
    /// Tables that are not equal.
    pub unequal: Vec<String>,
    /// From the end of the load to equal tables.
    pub caught_up_in: Duration,
    /// What the destination and the leases say of who had what.
    pub history: History,
}

impl Report {
    /// Nothing lost, nothing doubled, no table with two owners.
    pub fn is_clean(&self) -> bool {
        self.unequal.is_empty() && self.history.faults.is_empty()
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let History { commits, owners, leases, replays, refused, faults } = &self.history;
        let Self { kills, pauses, long_pauses, transactions, rows, .. } = self;
        writeln!(f, "{kills} kills, {pauses} pauses, {long_pauses} of them longer than a lease")?;
        writeln!(
            f,
            "{transactions} transactions; {commits} commits; tables changed hands {owners} times, {leases} leases were given"
        )?;
        writeln!(f, "{replays} times taken up again, {refused} times refused under an old lease")?;
        writeln!(
            f,
            "caught up {:.1} s after the last transaction",
            self.caught_up_in.as_secs_f64()
        )?;
        match self.unequal.as_slice() {
            [] => write!(f, "{rows} rows in {TABLES} tables: equal, row for row")?,
            tables => write!(f, "NOT EQUAL: {}", tables.join(", "))?,
        }
        match faults.as_slice() {
            [] => write!(f, "\nno table had two owners at any time"),
            faults => write!(f, "\nTWO OWNERS:\n{}", faults.join("\n")),
        }
    }
}

/// Prints what is played, as it happens and in sum.
pub fn shown(play: impl FnOnce(&mut dyn FnMut(&str)) -> Report) -> ExitCode {
    let begun = Instant::now();
    let report = play(&mut |what| println!("{:>6.1} s  {what}", begun.elapsed().as_secs_f64()));
    println!("\n{report}");
    if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A SQL Server that is played, a store of leases, a PostgreSQL, and two instances between them.
pub struct Takeovers {
    sim: MssqlSim,
    _leases: Azurite,
    target: Postgres,
    instances: [Instance; 2],
    report: Report,
    asleep: Vec<Sleep>,
}

struct Instance {
    name: &'static str,
    project: Project,
    host: Running,
    /// What its hosts said, to their ends.
    said: String,
}

struct Sleep {
    until: Instant,
    pids: Vec<u32>,
}

impl Takeovers {
    /// Starts everything; both instances run when this returns.
    ///
    /// # Panics
    /// Where something does not start.
    pub fn start() -> Self {
        let sim = source::start();
        let (leases, target) = (Azurite::start(), Postgres::start(&[("max_connections", "40")]));
        history::watch(&target);
        let instance = |name| {
            let project = Project::with(&task_file())
                .env("SOURCE", &sim.connection_string())
                .env("TARGET_URL", &target.url("postgres"))
                .env("LEASES", &leases.connection_string());
            let host = project.start(ARGS);
            Instance { name, project, host, said: String::new() }
        };
        let instances = [instance("one"), instance("two")];
        let (report, asleep) = (Report::default(), Vec::new());
        Self { sim, _leases: leases, target, instances, report, asleep }
    }

    /// Writes, copies, kills and pauses so often, then waits until the target has caught up.
    ///
    /// # Panics
    /// Where something does not start again.
    pub fn play(mut self, rounds: usize, seed: u64, tell: &mut dyn FnMut(&str)) -> Report {
        let mut rng = Rng::with_seed(seed);
        let load = Load::default();
        let transactions = std::thread::scope(|scope| {
            let writing = scope.spawn(|| load.write(&self.sim, seed));
            // The load ends also where this fails.
            let over = load.over_when_dropped();
            wait_for("both have tables", || history::owners(&self.target) >= 2);
            // A moment in which the victim has just ended by itself does not count.
            while self.report.kills + self.report.pauses < rounds {
                std::thread::sleep(Duration::from_millis(rng.u64(500..3000)));
                wake(&mut self.asleep, false, tell);
                let hit = rng.usize(..2);
                let (asleep, report) = (&mut self.asleep, &mut self.report);
                self.instances[hit].hit(&mut rng, asleep, report, tell);
            }
            drop(over);
            writing.join().expect("it does not panic")
        });
        self.report.transactions = transactions;
        tell("nothing is written any more; waiting for the target");
        self.finish(tell)
    }

    /// One story: two share, one is killed, the other takes over, the first comes back.
    ///
    /// # Panics
    /// Where something does not happen.
    pub fn tell_the_story(mut self, tell: &mut dyn FnMut(&str)) -> Report {
        let load = Load::default();
        let transactions = std::thread::scope(|scope| {
            let writing = scope.spawn(|| load.write(&self.sim, 1));
            let over = load.over_when_dropped();
            let shares = || history::shares(&self.target);
            tell("250 transactions a second are written; each reader takes what is free");
            wait_for("they share", || shares() == [TABLES / 2, TABLES / 2]);
            tell(
                "each has ten of the twenty tables; a lease for each, renewed every 5 s, is its right to read",
            );
            std::thread::sleep(Duration::from_secs(2));
            tell(&history::newest(&self.target));
            tell("kill -9 of reader one, with its host and its writer");
            let killed = Instant::now();
            self.instances[0].host.kill();
            self.report.kills += 1;
            wait_for("the other takes over", || shares() == [TABLES]);
            let after = killed.elapsed().as_secs_f64();
            tell(&format!(
                "reader two has all twenty, {after:.1} s after the kill: not before the leases of {} s had run out",
                LEASE.as_secs()
            ));
            tell("reader one is started again");
            self.instances[0].start_again();
            wait_for("they share again", || shares() == [TABLES / 2, TABLES / 2]);
            tell(
                "reader two has given ten back, each at the end of a transaction; nothing was refused",
            );
            drop(over);
            writing.join().expect("it does not panic")
        });
        self.report.transactions = transactions;
        tell("nothing is written any more");
        self.finish(tell)
    }

    fn finish(mut self, tell: &mut dyn FnMut(&str)) -> Report {
        let begun = Instant::now();
        loop {
            wake(&mut self.asleep, false, tell);
            self.instances.iter_mut().for_each(Instance::start_again);
            self.report.unequal = source::unequal(&self.sim, &self.target, &mut self.report.rows);
            if self.report.unequal.is_empty() || begun.elapsed() > CATCH_UP {
                break;
            }
            std::thread::sleep(Duration::from_millis(300));
        }
        self.report.caught_up_in = begun.elapsed();
        wake(&mut self.asleep, true, tell);
        let Self { instances, target, mut report, .. } = self;
        let said = instances.map(Instance::end);
        report.history = History::read(&target, &said);
        report
    }
}

/// Wakes those whose time has come, or all.
fn wake(asleep: &mut Vec<Sleep>, all: bool, tell: &mut dyn FnMut(&str)) {
    asleep.retain(|sleep| {
        if !all && sleep.until > Instant::now() {
            return true;
        }
        sleep.pids.iter().for_each(|pid| processes::resume(*pid));
        tell("SIGCONT");
        false
    });
}

impl Instance {
    fn hit(
        &mut self,
        rng: &mut Rng,
        asleep: &mut Vec<Sleep>,
        report: &mut Report,
        tell: &mut dyn FnMut(&str),
    ) {
        self.start_again();
        let victim = VICTIMS[rng.usize(..VICTIMS.len())];
        let (kills, long, part) = (rng.bool(), rng.bool(), rng.f64());
        let pids = self.pids(victim);
        if pids.is_empty() {
            return;
        }
        if kills {
            tell(&format!("kill -9 {victim:?} of {}", self.name));
            pids.iter().for_each(|pid| processes::kill(*pid));
            report.kills += 1;
            return;
        }
        let time = if long { LEASE + LEASE.mul_f64(part / 2.0) } else { LEASE.mul_f64(part / 4.0) };
        tell(&format!("kill -STOP {victim:?} of {} for {:.1} s", self.name, time.as_secs_f64()));
        pids.iter().for_each(|pid| processes::pause(*pid));
        report.pauses += 1;
        report.long_pauses += usize::from(long);
        asleep.push(Sleep { until: Instant::now() + time, pids });
    }

    fn pids(&self, victim: Victim) -> Vec<u32> {
        let host = self.host.pid();
        let children = processes::children(host);
        let of = |prefix| {
            let named =
                children.iter().filter(move |(_, name): &&(u32, String)| name.starts_with(prefix));
            named.map(|(pid, _)| *pid)
        };
        match victim {
            Victim::Host => vec![host],
            Victim::Input => of("dstream-in-").collect(),
            Victim::Output => of("dstream-out-").collect(),
            Victim::All => std::iter::once(host).chain(of("dstream-")).collect(),
        }
    }

    /// As whoever watches over such a process does.
    fn start_again(&mut self) {
        if self.host.has_ended() {
            let ended = std::mem::replace(&mut self.host, self.project.start(ARGS));
            self.said.push_str(&ended.wait().stdout);
        }
    }

    fn end(self) -> String {
        processes::terminate(self.host.pid());
        self.said + &self.host.wait().stdout
    }
}

/// Waits until it is so.
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + CATCH_UP;
    while !done() {
        assert!(Instant::now() < deadline, "{what}: it takes too long");
        std::thread::sleep(Duration::from_millis(100));
    }
}

const ARGS: &[&str] = &["--json", "--log-level", "info", "run", "share"];

fn task_file() -> String {
    format!(
        r#"task "share" {{
  require = "exactly_once"
  retry {{
    max_attempts    = 1000
    initial_backoff = "100ms"
    max_backoff     = "1s"
  }}
  input {{
    provider = "mssql"
    config {{
      db_connection_string = env("SOURCE")
      tables               = ["t*"]
      poll_interval        = "100ms"
      max_poll_interval    = "500ms"
      lock_config {{
        type              = "azure_blob"
        connection_string = env("LEASES")
        container_name    = "locks"
        lease_duration    = "{}s"
      }}
    }}
  }}
  output {{
    provider = "postgres"
    config {{
      url              = env("TARGET_URL")
      mode             = "upsert"
      table            = "{{name}}"
      takeover_timeout = "5s"
    }}
  }}
}}
"#,
        LEASE.as_secs()
    )
}
