//! Whatever happens in one MariaDB, the other has the same rows: random tables, types and
//! transactions, columns that are added, before the snapshot, while it is taken, and behind it, with
//! SIGKILL of the host or the output in between.
//!
//! `CASES` sets how many (10), `SEED` plays one again.

#![cfg(unix)]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use dstream_servers::Mariadb;
use dstream_tests::{Project, Running, processes};
use fastrand::Rng;

const TASK: &str = r#"task "copy" {
  require = "exactly_once"
  retry {
    initial_backoff = "50ms"
    max_backoff     = "200ms"
  }
  input {
    provider = "mysql"
    config {
      url    = env("SOURCE_URL")
      tables = ["${env("DATABASE")}.*"]
    }
  }
  output {
    provider = "mysql"
    config {
      url  = env("TARGET_URL")
      mode = "upsert"
      bookkeeping_database = "${env("DATABASE")}_books"
    }
  }
}
"#;

#[test]
fn the_copy_has_the_same_rows_whatever_happens_in_the_source() {
    let quick = ["--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0"];
    let (source, target) = (Mariadb::start(&quick), Mariadb::start(&quick));
    let given = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let seeds: Vec<u64> = match given("SEED") {
        Some(seed) => vec![seed],
        None => (0..given("CASES").unwrap_or(10)).collect(),
    };
    for seed in seeds {
        Case::new(&source, &target, seed).play();
    }
}

/// A database on each server, and a project of its own.
struct Case<'a> {
    source: &'a Mariadb,
    target: &'a Mariadb,
    database: String,
    project: Project,
    tables: Vec<Table>,
    rng: Rng,
    seed: u64,
}

impl<'a> Case<'a> {
    fn new(source: &'a Mariadb, target: &'a Mariadb, seed: u64) -> Self {
        let database = format!("case_{seed}");
        source.create_database(&database);
        let project = Project::with(TASK)
            .env("DATABASE", &database)
            .env("SOURCE_URL", &source.url(""))
            .env("TARGET_URL", &target.url(""));
        let mut rng = Rng::with_seed(seed);
        let names = ["orders", "Order Lines", "select", "naïve `quoted`"];
        // Small cases first: the first that fails is the one to look at.
        let count = rng.usize(1..=(1 + seed as usize / 3).min(3));
        let names = (0..count).map(|at| names[(at + seed as usize) % names.len()]);
        let tables: Vec<_> = names.map(|name| Table::random(name, &mut rng)).collect();
        for table in &tables {
            source.sql(&database, &table.create());
        }
        Self { source, target, database, project, tables, rng, seed }
    }

    fn play(mut self) {
        self.write(0..20);
        let mut host = self.start();
        for _ in 0..self.rng.usize(1..5) {
            self.write(1..12);
            std::thread::sleep(Duration::from_millis(self.rng.u64(0..300)));
            match self.rng.u8(..) {
                0..80 => {
                    host.kill();
                    let _killed = host.wait();
                    self.write(0..6);
                    host = self.start();
                }
                80..170 => {
                    let children = processes::children(host.pid());
                    let output = children.iter().find(|(_, name)| name.starts_with("dstream-out-"));
                    output.iter().for_each(|(pid, _)| processes::kill(*pid));
                }
                _ => {}
            }
        }
        self.write(1..6);
        // The log holds a new column only with the next row.
        let last: String = self.tables.iter_mut().map(Table::touch).collect();
        self.source.sql(&self.database, &last);
        self.expect_equal(&mut host);
        processes::terminate(host.pid());
        host.wait().expect(0);
    }

    fn start(&self) -> Running {
        self.project.start(&["--log-level", "warn", "run", "copy"])
    }

    fn write(&mut self, transactions: std::ops::Range<usize>) {
        for _ in 0..self.rng.usize(transactions) {
            let at = self.rng.usize(..self.tables.len());
            let sql = match self.rng.u8(..) {
                0..14 => self.tables[at].add_column(&mut self.rng),
                14..20 => self.tables[at].truncate(),
                _ => self.transaction(),
            };
            self.source.sql(&self.database, &sql);
        }
    }

    fn transaction(&mut self) -> String {
        let before = self.tables.clone();
        let mut sql = String::from("SET sql_mode = ''; START TRANSACTION;\n");
        for _ in 0..self.rng.usize(1..=8) {
            let at = self.rng.usize(..self.tables.len());
            sql.push_str(&self.tables[at].change(&mut self.rng));
        }
        if self.rng.u8(..) < 20 {
            self.tables = before;
            return sql + "ROLLBACK;\n";
        }
        sql + "COMMIT;\n"
    }

    fn expect_equal(&self, host: &mut Running) {
        let deadline = Instant::now() + Duration::from_secs(40);
        while let Some((table, source, target)) = self.unequal() {
            let seed = self.seed;
            assert!(
                !host.has_ended() && Instant::now() < deadline,
                "seed {seed}: {table} differs (SEED={seed} plays it again)\n--- source\n{source}\n--- target\n{target}\n--- ended: {}",
                host.has_ended()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn unequal(&self) -> Option<(String, String, String)> {
        self.tables.iter().find_map(|table| {
            let sql = table.select();
            let source = self.source.sql(&self.database, &sql);
            let target = self.target.try_sql(&self.database, &sql).unwrap_or_else(|error| error);
            (source != target).then_some((table.name.clone(), source, target))
        })
    }
}

/// A table, as far as the next statement needs to know it.
#[derive(Debug, Clone)]
struct Table {
    name: String,
    key: &'static Kind,
    columns: Vec<(String, &'static Kind)>,
    /// The literals of the keys that are there.
    rows: Vec<String>,
}

/// A type, and values for it: odd ones first.
#[derive(Debug)]
struct Kind {
    sql: &'static str,
    values: &'static [&'static str],
}

const KEYS: [Kind; 4] = [
    Kind { sql: "int", values: &["0", "1", "-1", "2147483647", "7", "8", "9", "10"] },
    Kind {
        sql: "bigint unsigned",
        values: &["18446744073709551615", "0", "9007199254740993", "1", "2", "3", "4", "5"],
    },
    Kind {
        sql: "varchar(20) character set utf8mb4 collate utf8mb4_nopad_bin",
        values: &["'a'", "'A'", "'a '", "'é'", "''", "'it''s'", "'\\\\'", "'😀'"],
    },
    Kind { sql: "varbinary(9)", values: &["x''", "x'00'", "x'0000'", "x'FF27'", "x'5C'", "'z'"] },
];

const KINDS: [Kind; 20] = [
    Kind { sql: "tinyint(1)", values: &["0", "1", "-128"] },
    Kind { sql: "smallint unsigned", values: &["65535", "0"] },
    Kind { sql: "bigint", values: &["-9223372036854775808", "9007199254740993"] },
    Kind { sql: "decimal(30,10)", values: &["-1.5", "12345678901234567890.0123456789", "0"] },
    Kind { sql: "double", values: &["0.1", "1e-300", "-1.7976931348623157e308", "-0e0"] },
    Kind { sql: "float", values: &["0.1", "3.4e38"] },
    Kind { sql: "bit(1)", values: &["1", "0"] },
    Kind { sql: "bit(40)", values: &["1099511627775", "39"] },
    Kind { sql: "varchar(40)", values: &["''", "'tab\\there'", "'null'", "'\\0'", "'a\\nb'"] },
    Kind { sql: "char(5)", values: &["'abc'", "''"] },
    Kind { sql: "text", values: &["'it''s'", "'back\\\\slash'", "repeat('é', 9000)"] },
    Kind { sql: "blob", values: &["x''", "x'0027225CFF'", "repeat(x'00', 3000)"] },
    Kind { sql: "binary(4)", values: &["x'00'", "x'DEADBEEF'"] },
    Kind { sql: "date", values: &["'2024-02-29'", "'0000-00-00'"] },
    Kind { sql: "time(3)", values: &["'-838:59:59'", "'25:00:00.125'", "'00:00:00'"] },
    Kind { sql: "datetime(6)", values: &["'9999-12-31 23:59:59.999999'", "'2024-02-29'"] },
    Kind { sql: "timestamp(2) null", values: &["'2037-12-31 23:59:59.25'", "'1970-01-02'"] },
    Kind { sql: "enum('a','it''s','0')", values: &["'a'", "'it''s'", "'0'"] },
    Kind { sql: "json", values: &["'{\"a\": [1, 2.50, null, \"x\\\\n\"]}'", "'\"text\"'", "'7'"] },
    Kind { sql: "year", values: &["0", "2024"] },
];

impl Table {
    fn random(name: &str, rng: &mut Rng) -> Self {
        let key = &KEYS[rng.usize(..KEYS.len())];
        let mut table = Self { name: name.into(), key, columns: Vec::new(), rows: Vec::new() };
        for _ in 0..rng.usize(1..8) {
            table.add(rng);
        }
        table
    }

    fn add(&mut self, rng: &mut Rng) -> (String, &'static Kind) {
        let name = format!("c {}", self.columns.len());
        let kind = &KINDS[rng.usize(..KINDS.len())];
        self.columns.push((name.clone(), kind));
        (name, kind)
    }

    fn quoted(&self) -> String {
        format!("`{}`", self.name.replace('`', "``"))
    }

    fn create(&self) -> String {
        let mut sql = format!("CREATE TABLE {} (id {}", self.quoted(), self.key.sql);
        for (name, kind) in &self.columns {
            let _fits = write!(sql, ", `{name}` {}", kind.sql);
        }
        sql + ", PRIMARY KEY (id)) CHARACTER SET utf8mb4"
    }

    fn add_column(&mut self, rng: &mut Rng) -> String {
        let (name, kind) = self.add(rng);
        format!("ALTER TABLE {} ADD COLUMN `{name}` {}", self.quoted(), kind.sql)
    }

    fn truncate(&mut self) -> String {
        self.rows.clear();
        format!("TRUNCATE {}", self.quoted())
    }

    /// A statement that changes a row for certain.
    fn touch(&mut self) -> String {
        let table = self.quoted();
        match self.rows.pop() {
            Some(key) => format!("DELETE FROM {table} WHERE id = {key};\n"),
            None => {
                let key = self.key.values[0];
                self.rows.push(key.into());
                format!("INSERT INTO {table} (id) VALUES ({key});\n")
            }
        }
    }

    /// One statement on one row.
    fn change(&mut self, rng: &mut Rng) -> String {
        let free: Vec<_> =
            self.key.values.iter().filter(|key| !self.rows.iter().any(|row| row == *key)).collect();
        let new = rng.choice(free).map(|key| (*key).to_owned());
        let row = rng.choice(0..self.rows.len());
        let table = self.quoted();
        match (rng.u8(..100), new, row) {
            (0..45, Some(key), _) | (_, Some(key), None) => {
                let values: Vec<_> =
                    self.columns.iter().map(|(_, kind)| value(kind, rng)).collect();
                self.rows.push(key.clone());
                let values = [vec![key], values].concat().join(", ");
                format!("INSERT INTO {table} VALUES ({values});\n")
            }
            (45..55, Some(key), Some(row)) => {
                let old = std::mem::replace(&mut self.rows[row], key.clone());
                format!("UPDATE {table} SET id = {key} WHERE id = {old};\n")
            }
            (55..70, _, Some(row)) => {
                let old = self.rows.swap_remove(row);
                format!("DELETE FROM {table} WHERE id = {old};\n")
            }
            (_, _, Some(row)) => {
                let (name, kind) = &self.columns[rng.usize(..self.columns.len())];
                let key = &self.rows[row];
                format!("UPDATE {table} SET `{name}` = {} WHERE id = {key};\n", value(kind, rng))
            }
            (_, None, None) => String::new(),
        }
    }

    /// All of it in an order, bytes as digits.
    fn select(&self) -> String {
        let show = |name: &str, kind: &Kind| match kind.sql {
            sql if sql.contains("bit") => format!("`{name}` + 0"),
            sql if sql.contains("binary") || sql.contains("char") => format!("hex(`{name}`)"),
            "blob" | "text" => {
                format!("if(length(`{name}`) > 60, sha1(`{name}`), hex(`{name}`))")
            }
            // The document, and not how it is written.
            "json" => format!("json_compact(`{name}`)"),
            _ => format!("`{name}`"),
        };
        let columns: Vec<_> = self.columns.iter().map(|(name, kind)| show(name, kind)).collect();
        let key = show("id", self.key);
        format!("SELECT {key}, {} FROM {} ORDER BY id", columns.join(", "), self.quoted())
    }
}

fn value(kind: &Kind, rng: &mut Rng) -> String {
    match rng.u8(..) {
        0..30 => "NULL".into(),
        _ => kind.values[rng.usize(..kind.values.len())].into(),
    }
}
