//! The servers start, keep what they committed over SIGKILL, and go with the test.

#![cfg(unix)]

use std::path::Path;
use std::time::{Duration, Instant};

use dstream_servers::{Mariadb, Postgres};

fn gone(pid: u32, folder: &Path) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Path::new(&format!("/proc/{pid}")).exists() || folder.exists() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

#[test]
fn postgres_keeps_what_it_committed_over_a_kill_and_leaves_nothing_behind() {
    let mut server = Postgres::start(&[("wal_level", "logical")]);
    server.create_database("shop");
    server.psql("shop", "CREATE TABLE t (n int); INSERT INTO t VALUES (1), (2)");
    assert_eq!(server.psql("shop", "SHOW wal_level"), "logical");
    server.kill();
    assert!(server.try_psql("shop", "SELECT 1").is_err());
    server.restart(&[("wal_level", "replica")]);
    assert_eq!(server.psql("shop", "SELECT sum(n), count(*) FROM t"), "3|2");
    assert_eq!(server.psql("shop", "SHOW wal_level"), "replica");
    assert!(server.try_psql("shop", "SELECT nothing").unwrap_err().contains("does not exist"));
    let (pid, data) = (server.pid().unwrap(), server.data());
    drop(server);
    assert!(gone(pid, data.parent().unwrap()), "it is still there");
}

#[test]
fn mariadb_keeps_what_it_committed_over_a_kill_and_leaves_nothing_behind() {
    let mut server = Mariadb::start(&[]);
    server.create_database("shop");
    server.sql("shop", "CREATE TABLE t (n int) ENGINE=InnoDB; INSERT INTO t VALUES (1), (2)");
    server.kill();
    assert!(server.try_sql("shop", "SELECT 1").is_err());
    server.restart(&["--max-connections=17"]);
    assert_eq!(server.sql("shop", "SELECT sum(n), count(*), @@max_connections FROM t"), "3\t2\t17");
    assert_eq!(server.sql("", "SELECT @@binlog_format, @@log_bin"), "ROW\t1");
    let (pid, data) = (server.pid().unwrap(), server.data());
    drop(server);
    assert!(gone(pid, data.parent().unwrap()), "it is still there");
}
