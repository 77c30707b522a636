//! Output, version 2: counts lines and commits the newest checkpoint of what it has read. Config:
//! `report` (a file for what it saw), `bytes_per_second` (0: as fast as it can), `commit_gap_ms`
//! (the shortest time between two commits; 0: after every read).
//!
//! `bench-sink raw REPORT` counts lines without any protocol.

use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::time::{Duration, Instant};

use dstream_protocol::{Command, Control, Ready, Startup, control};
use memchr::{memchr, memchr_iter, memmem, memrchr};

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("describe") => {
            writeln!(io::stdout(), "{}", include_str!("bench-sink.json").trim_end())
        }
        Some("raw") => {
            let mut sink = Sink::new(0, Duration::ZERO);
            sink.take(&mut io::stdin().lock())?;
            fs::write(args.get(1).map_or("report.json", String::as_str), sink.report())
        }
        _ => run(),
    }
}

fn run() -> io::Result<()> {
    let mut stdin = io::stdin().lock();
    let mut line = String::new();
    stdin.read_line(&mut line)?;
    let command: Command = serde_json::from_str(&line)?;
    let ready = Ready { protocol: Some(dstream_protocol::VERSION), ..Ready::default() };
    writeln!(io::stdout(), "{}", Startup::Ready(Box::new(ready)).to_line())?;
    let number = |key: &str| command.config[key].as_u64().unwrap_or(0);
    let gap = Duration::from_millis(number("commit_gap_ms"));
    let mut sink = Sink::new(number("bytes_per_second"), gap);
    sink.take(&mut stdin)?;
    match command.config["report"].as_str() {
        Some(path) => fs::write(path, sink.report()),
        None => Ok(()),
    }
}

struct Sink {
    bytes_per_second: u64,
    begun: Option<Instant>,
    bytes: u64,
    /// All data lines, and those that no `@committed` covers yet.
    lines: u64,
    uncommitted: u64,
    /// The newest checkpoint that is not committed, and the lines that it covers.
    newest: Option<(u64, u64)>,
    commits: u64,
    gap: Duration,
    last_commit: Instant,
}

impl Sink {
    fn new(bytes_per_second: u64, gap: Duration) -> Self {
        Self {
            bytes_per_second,
            begun: None,
            bytes: 0,
            lines: 0,
            uncommitted: 0,
            newest: None,
            commits: 0,
            gap,
            last_commit: Instant::now(),
        }
    }

    /// Reads to the end.
    fn take(&mut self, stdin: &mut impl Read) -> io::Result<()> {
        let mut buffer = vec![0; 1 << 20];
        let mut held = 0;
        loop {
            let n = stdin.read(&mut buffer[held..])?;
            if n == 0 {
                return self.commit();
            }
            self.begun.get_or_insert_with(Instant::now);
            self.bytes += n as u64;
            let filled = held + n;
            let whole = memrchr(b'\n', &buffer[..filled]).map_or(0, |i| i + 1);
            self.lines_of(&buffer[..whole])?;
            buffer.copy_within(whole..filled, 0);
            held = filled - whole;
            if held == buffer.len() {
                buffer.resize(held * 2, 0);
            }
            self.slow_down();
        }
    }

    /// Whole lines: data between control lines.
    fn lines_of(&mut self, mut rest: &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            let data = match rest.starts_with(br#"{"@"#) {
                true => 0,
                false => memmem::find(rest, b"\n{\"@").map_or(rest.len(), |i| i + 1),
            };
            let count = memchr_iter(b'\n', &rest[..data]).count() as u64;
            self.lines += count;
            self.uncommitted += count;
            rest = &rest[data..];
            let end = memchr(b'\n', rest).map_or(rest.len(), |i| i + 1);
            if let Ok(Control::Checkpoint(c)) = Control::read(&rest[..end]) {
                self.newest = Some((c.id, self.uncommitted));
            }
            rest = &rest[end..];
        }
        if self.last_commit.elapsed() >= self.gap { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> io::Result<()> {
        let Some((id, written)) = self.newest.take() else { return Ok(()) };
        self.last_commit = Instant::now();
        self.uncommitted -= written;
        self.commits += 1;
        let done = control::Committed { id, written, rejected: 0, state: None };
        io::stdout().write_all(Control::Committed(done).to_line().as_bytes())
    }

    fn slow_down(&self) {
        let Some(begun) = self.begun.filter(|_| self.bytes_per_second > 0) else { return };
        let due = Duration::from_secs_f64(self.bytes as f64 / self.bytes_per_second as f64);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
    }

    fn report(&self) -> String {
        let seconds = self.begun.map_or(0.0, |b| b.elapsed().as_secs_f64());
        let Self { lines, bytes, commits, .. } = self;
        format!(r#"{{"lines":{lines},"bytes":{bytes},"commits":{commits},"seconds":{seconds:.6}}}"#)
    }
}
