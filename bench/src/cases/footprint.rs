//! What dstream costs when it does nothing, and when the output is slow.

use super::{own, project, quoted, reported};
use crate::pairs::Spread;
use crate::report::{Row, at_most};
use crate::{Size, launch};

/// A task whose source sends nothing.
pub fn start(size: &Size) -> Vec<Row> {
    let folder = project(
        &own("bench-source", &[("lines", "0".into()), ("size", "500".into())]),
        &own("bench-sink", &[]),
    );
    // The first run asks the providers to describe themselves, the others know.
    let first = launch::dstream(folder.path());
    let runs: Vec<_> = (0..size.pairs * 5).map(|_| launch::dstream(folder.path())).collect();
    let wall = Spread::of(runs.iter().map(|r| r.wall.as_secs_f64() * 1e3).collect());
    let memory = Spread::of(runs.iter().map(|r| r.memory).collect());
    let note = format!("{}; the first: {:.0} ms", wall.show(0), first.wall.as_secs_f64() * 1e3);
    vec![
        at_most("`dstream run` of a task without data", wall.median, 50.0, "ms", note),
        at_most("its peak memory", memory.high, 20.0, "MiB", String::new()),
    ]
}

/// An output that takes 100 MB a second: nothing may grow.
pub fn slow_output(size: &Size) -> Vec<Row> {
    let n = (size.envelopes / 4).min(1_000_000);
    let report = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    let source = [("lines", n.to_string()), ("size", "500".into()), ("every", "1000".into())];
    let sink = [("report", quoted(report.path())), ("bytes_per_second", "100000000".into())];
    let folder = project(&own("bench-source", &source), &own("bench-sink", &sink));
    let run = launch::dstream(folder.path());
    assert_eq!(reported(report.path(), "lines"), n as f64, "the sink did not get every line");
    let note = format!("{n} envelopes in {:.1} s", run.wall.as_secs_f64());
    let mut rows = vec![at_most("slow output: host's peak memory", run.memory, 32.0, "MiB", note)];
    for (name, memory) in run.children {
        let what = format!("slow output: peak memory of {name}");
        rows.push(at_most(&what, memory, 32.0, "MiB", String::new()));
    }
    rows
}
