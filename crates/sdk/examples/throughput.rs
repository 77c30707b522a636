//! Measures how many envelopes of 300 bytes go through the SDK: `cargo run --release -p dstream-sdk
//! --example throughput`. A child process is the provider, this one is the host on the other end.

use std::io::{self, Read, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use dstream_sdk::{
    Batch, Commit, Delivery, Emit, Envelopes, InputProvider, InputStart, Json, Metadata, Next,
    NoSettings, Op, OutputProvider, OutputStart, RenderedMetadata, Result, TransformProvider,
    TransformStart,
};

/// Says to the child which provider it is.
const ROLE: &str = "DSTREAM_THROUGHPUT_ROLE";

const ENVELOPES: u64 = 4_000_000;

/// Envelopes between two checkpoints.
const INTERVAL: u64 = 10_000;

/// With metadata and newline this makes a line of 300 bytes.
const ROW: &str = r#"{"id":123456789,"name":"Ann Example","email":"ann@example.org","city":"Wellington","note":"a text of some length with an \"escape\" in it and more words behind","amount":"1234.50","active":true,"created":"2024-01-01T00:00:00Z"}"#;

fn main() -> ExitCode {
    match std::env::var(ROLE).as_deref() {
        Ok("input") => dstream_sdk::input::<Source>(dstream_sdk::about!("Rows.")).main(),
        Ok("transform") => dstream_sdk::transform::<Pass>(dstream_sdk::about!("Rows.")).main(),
        Ok(_) => dstream_sdk::output::<Sink>(dstream_sdk::about!("Rows.")).main(),
        Err(_) => measure().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
    }
}

fn measure() -> io::Result<()> {
    for role in ["input", "transform", "output"] {
        for _ in 0..3 {
            let began = Instant::now();
            let bytes = one_run(role)?;
            let seconds = began.elapsed().as_secs_f64();
            let rate = ENVELOPES as f64 / seconds / 1e6;
            writeln!(
                io::stdout(),
                "{role:10} {rate:6.2} million envelopes/s, {:5.0} MB/s",
                bytes as f64 / seconds / 1e6
            )?;
        }
    }
    Ok(())
}

/// Runs the child; answers how many bytes of lines it had.
fn one_run(role: &str) -> io::Result<usize> {
    let mut child = Command::new(std::env::current_exe()?)
        .env(ROLE, role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let mut stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    writeln!(
        stdin,
        r#"{{"protocol":2,"command":"run","role":"{role}","task":"t","name":"n","config":{{}},"inputs":["i"]}}"#
    )?;
    let reader = std::thread::spawn(move || {
        let (mut chunk, mut total) = (vec![0; 1 << 20], 0);
        while let Ok(read @ 1..) = stdout.read(&mut chunk) {
            total += read;
            if chunk[..read].ends_with(b"{\"@end\":{}}\n") {
                return total;
            }
        }
        total
    });
    let sent = if role == "input" { 0 } else { feed(&mut stdin)? };
    let received = reader.join().unwrap_or_default();
    // Nothing is committed here, so an input waits for this.
    drop(stdin);
    child.wait()?;
    Ok(sent.max(received))
}

/// Sends all rows, from one buffer made beforehand.
fn feed(stdin: &mut impl Write) -> io::Result<usize> {
    let line =
        format!("{{\"data\":{ROW},\"metadata\":{{\"stream\":\"people\",\"op\":\"insert\"}}}}\n");
    let rows = line.repeat(INTERVAL as usize);
    for id in 1..=ENVELOPES / INTERVAL {
        stdin.write_all(rows.as_bytes())?;
        writeln!(stdin, r#"{{"@checkpoint":{{"id":{id},"state":{{"":{id}}}}}}}"#)?;
    }
    stdin.write_all(b"{\"@end\":{}}\n")?;
    Ok(line.len() * ENVELOPES as usize)
}

struct Source {
    sent: u64,
    metadata: RenderedMetadata,
}

impl InputProvider for Source {
    type Config = NoSettings;
    type Checkpoint = u64;

    async fn open(_: NoSettings, _: InputStart<u64>) -> Result<Self> {
        let metadata =
            Metadata { stream: Some("people".into()), op: Some(Op::Insert), ..Metadata::default() };
        Ok(Self { sent: 0, metadata: RenderedMetadata::new(&metadata)? })
    }

    async fn read(&mut self, batch: &mut Batch<u64>) -> Result<Next> {
        while !batch.is_full() && self.sent < ENVELOPES {
            batch.write(&self.metadata, |out| out.extend_from_slice(ROW.as_bytes()))?;
            self.sent += 1;
            batch.checkpoint(&self.sent)?;
        }
        Ok(if self.sent < ENVELOPES { Next::More } else { Next::End })
    }
}

struct Pass;

impl TransformProvider for Pass {
    type Config = NoSettings;

    async fn open(_: NoSettings, _: TransformStart) -> Result<Self> {
        Ok(Self)
    }

    async fn transform(&mut self, envelopes: &mut Envelopes<'_>, out: &mut Emit) -> Result<()> {
        envelopes.iter().for_each(|envelope| out.pass(&envelope));
        Ok(())
    }
}

/// As a file output would: the row, to a buffer, to a file.
struct Sink {
    buffer: Vec<u8>,
    file: std::fs::File,
}

impl OutputProvider for Sink {
    type Config = NoSettings;

    const DELIVERY: Delivery = Delivery { idempotent: true, ..Delivery::NONE };

    async fn open(_: NoSettings, _: OutputStart) -> Result<Self> {
        Ok(Self { buffer: Vec::new(), file: std::fs::File::create("/dev/null")? })
    }

    async fn write(&mut self, envelopes: &mut Envelopes<'_>) -> Result<()> {
        for envelope in envelopes.iter() {
            self.buffer.extend_from_slice(envelope.data.as_bytes());
            self.buffer.push(b'\n');
        }
        self.file.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    async fn commit(&mut self, _: &Commit) -> Result<Option<Json>> {
        Ok(None)
    }
}
