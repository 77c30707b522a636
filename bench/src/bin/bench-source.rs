//! Input, version 2: sends lines that were rendered before the start. Config: `lines`, `size` (bytes
//! of a line with its newline), `every` (lines to a checkpoint; 0: one at the end).
//!
//! `bench-source raw LINES SIZE` sends the same envelopes and nothing else.

use std::io::{self, BufRead, Write};

use dstream_protocol::{Command, Control, Ready, Startup, control};

/// Lines that are written at once.
const BLOCK: u64 = 1000;

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut out = io::stdout().lock();
    match args.first().map(String::as_str) {
        Some("describe") => writeln!(out, "{}", include_str!("bench-source.json").trim_end()),
        Some("raw") => {
            let number = |i: usize| args.get(i).and_then(|a| a.parse().ok()).unwrap_or(0);
            send(&mut out, number(1), number(2), 0).map(|_| ())
        }
        _ => run(&mut out),
    }
}

fn run(out: &mut impl Write) -> io::Result<()> {
    let mut stdin = io::stdin().lock();
    let mut line = String::new();
    stdin.read_line(&mut line)?;
    let command: Command = serde_json::from_str(&line)?;
    let number = |key: &str| command.config[key].as_u64().unwrap_or(0);
    let ready = Ready { protocol: Some(dstream_protocol::VERSION), ..Ready::default() };
    writeln!(out, "{}", Startup::Ready(Box::new(ready)).to_line())?;
    out.flush()?;
    let last = send(out, number("lines"), number("size"), number("every"))?;
    out.write_all(checkpoint(last + 1, number("lines")).as_bytes())?;
    out.write_all(Control::end().to_line().as_bytes())?;
    out.flush()?;
    wait_for(last + 1, &mut stdin)
}

/// Gives the id of the last checkpoint that was sent.
fn send(out: &mut impl Write, lines: u64, size: u64, every: u64) -> io::Result<u64> {
    let block: Vec<u8> = (0..BLOCK).flat_map(|i| envelope(i, size)).collect();
    let mut buffer = block.clone();
    let (mut id, mut sent) = (0, 0);
    while sent + BLOCK <= lines {
        sent += BLOCK;
        buffer.truncate(block.len());
        if every > 0 && sent % every.max(BLOCK) == 0 {
            id += 1;
            buffer.extend_from_slice(checkpoint(id, sent).as_bytes());
        }
        out.write_all(&buffer)?;
    }
    for i in sent..lines {
        out.write_all(&envelope(i, size))?;
    }
    out.flush()?;
    Ok(id)
}

/// A line of exactly `size` bytes, where that is enough for one.
fn envelope(i: u64, size: u64) -> Vec<u8> {
    let head = format!(r#"{{"data":{{"id":{i},"text":""#);
    let tail = r#""},"metadata":{"stream":"bench","op":"insert"}}"#;
    let rest = usize::try_from(size).unwrap_or(0).saturating_sub(head.len() + tail.len() + 1);
    let text: String = ('a'..='z').cycle().take(rest).collect();
    format!("{head}{text}{tail}\n").into_bytes()
}

fn checkpoint(id: u64, line: u64) -> String {
    let state = serde_json::value::to_raw_value(&line).ok();
    let state = state.into_iter().map(|s| (String::new(), s)).collect();
    Control::Checkpoint(control::Checkpoint { id, state, from: None, account: None }).to_line()
}

fn wait_for(id: u64, stdin: &mut impl BufRead) -> io::Result<()> {
    let mut line = Vec::new();
    while stdin.read_until(b'\n', &mut line)? > 0 {
        if let Ok(Control::Committed(done)) = Control::read(&line)
            && done.id >= id
        {
            break;
        }
        line.clear();
    }
    Ok(())
}
