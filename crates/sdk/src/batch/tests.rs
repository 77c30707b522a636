//! Where checkpoint lines stand, and what is taken back.

use std::time::Duration;

use dstream_protocol::Op;
use serde_json::json;

use super::{Batch, Core};
use crate::RenderedMetadata;
use crate::cadence::{Cadence, Clock};
use crate::rejections::Rejections;
use crate::stop::Stop;

const SECOND_LINE: Cadence = Cadence { lines: 2, bytes: u64::MAX, time: Duration::MAX };

fn batch(cadence: Cadence) -> Batch<u64> {
    let rejections = Rejections::new(true);
    Batch::new(Core::new(true, 100, Clock::new(cadence), rejections, Stop::default()))
}

fn row(batch: &mut Batch<u64>, n: u64) {
    batch.row("s", Op::Read, &n).unwrap();
}

/// `1`, `2` for rows, `c1{…}` for checkpoints.
fn lines(batch: &Batch<u64>) -> Vec<String> {
    let text = String::from_utf8(batch.core.out.clone()).unwrap();
    let short = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        match value.get("@checkpoint") {
            Some(checkpoint) => format!("c{}{}", checkpoint["id"], checkpoint["state"]),
            None => value["data"].to_string(),
        }
    };
    text.lines().map(short).collect()
}

#[test]
fn a_checkpoint_is_sent_only_when_due_and_stands_where_it_was_offered() {
    let mut batch = batch(SECOND_LINE);
    for n in 1..=5 {
        row(&mut batch, n);
        batch.checkpoint(&n).unwrap();
    }
    batch.core.write_offered(true);
    assert_eq!(lines(&batch), ["1", "2", r#"c1{"":2}"#, "3", "4", r#"c2{"":4}"#, "5"]);
    batch.core.write_offered(false);
    assert_eq!(lines(&batch).last().unwrap(), r#"c3{"":5}"#);
}

#[test]
fn an_offer_that_rows_follow_is_not_sent_late() {
    let mut batch = batch(Cadence { lines: 3, ..SECOND_LINE });
    row(&mut batch, 1);
    batch.checkpoint(&1).unwrap();
    row(&mut batch, 2);
    row(&mut batch, 3);
    batch.core.write_offered(false);
    assert_eq!(lines(&batch), ["1", "2", "3"]);
}

#[test]
fn a_checkpoint_carries_every_partition_that_moved_since_the_last_one() {
    let mut batch = batch(SECOND_LINE);
    row(&mut batch, 1);
    batch.checkpoint_part("a", &1).unwrap();
    row(&mut batch, 2);
    batch.checkpoint_part("b", &2).unwrap();
    row(&mut batch, 3);
    row(&mut batch, 4);
    batch.checkpoint_part("b", &4).unwrap();
    assert_eq!(lines(&batch), ["1", "2", r#"c1{"a":1,"b":2}"#, "3", "4", r#"c2{"b":4}"#]);
}

#[test]
fn an_offer_that_says_nothing_new_is_not_sent() {
    let mut batch = batch(Cadence::ALWAYS);
    for _ in 0..3 {
        batch.checkpoint(&7).unwrap();
    }
    assert_eq!(lines(&batch), [r#"c1{"":7}"#]);
}

#[test]
fn rows_behind_the_last_offer_are_taken_back_and_the_offer_is_sent() {
    let mut batch = batch(Cadence { lines: 9, ..SECOND_LINE });
    row(&mut batch, 1);
    batch.checkpoint(&1).unwrap();
    row(&mut batch, 2);
    assert!(batch.core.is_open() && batch.core.can_be_safe());
    batch.core.cut_to_safe();
    batch.core.write_offered(false);
    assert_eq!(lines(&batch), ["1", r#"c1{"":1}"#]);
}

#[test]
fn rows_that_were_sent_cannot_be_taken_back() {
    let mut batch = batch(SECOND_LINE);
    row(&mut batch, 1);
    batch.core.sent();
    assert!(!batch.core.can_be_safe());
    batch.checkpoint(&1).unwrap();
    assert!(batch.core.can_be_safe());
}

#[test]
fn a_row_with_a_newline_or_too_long_is_refused_and_leaves_nothing_behind() {
    let mut batch = batch(SECOND_LINE);
    let metadata = RenderedMetadata::new(&json!({"stream": "s"})).unwrap();
    let newline = batch.write(&metadata, |out| out.extend_from_slice(b"[1,\n2]"));
    assert!(newline.unwrap_err().to_string().contains("newline"));
    let long = batch.row("s", Op::Read, &"x".repeat(100)).unwrap_err().to_string();
    assert!(long.contains("limit is 100") && long.contains("max_line_bytes"), "{long}");
    for bad in [&b"{\"a\":}"[..], b"{} {}", b"\"\xff\"", b"", b"[1,\n2]"] {
        let error = batch.raw(&metadata, bad).unwrap_err().to_string();
        assert!(error.contains("not JSON on one line"), "{bad:?}: {error}");
    }
    assert!(batch.is_empty());
    batch.raw(&metadata, b"{\"a\":1}").unwrap();
    assert_eq!(lines(&batch), [r#"{"a":1}"#]);
}

#[test]
fn partitions_that_move_as_one_are_never_half_in_a_checkpoint() {
    let mut batch = batch(SECOND_LINE);
    batch.checkpoint_parts([("a", &0), ("b", &0)]).unwrap();
    for n in 1..=4 {
        row(&mut batch, n);
        batch.checkpoint_parts([("a", &n), ("b", &n)]).unwrap();
    }
    let wanted = ["1", "2", r#"c1{"a":2,"b":2}"#, "3", "4", r#"c2{"a":4,"b":4}"#];
    assert_eq!(lines(&batch), wanted);
}
