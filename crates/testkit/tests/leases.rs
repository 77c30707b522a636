//! What is read under a lease and not sent when it ends is never sent: not by a process that slept
//! past it, and not the rest of a line that is half out.

#![cfg(unix)]
// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const INPUT: &str = env!("CARGO_BIN_EXE_reference-input");
const LEASE: Duration = Duration::from_millis(500);

struct Run {
    child: Child,
    started: Instant,
    /// What has come out of the pipe.
    read: Arc<Mutex<Vec<u8>>>,
}

impl Run {
    /// One that has more to send than is taken of it.
    fn start() -> Self {
        let mut child = Command::new(INPUT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let config = json!({"rows": 1_000_000_000_u64, "every": 3, "wide": 9000,
            "lease_ms": LEASE.as_millis() as u64});
        let command = json!({"protocol": 2, "command": "run", "role": "input", "task": "t",
            "name": "input", "config": config});
        let stdin = child.stdin.as_mut().unwrap();
        stdin.write_all(format!("{command}\n").as_bytes()).unwrap();
        let (mut stdout, read) = (child.stdout.take().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let all = read.clone();
        std::thread::spawn(move || {
            let mut chunk = vec![0; 16 << 10];
            while let Ok(count @ 1..) = stdout.read(&mut chunk) {
                all.lock().unwrap().extend_from_slice(&chunk[..count]);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Self { child, started: Instant::now(), read }
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    fn read(&self) -> Vec<u8> {
        self.read.lock().unwrap().clone()
    }

    /// Everything up to the end of its process.
    fn end(mut self) -> Vec<u8> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut read = 0;
        loop {
            std::thread::sleep(Duration::from_millis(200));
            let now = self.read();
            if now.len() == read {
                return now;
            }
            read = now.len();
        }
    }
}

/// Behind half a line nothing; behind a whole one the reason, where there is one.
fn good_end(all: &[u8]) {
    let text = String::from_utf8_lossy(all);
    let lines: Vec<_> = text.split_terminator('\n').collect();
    let (last, whole) = lines.split_last().unwrap();
    for line in whole {
        let value: Value = serde_json::from_str(line).expect("whole lines");
        assert!(value.get("@error").is_none(), "in the middle: {line}");
    }
    if text.ends_with('\n') {
        let error: Value = serde_json::from_str(last).unwrap();
        assert_eq!(error["@error"]["kind"], "transient", "{last}");
    } else {
        assert!(serde_json::from_str::<Value>(last).is_err(), "{last}");
    }
}

#[test]
fn a_process_that_slept_past_its_lease_sends_nothing_when_it_wakes() {
    for round in 0..8 {
        let run = Run::start();
        std::thread::sleep(Duration::from_millis(150 + round * 31));
        run.signal("-STOP");
        while run.started.elapsed() < LEASE + Duration::from_millis(400) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let before = run.read();
        assert!(before.len() > 20_000, "it had begun: {}", before.len());
        run.signal("-CONT");
        let all = run.end();
        let rest = String::from_utf8_lossy(&all[before.len()..]).into_owned();
        assert!(rest.is_empty() || rest.starts_with("{\"@error\""), "{round}: {rest:.300}");
        assert!(rest.is_empty() || before.ends_with(b"\n"), "{round}: {rest:.300}");
        good_end(&all);
    }
}

#[test]
fn a_lease_that_ends_while_the_reader_is_slow_ends_the_run_where_it_is() {
    let run = Run::start();
    let all = run.end();
    assert!(all.len() > 100_000, "{}", all.len());
    good_end(&all);
}
