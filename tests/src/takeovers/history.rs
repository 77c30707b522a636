//! Who had which table, and when: from the destination's own books, each change of which is noted by
//! a trigger in the transaction that made it, and from what the keepers of the leases logged.

use std::collections::BTreeMap;

use dstream_servers::Postgres;
use serde_json::Value;

/// What the destination says of envelopes that come under a lease which is over.
const REFUSED: &str = "another instance has the lease of the partition";

/// What is known at the end.
#[derive(Debug, Default)]
pub struct History {
    /// Commits that moved a table's state.
    pub commits: u64,
    /// How often a table got an owner: each time under another epoch.
    pub owners: u64,
    /// Leases that were given, as the instances logged it.
    pub leases: usize,
    /// How often an instance ran again, behind whatever has been committed of each table.
    pub replays: usize,
    /// How often what was on its way under an old lease was refused by the destination.
    pub refused: usize,
    /// What must not be: two owners of one epoch, an epoch that comes behind a later one.
    pub faults: Vec<String>,
}

/// The bookkeeping, as the output makes it, with a trigger that notes each change.
pub(super) fn watch(target: &Postgres) {
    target.psql(
        "postgres",
        "CREATE TABLE history (seq bigserial PRIMARY KEY, at timestamptz DEFAULT clock_timestamp(), id text, part text, \
           epoch bigint, state text, session int DEFAULT pg_backend_pid()); \
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           IF NEW.part <> '' AND NEW.epoch > 0 THEN \
             INSERT INTO history (id, part, epoch, state) VALUES (NEW.task_id, NEW.part, NEW.epoch, NEW.state); \
           END IF; RETURN NEW; END $$; \
         CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN \
           IF to_regclass('_dstream._dstream_checkpoints') IS NOT NULL AND NOT EXISTS \
             (SELECT 1 FROM pg_trigger WHERE tgname = 'noted') THEN \
             CREATE TRIGGER noted AFTER INSERT OR UPDATE ON _dstream._dstream_checkpoints FOR EACH ROW EXECUTE FUNCTION note(); \
           END IF; END $$; \
         CREATE EVENT TRIGGER watching ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION watch()",
    );
}

/// How many sessions have written tables lately.
pub(super) fn owners(target: &Postgres) -> u64 {
    number(target, "SELECT count(DISTINCT session) FROM history WHERE state IS NOT NULL")
}

/// How many tables each session has, of those that wrote a table last.
pub(super) fn shares(target: &Postgres) -> Vec<usize> {
    let sql = "SELECT count(*) FROM (SELECT DISTINCT ON (part) part, session FROM history ORDER BY part, seq DESC) last \
        GROUP BY session ORDER BY 1";
    target.psql("postgres", sql).lines().map(|count| count.parse().expect("a number")).collect()
}

/// The newest commit, in words.
pub(super) fn newest(target: &Postgres) -> String {
    let sql = "SELECT 'committed just now: ' || part || ' up to ' || (state::json->>'lsn') || ', under epoch ' || epoch \
        FROM history WHERE state IS NOT NULL ORDER BY seq DESC LIMIT 1";
    target.psql("postgres", sql)
}

fn number(target: &Postgres, sql: &str) -> u64 {
    target.psql("postgres", sql).parse().expect("a number")
}

impl History {
    /// `said`: the events of each instance.
    pub(super) fn read(target: &Postgres, said: &[String]) -> Self {
        let mut history = Self {
            commits: number(target, "SELECT count(*) FROM history WHERE state IS NOT NULL"),
            owners: number(target, "SELECT count(DISTINCT (part, epoch)) FROM history"),
            ..Self::default()
        };
        let mut fault = |sql: &str| {
            let found = target.psql("postgres", sql);
            history.faults.extend(found.lines().map(str::to_owned));
        };
        fault(
            "SELECT part || ': epoch ' || epoch || ' was written by the sessions ' || string_agg(DISTINCT session::text, ', ') \
             FROM history GROUP BY part, epoch HAVING count(DISTINCT session) > 1",
        );
        fault(
            "SELECT part || ': epoch ' || epoch || ' behind epoch ' || before || ' at ' || at FROM \
             (SELECT *, lag(epoch) OVER (PARTITION BY part ORDER BY seq) AS before FROM history) h WHERE epoch < before",
        );
        fault(
            "SELECT DISTINCT part || ' is kept for ' || id FROM history WHERE id NOT LIKE 'group:%'",
        );
        history.events(said);
        history
    }

    /// Leases that were given twice under one epoch; counts.
    fn events(&mut self, said: &[String]) {
        let mut leases: BTreeMap<(String, String), u64> = BTreeMap::new();
        let mut runs = 0;
        for text in said.iter().flat_map(|said| said.lines()) {
            let Ok(event) = serde_json::from_str::<Value>(text) else { continue };
            let line = event["line"].as_str().unwrap_or_default();
            if let Some(lease) = lease(line) {
                let pid = event["pid"].as_u64().unwrap_or_default();
                let (name, epoch) = &lease;
                if !name.contains("/instances/") {
                    if let Some(other) = leases.get(&lease).filter(|other| **other != pid) {
                        self.faults.push(format!(
                            "{name}: epoch {epoch} was given to process {other} and to {pid}"
                        ));
                    }
                    leases.insert(lease, pid);
                }
            }
            // Not its log line as well: the failure is what ends the attempt.
            let failed = event["event"] == "retrying" || event["event"] == "finished";
            self.refused += usize::from(failed && text.contains(REFUSED));
            runs += usize::from(event["event"] == "running");
        }
        self.leases = leases.len();
        self.replays = runs.saturating_sub(said.len());
    }
}

/// Name and epoch of a lease that was given, out of a log line.
fn lease(line: &str) -> Option<(String, String)> {
    let (_, rest) = line.split_once("has the lease")?;
    let field = |name: &str| {
        let (_, value) = rest.split_once(&format!("{name}="))?;
        let end = value.find(|c: char| c.is_whitespace()).unwrap_or(value.len());
        Some(value[..end].trim_matches('"').to_owned())
    };
    Some((field("name")?, field("epoch")?))
}
