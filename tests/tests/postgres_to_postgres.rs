//! Whatever happens in one PostgreSQL, the other has the same rows: random tables, types and
//! transactions, before the snapshot, while it is taken, and behind it, with SIGKILL in between.
//!
//! `CASES` sets how many (50), `SEED` plays one again.

#![cfg(unix)]

use std::time::{Duration, Instant};

use dstream_servers::Postgres;
use dstream_tests::random_database::{PREAMBLE, RandomDatabase};
use dstream_tests::{Project, Running};
use fastrand::Rng;

const TASK: &str = r#"task "copy" {
  require = "exactly_once"
  retry {
    initial_backoff = "50ms"
    max_backoff     = "200ms"
  }
  input {
    provider = "postgres"
    config {
      url    = env("SOURCE_URL")
      tables = ["public.*"]
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
"#;

#[test]
fn the_copy_has_the_same_rows_whatever_happens_in_the_source() {
    let source = Postgres::start(&[("wal_level", "logical"), ("fsync", "off")]);
    let target = Postgres::start(&[("fsync", "off")]);
    let given = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let seeds: Vec<u64> = match given("SEED") {
        Some(seed) => vec![seed],
        None => (0..given("CASES").unwrap_or(50)).collect(),
    };
    for seed in seeds {
        let begun = Instant::now();
        Case::new(&source, &target, seed).play();
        println!("seed {seed}: equal after {:.1} s", begun.elapsed().as_secs_f64());
    }
}

/// Two databases and a project of their own.
struct Case<'a> {
    source: &'a Postgres,
    target: &'a Postgres,
    database: String,
    project: Project,
    random: RandomDatabase,
    rng: Rng,
    seed: u64,
}

impl<'a> Case<'a> {
    fn new(source: &'a Postgres, target: &'a Postgres, seed: u64) -> Self {
        let database = format!("case_{seed}");
        let project = Project::with(TASK)
            .env("SOURCE_URL", &source.create_database(&database))
            .env("TARGET_URL", &target.create_database(&database));
        // Small cases first: the first that fails is the one to look at.
        let random = RandomDatabase::new(seed, 1 + seed as usize / 5);
        for server in [source, target] {
            server.psql(&database, PREAMBLE);
        }
        source.psql(&database, &random.create());
        Self { source, target, database, project, random, rng: Rng::with_seed(!seed), seed }
    }

    fn play(mut self) {
        self.write(0..20);
        let mut host = self.start();
        for _ in 0..self.rng.usize(1..4) {
            self.write(1..12);
            std::thread::sleep(Duration::from_millis(self.rng.u64(0..300)));
            if self.rng.u8(..) < 120 {
                host.kill();
                let _killed = host.wait();
                self.write(0..6);
                host = self.start();
            }
        }
        self.write(1..6);
        self.source.psql(&self.database, &self.random.touch());
        let host = self.expect_equal(host);
        dstream_tests::processes::terminate(host.pid());
        host.wait().expect(0);
        // The server notices a moment later that its reader has gone.
        let mine = format!("FROM pg_replication_slots WHERE database = '{}'", self.database);
        let active = format!("SELECT count(*) {mine} AND active");
        let begun = Instant::now();
        while self.source.psql("postgres", &active) != "0" {
            assert!(begun.elapsed() < Duration::from_secs(60), "the slot is still in use");
            std::thread::sleep(Duration::from_millis(5));
        }
        let drop = format!("SELECT pg_drop_replication_slot(slot_name) {mine}");
        self.source.psql("postgres", &drop);
        for server in [self.source, self.target] {
            server.psql("postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.database));
        }
    }

    fn start(&self) -> Running {
        self.project.start(&["--log-level", "warn", "run", "copy"])
    }

    fn write(&mut self, transactions: std::ops::Range<usize>) {
        for _ in 0..self.rng.usize(transactions) {
            let sql = self.random.transaction(1 + self.seed as usize / 4);
            self.source.psql(&self.database, &sql);
        }
    }

    fn expect_equal(&self, mut host: Running) -> Running {
        let deadline = Instant::now() + Duration::from_secs(30);
        while let Some((table, source, target)) = self.unequal() {
            if host.has_ended() || Instant::now() > deadline {
                let ended = host.has_ended();
                host.kill();
                panic!(
                    "seed {0}: {table} differs (SEED={0} plays it again)\n--- source\n{1}\n--- target\n{2}\n--- host, ended: {ended}\n{3}",
                    self.seed,
                    short(&source),
                    short(&target),
                    host.wait().everything()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        host
    }

    fn unequal(&self) -> Option<(String, String, String)> {
        self.random.tables().into_iter().find_map(|(table, key)| {
            let sql = format!("COPY (SELECT * FROM {table} ORDER BY {key}) TO STDOUT");
            let source = self.source.psql(&self.database, &sql);
            let target = self.target.try_psql(&self.database, &sql).unwrap_or_else(|e| e);
            (source != target).then_some((table, source, target))
        })
    }
}

/// The beginnings of rows: some are long.
fn short(rows: &str) -> String {
    rows.lines().map(|row| row.chars().take(200).chain(['\n']).collect::<String>()).collect()
}

#[test]
fn the_random_statements_are_statements() {
    let server = Postgres::start(&[("fsync", "off")]);
    for seed in 0..60 {
        let mut random = RandomDatabase::new(seed, 1 + seed as usize / 5);
        let database = format!("case_{seed}");
        server.create_database(&database);
        server.psql(&database, PREAMBLE);
        server.psql(&database, &random.create());
        for _ in 0..12 {
            server.psql(&database, &random.transaction(12));
        }
        let rows: Vec<String> = random
            .tables()
            .iter()
            .map(|(table, _)| server.psql(&database, &format!("SELECT count(*) FROM {table}")))
            .collect();
        assert_eq!(rows, random.rows(), "seed {seed}: what the generator believes is there");
    }
}
