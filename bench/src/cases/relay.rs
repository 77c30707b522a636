//! The relay alone: lines rendered before the start, a sink that only counts.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{own, project, quoted, reported};
use crate::report::{Row, at_most};
use crate::{Size, launch, pairs};

const LINE: u64 = 500;

/// The shortest time between two commits of an output on the SDK.
const SDK_GAP_MS: u64 = 10;

/// One run: seconds from the first byte to the last, as the sink saw them, and what the host took.
struct Relayed {
    seconds: f64,
    host: launch::Run,
    commits: f64,
}

/// The host against `cat`, and with checkpoints against without.
pub fn compare(size: &Size) -> Vec<Row> {
    let n = size.envelopes;
    let with_cat =
        pairs::measure(size.pairs, || through_dstream(n, Checkpoints::None), || through_cat(n));
    vec![
        against_cat(&with_cat, n),
        checkpoints(size, Checkpoints::Gathered),
        checkpoints(size, Checkpoints::EachCommitted),
        host_cpu(&with_cat, n),
        at_most("host's peak memory, relaying", peak(&with_cat), 20.0, "MiB", String::new()),
    ]
}

/// How the source and the sink use checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Checkpoints {
    /// One, at the end.
    None,
    /// One every 1,000 envelopes; the sink gathers them as an output on the SDK does.
    Gathered,
    /// One every 1,000 envelopes; the sink commits after every read.
    EachCommitted,
}

fn against_cat(pairs: &pairs::Pairs<Relayed>, n: u64) -> Row {
    let speed = pairs.speed(|r| r.seconds);
    Row {
        what: format!("{n} envelopes of {LINE} bytes, source → sink"),
        ours: rate(&pairs.ours, n),
        other: format!("`cat` in the host's place: {}", rate(&pairs.other, n)),
        figure: format!("{} ×", speed.show(2)),
        bound: "≥ 0.8 ×".into(),
        holds: speed.median >= 0.8,
        note: String::new(),
    }
}

/// With checkpoints against without. The bound is near the noise: long runs, and many.
fn checkpoints(size: &Size, how: Checkpoints) -> Row {
    let n = size.envelopes * 2;
    let pairs = pairs::measure(
        size.pairs * 3,
        || through_dstream(n, how),
        || through_dstream(n, Checkpoints::None),
    );
    let speed = pairs.speed(|r| r.seconds);
    let commits = pairs.ours.last().map_or(0.0, |r| r.commits);
    let (sink, bound) = match how {
        Checkpoints::EachCommitted => ("a sink that commits at every read", None),
        _ => ("a sink that gathers as the SDK does", Some(0.95)),
    };
    Row {
        what: format!("the same, a checkpoint every 1,000 envelopes, {sink}"),
        ours: rate(&pairs.ours, n),
        other: format!("without: {}", rate(&pairs.other, n)),
        figure: format!("{} ×", speed.show(2)),
        bound: bound.map_or_else(String::new, |b| format!("≥ {b} ×")),
        holds: bound.is_none_or(|b| speed.median >= b),
        note: format!("{} pairs of {n}; {commits} commits in the last", pairs.ours.len()),
    }
}

fn host_cpu(pairs: &pairs::Pairs<Relayed>, n: u64) -> Row {
    let each = pairs.ours.iter().map(|r| r.host.cpu.as_secs_f64() * 1e6 / n as f64).collect();
    let spread = pairs::Spread::of(each);
    let note = format!("µs: {}; the host's own, its children not counted", spread.show(3));
    at_most("host's CPU time for an envelope", spread.median, 0.3, "µs", note)
}

fn peak(pairs: &pairs::Pairs<Relayed>) -> f64 {
    pairs.ours.iter().map(|r| r.host.memory).fold(0.0, f64::max)
}

fn rate(runs: &[Relayed], n: u64) -> String {
    let spread = pairs::Spread::of(runs.iter().map(|r| n as f64 / r.seconds / 1e6).collect());
    format!("{} M/s", spread.show(2))
}

fn through_dstream(n: u64, checkpoints: Checkpoints) -> Relayed {
    let report = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    let every = if checkpoints == Checkpoints::None { 0 } else { 1000 };
    let gap = if checkpoints == Checkpoints::EachCommitted { 0 } else { SDK_GAP_MS };
    let source = [("lines", n), ("size", LINE), ("every", every)].map(|(k, v)| (k, v.to_string()));
    let sink = [("report", quoted(report.path())), ("commit_gap_ms", gap.to_string())];
    let folder = project(&own("bench-source", &source), &own("bench-sink", &sink));
    let host = launch::dstream(folder.path());
    relayed(report.path(), n, host)
}

fn through_cat(n: u64) -> Relayed {
    let report = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    let pipe = |command: &mut Command, stdin: Stdio| {
        command.stdin(stdin).stdout(Stdio::piped()).spawn().expect("it starts")
    };
    let mut source = launch::program("bench-source");
    source.args(["raw", &n.to_string(), &LINE.to_string()]);
    let mut source = pipe(&mut source, Stdio::null());
    let from_source = source.stdout.take().expect("piped").into();
    let mut cat = pipe(&mut Command::new("cat"), from_source);
    let from_cat: Stdio = cat.stdout.take().expect("piped").into();
    let mut sink = launch::program("bench-sink");
    let sink = sink.arg("raw").arg(report.path()).stdin(from_cat).status().expect("it starts");
    let cat = cat.wait().expect("our child");
    let source = source.wait().expect("our child");
    assert!(sink.success() && cat.success() && source.success(), "the pipe with cat broke");
    relayed(report.path(), n, launch::Run::default())
}

fn relayed(report: &Path, n: u64, host: launch::Run) -> Relayed {
    let lines = reported(report, "lines");
    assert_eq!(lines, n as f64, "the sink did not get every line");
    Relayed { seconds: reported(report, "seconds"), host, commits: reported(report, "commits") }
}
