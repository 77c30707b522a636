//! Copies of a cluster: older ones, those of another timeline, and standbys.

use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Postgres, USER, binary};
use crate::{PATIENCE, account, free_port};

impl Postgres {
    /// A server on a copy of this one's files as they are now, its slots among them: what is written
    /// here later is not there. This one is killed for it, and started again.
    ///
    /// # Panics
    /// When something does not start.
    pub fn copy(&mut self) -> Self {
        let mut copy = self.copied();
        copy.launch();
        copy
    }

    /// The same, recovered from as a backup is: it goes on in a timeline of its own.
    ///
    /// # Panics
    /// When something does not start.
    pub fn recovered_copy(&mut self) -> Self {
        let mut copy = self.copied();
        std::fs::write(copy.data().join("recovery.signal"), "").expect("it can be written");
        account::give(&copy.data().join("recovery.signal"), USER);
        // There is no archive: the log of the copy itself is all.
        copy.settings.push(("restore_command".into(), "false".into()));
        copy.launch();
        let deadline = Instant::now() + PATIENCE;
        // It answers before it may be written.
        while copy.psql("postgres", "SELECT pg_is_in_recovery()") != "f" {
            assert!(Instant::now() < deadline, "it does not end its recovery");
            std::thread::sleep(Duration::from_millis(20));
        }
        copy
    }

    /// A standby that follows this one by a physical slot, which is made.
    ///
    /// # Panics
    /// When something does not start.
    pub fn standby(&self, slot: &str, settings: &[(&str, &str)]) -> Self {
        self.psql("postgres", &format!("SELECT pg_create_physical_replication_slot('{slot}')"));
        let folder = TempDir::with_prefix("dstream-postgres-").expect("a temporary folder").keep();
        account::give(&folder, USER);
        let mut backup = account::command(USER, &binary("pg_basebackup"));
        backup.args(["--write-recovery-conf", "--no-sync", "--checkpoint=fast", "--slot", slot]);
        // With a database: the standby asks it for its logical slots.
        let from = format!("host=127.0.0.1 port={} user=postgres dbname=postgres", self.port);
        backup.arg("--pgdata").arg(folder.join("data")).args(["--dbname", &from]);
        run(backup.current_dir(&folder));
        let mut settings_of_all = self.settings.clone();
        settings_of_all.extend(settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        let mut standby =
            Self { guard: None, folder, port: free_port(), settings: settings_of_all };
        standby.launch();
        standby
    }

    fn copied(&mut self) -> Self {
        self.kill();
        let folder = TempDir::with_prefix("dstream-postgres-").expect("a temporary folder").keep();
        account::give(&folder, USER);
        let mut cp = account::command(USER, Path::new("cp"));
        run(cp.arg("-a").arg(self.data()).arg(folder.join("data")));
        std::fs::remove_file(folder.join("data/postmaster.pid")).unwrap_or_default();
        self.launch();
        Self { guard: None, folder, port: free_port(), settings: self.settings.clone() }
    }
}

fn run(command: &mut std::process::Command) {
    let done = command.output().expect("it starts");
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}
