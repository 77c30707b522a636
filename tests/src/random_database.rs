//! Random tables, and random transactions on them, as SQL: what a copy of a database has to survive.
//! All of it follows from a seed.

use std::fmt::Write as _;

use fastrand::Rng;

mod values;

pub use values::{Kind, PREAMBLE};

/// A table, as far as the next statement needs to know it.
#[derive(Debug, Clone)]
struct Table {
    name: String,
    /// The first `keys` are the primary key.
    columns: Vec<(String, Kind)>,
    keys: usize,
    /// The literals of the keys that are there.
    rows: Vec<Vec<String>>,
    /// Updates and deletes carry the whole row before.
    full: bool,
    added: usize,
}

/// A source of statements.
#[derive(Debug, Clone)]
pub struct RandomDatabase {
    rng: Rng,
    tables: Vec<Table>,
}

const NAMES: [&str; 5] = ["orders", "Order Lines", "naïve \"quoted\"", "select", "t_1"];
const KEYS: [Kind; 4] = [Kind::Int4, Kind::Int8, Kind::Uuid, Kind::Text];

impl RandomDatabase {
    /// Tables by this seed; `size` bounds how many, and how wide they are.
    pub fn new(seed: u64, size: usize) -> Self {
        let mut rng = Rng::with_seed(seed);
        let count = rng.usize(1..=size.clamp(1, 3));
        let names = (0..count).map(|i| NAMES[(i + seed as usize) % NAMES.len()]);
        let tables = names.map(|name| Table::random(name, &mut rng, size)).collect();
        Self { rng, tables }
    }

    /// The statements that make the tables.
    pub fn create(&self) -> String {
        self.tables.iter().map(Table::create).collect()
    }

    /// The tables, quoted, and the columns that order their rows.
    pub fn tables(&self) -> Vec<(String, String)> {
        self.tables.iter().map(|t| (quote(&t.name), t.key_names())).collect()
    }

    /// How many rows each table has now.
    pub fn rows(&self) -> Vec<String> {
        self.tables.iter().map(|t| t.rows.len().to_string()).collect()
    }

    /// One transaction of up to `most` statements; some are rolled back, some have savepoints.
    pub fn transaction(&mut self, most: usize) -> String {
        let before = self.tables.clone();
        let mut sql = String::from("BEGIN;\n");
        for _ in 0..self.rng.usize(1..=most) {
            if self.rng.u8(..) < 12 {
                let kept = self.tables.clone();
                let statement = self.statement();
                let _fits = write!(sql, "SAVEPOINT s;\n{statement}ROLLBACK TO s;\n");
                self.tables = kept;
            } else {
                sql.push_str(&self.statement());
            }
        }
        if self.rng.u8(..) < 20 {
            self.tables = before;
            sql.push_str("ROLLBACK;\n");
        } else {
            sql.push_str("COMMIT;\n");
        }
        sql
    }

    /// A change of a row in every table: PostgreSQL tells nobody of a new column before one.
    pub fn touch(&mut self) -> String {
        let rng = &mut self.rng;
        self.tables.iter_mut().map(|table| table.touch(rng)).collect()
    }

    fn statement(&mut self) -> String {
        let at = self.rng.usize(..self.tables.len());
        let table = &mut self.tables[at];
        let rng = &mut self.rng;
        match rng.u8(..100) {
            _ if table.rows.is_empty() => table.insert(rng),
            0..45 => table.insert(rng),
            45..70 => table.update(rng),
            70..80 => table.change_key(rng),
            80..96 => table.delete(rng),
            96..98 => table.add_column(rng),
            _ => table.truncate(),
        }
    }
}

impl Table {
    fn random(name: &str, rng: &mut Rng, size: usize) -> Self {
        let mut columns = vec![("id".to_owned(), KEYS[rng.usize(..KEYS.len())])];
        let mut keys = 1;
        if rng.u8(..) < 60 {
            columns.push(("Part No".to_owned(), KEYS[rng.usize(..KEYS.len())]));
            keys = 2;
        }
        for i in 0..rng.usize(0..=size.clamp(1, 8)) {
            columns.push((format!("c{i}"), Kind::any(rng)));
        }
        Self { name: name.into(), columns, keys, rows: Vec::new(), full: rng.bool(), added: 0 }
    }

    fn create(&self) -> String {
        let mut lines: Vec<String> = self
            .columns
            .iter()
            .map(|(name, kind)| format!("{} {}", quote(name), kind.sql()))
            .collect();
        lines.push(format!("PRIMARY KEY ({})", self.key_names()));
        let name = quote(&self.name);
        let identity = if self.full {
            format!("ALTER TABLE {name} REPLICA IDENTITY FULL;\n")
        } else {
            String::new()
        };
        format!("CREATE TABLE {name} ({});\n{identity}", lines.join(", "))
    }

    fn key_names(&self) -> String {
        let names: Vec<_> = self.columns[..self.keys].iter().map(|(name, _)| quote(name)).collect();
        names.join(", ")
    }

    fn insert(&mut self, rng: &mut Rng) -> String {
        let Some(key) = self.free_key(rng) else { return String::new() };
        let others = self.columns[self.keys..].iter().map(|(_, kind)| kind.literal(rng));
        let values: Vec<String> = key.iter().cloned().chain(others).collect();
        self.rows.push(key);
        let names: Vec<_> = self.columns.iter().map(|(name, _)| quote(name)).collect();
        let (table, names, values) = (quote(&self.name), names.join(", "), values.join(", "));
        format!("INSERT INTO {table} ({names}) VALUES ({values});\n")
    }

    fn touch(&mut self, rng: &mut Rng) -> String {
        if self.rows.is_empty() {
            return self.insert(rng);
        }
        let (table, key) = (quote(&self.name), quote(&self.columns[0].0));
        format!("UPDATE {table} SET {key} = {key} WHERE {};\n", self.matching(0))
    }

    /// Some columns of one row.
    fn update(&mut self, rng: &mut Rng) -> String {
        let row = rng.usize(..self.rows.len());
        let mut set = Vec::new();
        for (name, kind) in &self.columns[self.keys..] {
            if rng.bool() {
                set.push(format!("{} = {}", quote(name), kind.literal(rng)));
            }
        }
        if set.is_empty() {
            return String::new();
        }
        format!(
            "UPDATE {} SET {} WHERE {};\n",
            quote(&self.name),
            set.join(", "),
            self.matching(row)
        )
    }

    fn change_key(&mut self, rng: &mut Rng) -> String {
        let row = rng.usize(..self.rows.len());
        let Some(key) = self.free_key(rng) else { return String::new() };
        let set: Vec<String> = self.columns[..self.keys]
            .iter()
            .zip(&key)
            .map(|((name, _), value)| format!("{} = {value}", quote(name)))
            .collect();
        let matching = self.matching(row);
        self.rows[row] = key;
        format!("UPDATE {} SET {} WHERE {matching};\n", quote(&self.name), set.join(", "))
    }

    fn delete(&mut self, rng: &mut Rng) -> String {
        let row = rng.usize(..self.rows.len());
        let matching = self.matching(row);
        self.rows.swap_remove(row);
        format!("DELETE FROM {} WHERE {matching};\n", quote(&self.name))
    }

    fn truncate(&mut self) -> String {
        self.rows.clear();
        format!("TRUNCATE {};\n", quote(&self.name))
    }

    fn add_column(&mut self, rng: &mut Rng) -> String {
        if self.added == 3 {
            return String::new();
        }
        self.added += 1;
        let (name, kind) = (format!("added {}", self.added), Kind::any(rng));
        let sql = format!(
            "ALTER TABLE {} ADD COLUMN {} {};\n",
            quote(&self.name),
            quote(&name),
            kind.sql()
        );
        self.columns.push((name, kind));
        sql
    }

    /// A key that no row has, out of few, so that keys come again after a delete.
    fn free_key(&self, rng: &mut Rng) -> Option<Vec<String>> {
        let kinds = || self.columns[..self.keys].iter();
        let mut tries = (0..20).map(|_| kinds().map(|(_, k)| k.key(rng)).collect::<Vec<_>>());
        tries.find(|key| !self.rows.contains(key))
    }

    fn matching(&self, row: usize) -> String {
        let columns = self.columns[..self.keys].iter().zip(&self.rows[row]);
        let equal: Vec<_> =
            columns.map(|((name, _), v)| format!("{} = {v}", quote(name))).collect();
        equal.join(" AND ")
    }
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
