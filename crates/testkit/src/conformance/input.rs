//! Checks for inputs. Their config must make a finite stream that is the same in every run.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Item, Recording, Subject};
use crate::failure::{Result, ensure};

/// How many checkpoints are resumed from, spread over the run.
const RESUMES: usize = 8;

/// Checkpoint ids begin at 1 and grow; nothing follows the last checkpoint but `@end`.
///
/// # Errors
/// Where they do not.
pub fn checkpoints_grow_and_the_last_one_covers_everything(subject: &Subject) -> Result {
    let run = whole(subject)?;
    ensure!(!run.data().is_empty(), "the stream is empty: the suite needs rows");
    let mut last = 0;
    for (_, id, _) in run.checkpoints() {
        ensure!(if last == 0 { id == 1 } else { id > last }, "checkpoint {id} follows {last}");
        last = id;
    }
    nothing_is_open(&run)
}

/// After `@end` it waits until its last checkpoint is saved.
///
/// # Errors
/// Where it ends before, or not after.
pub fn it_waits_for_the_last_commit(subject: &Subject) -> Result {
    let mut host = subject.ready(&json!({}))?;
    let mut run = Recording::default();
    while run.items.last() != Some(&Item::End) {
        ensure!(run.take(subject, &mut host)?, "stdout ended without @end");
    }
    thread::sleep(Duration::from_millis(200));
    let Some(last) = run.last_id() else { return Ok(()) };
    host.send_json(&json!({"@committed": {"id": last}}))?;
    host.exits_with(0)
}

/// `@stop` at any moment: a last checkpoint, `@end`, exit code 0; and what was not sent comes in
/// the next run.
///
/// # Errors
/// Where a row is lost, comes twice, or the end is not clean.
pub fn stop_loses_nothing(subject: &Subject) -> Result {
    let all = whole(subject)?;
    let rows = all.data().len();
    for lines in [0, 1, rows / 2] {
        let mut host = subject.ready(&json!({}))?;
        let mut part = Recording::default();
        while part.data().len() < lines && part.items.last() != Some(&Item::End) {
            part.take(subject, &mut host)?;
        }
        host.send(r#"{"@stop":{}}"#)?;
        let part = part.to_end(subject, &mut host)?;
        nothing_is_open(&part)?;
        let states = part.checkpoints().pop().map_or_else(BTreeMap::new, |(_, _, states)| states);
        let rest = resume(subject, states)?;
        same(&all, part.data(), &rest, &format!("stopped behind row {lines}"))?;
    }
    Ok(())
}

/// Killed at any moment and resumed from the last checkpoint that came, it sends exactly the rest.
///
/// # Errors
/// Where a row is lost or comes twice.
pub fn resuming_from_any_checkpoint_gives_exactly_the_rest(subject: &Subject) -> Result {
    let all = whole(subject)?;
    let total = all.checkpoints().len();
    for index in (0..total).step_by(total.div_ceil(RESUMES).max(1)) {
        let mut host = subject.ready(&json!({}))?;
        let mut part = Recording::default();
        while part.checkpoints().len() <= index && part.items.last() != Some(&Item::End) {
            part.take(subject, &mut host)?;
        }
        host.kill();
        let Some((rows, id, states)) = part.checkpoints().pop() else { continue };
        let rest = resume(subject, states)?;
        let before = part.data()[..rows].to_vec();
        same(&all, before, &rest, &format!("killed behind checkpoint {id}"))?;
    }
    Ok(())
}

/// A stream that is announced at all is announced in every run, before its first row.
///
/// # Errors
/// Where a row comes first.
pub fn a_schema_stands_before_its_rows(subject: &Subject) -> Result {
    let all = whole(subject)?;
    let named: Vec<&Value> = schemas(&all.items).collect();
    // From a run that saved nothing: a source that prunes on acknowledgement has the rest still.
    let mut host = subject.ready(&json!({}))?;
    let mut part = Recording::default();
    while part.checkpoints().is_empty() && part.items.last() != Some(&Item::End) {
        part.take(subject, &mut host)?;
    }
    host.kill();
    let states = part.checkpoints().pop().map(|(_, _, states)| states);
    let resumed = resume(subject, states.unwrap_or_default())?;
    for run in [&all, &resumed] {
        for (at, item) in run.items.iter().enumerate() {
            let Item::Data(row) = item else { continue };
            let stream = &row["metadata"]["stream"];
            let before = schemas(&run.items[..at]).any(|name| name == stream);
            ensure!(
                before || !named.contains(&stream),
                "a row of {stream} stands before its schema"
            );
        }
    }
    Ok(())
}

fn schemas(items: &[Item]) -> impl Iterator<Item = &Value> {
    items.iter().filter_map(|item| match item {
        Item::Control(control) => control.get("@schema")?.get("stream"),
        _ => None,
    })
}

fn whole(subject: &Subject) -> Result<Recording> {
    resume(subject, BTreeMap::new())
}

fn resume(subject: &Subject, states: BTreeMap<String, Value>) -> Result<Recording> {
    let mut host = subject.ready(&json!({"checkpoint": states}))?;
    Recording::from(states).to_end(subject, &mut host)
}

fn nothing_is_open(run: &Recording) -> Result {
    let last = run.checkpoints().last().map_or(0, |(rows, _, _)| *rows);
    let open = run.data().len() - last;
    ensure!(open == 0, "{open} rows stand between the last checkpoint and @end");
    Ok(())
}

fn same(all: &Recording, before: Vec<&Value>, rest: &Recording, when: &str) -> Result {
    let joined: Vec<&Value> = before.iter().copied().chain(rest.data()).collect();
    let at = all.data().iter().zip(&joined).position(|(a, b)| a != b);
    let (wanted, got) = (all.data().len(), joined.len());
    ensure!(
        at.is_none() && wanted == got,
        "{when}: {} rows before and {} after should be the {wanted} of a whole run; the first \
         difference is at row {at:?}",
        before.len(),
        rest.data().len()
    );
    Ok(())
}
