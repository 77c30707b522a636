//! A session that stays open from one statement to the next.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Stdio};

use crate::support::Db;

/// `psql`, by hand.
pub(crate) struct Session {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Session {
    pub(crate) fn new(db: &Db) -> Self {
        let mut psql = db.server.tool("psql", db.name);
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]);
        let mut child = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    /// Runs statements, and returns when they are done.
    pub(crate) fn run(&mut self, sql: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        writeln!(stdin, "{sql};\n\\echo done").unwrap();
        let mut line = String::new();
        while line.trim() != "done" {
            line.clear();
            assert!(self.said.read_line(&mut line).unwrap() > 0, "{sql}");
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The end of its stdin ends the session, and so the transaction.
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}
