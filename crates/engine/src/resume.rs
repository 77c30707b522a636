//! Where to resume: from the destination, if that keeps the checkpoint, else from the state.
//! State, source and destination that do not belong together stop the task.

use std::collections::BTreeMap;

use dstream_protocol::{Json, PartitionStates, Ready, Role, SourceStates};
use dstream_task::Source;

use crate::failure::{Failure, FailureKind};
use crate::route::{Member, Route};
use crate::state::TaskState;

/// Holds what an output said at its start against the state.
pub(crate) fn check_output(
    task: &str,
    state: &TaskState,
    member: &Member,
    ready: &Ready,
) -> Result<(), Failure> {
    let Some(known) = state.outputs.get(&member.block.name) else { return Ok(()) };
    let stored = Stored {
        task_id: Some(&state.task_id),
        provider: &known.provider,
        fingerprint: known.fingerprint.as_deref(),
    };
    check_identity(task, member, stored, ready, "destination")?;
    if let Some(mark) = known.mark.filter(|mark| ready.previous.is_none_or(|p| p < *mark)) {
        let has = ready
            .previous
            .map_or("nothing".to_owned(), |p| format!("commit {} of epoch {}", p.id, p.epoch));
        let message = format!(
            "its destination is behind the state: it holds {has} of this task, the state says commit {} of epoch {}; was it restored from a backup, or replaced?",
            mark.id, mark.epoch
        );
        return Err(mismatch(member, message)
            .help(format!(
                "to go on from what it holds: `dstream state rm {task}`, then `dstream state set {task} --task-id {}`",
                state.task_id
            ))
            .help(format!("to fill it again from the beginning: empty it, then `dstream state rm {task}`"))
            .help("or bring the right destination back"));
    }
    Ok(())
}

/// Holds the providers that the task names against the state, before any of them is started: one
/// would be handed the checkpoint of another, and could say only that it does not understand it.
pub(crate) fn check_providers(task: &str, state: &TaskState, route: &Route) -> Result<(), Failure> {
    for member in route.outputs.iter().chain(&route.inputs) {
        let name = &member.block.name;
        let (stored, what) = match member.role {
            Role::Output => (state.outputs.get(name).map(|o| &o.provider), "destination"),
            _ => (state.inputs.get(name).map(|i| &i.provider), "source"),
        };
        let Some(provider) = stored else { continue };
        let stored = Stored { task_id: None, provider, fingerprint: None };
        check_identity(task, member, stored, &Ready::default(), what)?;
    }
    Ok(())
}

/// Holds what an input said at its start against the state.
pub(crate) fn check_input(
    task: &str,
    state: &TaskState,
    member: &Member,
    ready: &Ready,
) -> Result<(), Failure> {
    let Some(known) = state.inputs.get(&member.block.name) else { return Ok(()) };
    let stored = Stored {
        task_id: None,
        provider: &known.provider,
        fingerprint: known.fingerprint.as_deref(),
    };
    check_identity(task, member, stored, ready, "source")
}

/// What the destination of the one transactional output holds becomes the truth.
pub(crate) fn adopt_destination(
    task: &str,
    state: &mut TaskState,
    inputs: &[Member],
    output: &Member,
    ready: &Ready,
) -> Result<(), Failure> {
    for (name, states) in set_by_hand(state) {
        let held = ready.checkpoint.get(&name).cloned().unwrap_or_default();
        if !same(&held, &states) {
            let message =
                format!("it did not take over the checkpoint of `{name}` that was set by hand");
            return Err(mismatch(output, message).help(format!(
                "to fill the destination again from the beginning: `dstream state rm {task}`"
            )));
        }
    }
    let known = |name: &String| inputs.iter().any(|i| i.block.name == *name);
    let holds = |(name, states): &(&String, &PartitionStates)| !states.is_empty() && !known(name);
    if let Some((stranger, _)) = ready.checkpoint.iter().find(holds) {
        let names: Vec<_> = inputs.iter().map(|i| format!("`{}`", i.block.name)).collect();
        let message = format!(
            "its destination holds a checkpoint of an input `{stranger}`, which this task does not have (it has {})",
            names.join(", ")
        );
        return Err(mismatch(output, message).help(format!(
            "give the input its old name back, or forget its checkpoint: `dstream state rm {task} --input {stranger}`"
        )));
    }
    let moved = state.inputs.values().any(|i| !i.checkpoint.is_empty() && !i.by_hand);
    if ready.checkpoint.is_empty() && ready.previous.is_none() && moved {
        let message = "its destination knows nothing of this task, though its inputs have moved on";
        return Err(mismatch(output, message)
            .help(format!("to fill it from the beginning: `dstream state rm {task}`"))
            .help("or bring the right destination back"));
    }
    check_partitions(task, state, output, ready)?;
    for input in inputs {
        let name = &input.block.name;
        let states = ready.checkpoint.get(name).cloned().unwrap_or_default();
        state.inputs.entry(name.clone()).or_default().checkpoint = states;
    }
    Ok(())
}

/// A destination that has lost one row of several would have that partition read again from its
/// beginning, and written twice.
fn check_partitions(
    task: &str,
    state: &TaskState,
    output: &Member,
    ready: &Ready,
) -> Result<(), Failure> {
    for (name, input) in state.inputs.iter().filter(|(_, input)| !input.by_hand) {
        let held = ready.checkpoint.get(name);
        let lost = |part: &&String| !held.is_some_and(|h| h.contains_key(*part));
        if let Some(part) = input.checkpoint.keys().find(lost) {
            let of = if part.is_empty() { String::new() } else { format!(", partition `{part}`") };
            let message = format!("its destination has lost the checkpoint of input `{name}`{of}");
            return Err(mismatch(output, message)
                .help(format!("to fill it from the beginning: `dstream state rm {task}`"))
                .help("or bring the right destination back"));
        }
    }
    Ok(())
}

/// Writes down which provider and which system each part of the state belongs to.
pub(crate) fn note_input(state: &mut TaskState, member: &Member, ready: &Ready) {
    let input = state.inputs.entry(member.block.name.clone()).or_default();
    input.provider = identity(&member.block.source);
    input.fingerprint = ready.fingerprint.clone();
}

/// The same for an output.
pub(crate) fn note_output(state: &mut TaskState, member: &Member, ready: &Ready) {
    let output = state.outputs.entry(member.block.name.clone()).or_default();
    output.provider = identity(&member.block.source);
    output.fingerprint = ready.fingerprint.clone();
}

/// What a person has set or forgotten since the last run.
pub(crate) fn set_by_hand(state: &TaskState) -> SourceStates {
    let inputs = state.inputs.iter().filter(|(_, input)| input.by_hand);
    inputs.map(|(name, input)| (name.clone(), input.checkpoint.clone())).collect()
}

/// Every output has heard of it. Says whether there was anything to hear.
pub(crate) fn done_by_hand(state: &mut TaskState) -> bool {
    let any = state.inputs.values().any(|input| input.by_hand);
    state.inputs.values_mut().for_each(|input| input.by_hand = false);
    any
}

fn same(a: &PartitionStates, b: &PartitionStates) -> bool {
    let value = |json: &Json| serde_json::from_str::<serde_json::Value>(json.get()).ok();
    a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|w| value(v) == value(w)))
}

/// The checkpoint of every input.
pub(crate) fn checkpoints(state: &TaskState) -> BTreeMap<String, PartitionStates> {
    state.inputs.iter().map(|(name, input)| (name.clone(), input.checkpoint.clone())).collect()
}

struct Stored<'a> {
    /// Of an output: what its destination knows the task by.
    task_id: Option<&'a str>,
    provider: &'a str,
    fingerprint: Option<&'a str>,
}

fn check_identity(
    task: &str,
    member: &Member,
    stored: Stored<'_>,
    ready: &Ready,
    what: &str,
) -> Result<(), Failure> {
    let now = identity(&member.block.source);
    let (before, after) = if !stored.provider.is_empty() && stored.provider != now {
        (stored.provider, now.as_str())
    } else {
        match (stored.fingerprint, ready.fingerprint.as_deref()) {
            (Some(before), Some(after)) if before != after => (before, after),
            _ => return Ok(()),
        }
    };
    let message = format!(
        "its {what} has changed: the state belongs to `{before}`, the task now names `{after}`"
    );
    let mut failure = mismatch(member, message)
        .help(format!("to start anew with the new {what}: `dstream state rm {task}`"));
    // It keeps the checkpoint itself, under the task's id.
    if let (Some(task_id), true) = (stored.task_id, ready.previous.is_some()) {
        failure = failure.help(format!(
            "to go on from the checkpoint that it holds, where what was written stays or was moved: `dstream state rm {task}`, then `dstream state set {task} --task-id {task_id}`"
        ));
    }
    Err(failure.help("to keep both, give the task another name"))
}

fn mismatch(member: &Member, message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Mismatch, message).of(member.role, &member.block.name)
}

/// What stays the same when only the version or the folder of a provider changes.
fn identity(source: &Source) -> String {
    match source {
        Source::Name(name) => name.clone(),
        Source::Path(path) => {
            let file = std::path::Path::new(path).file_name();
            file.map_or_else(|| path.clone(), |f| f.to_string_lossy().into_owned())
        }
        Source::Ref(reference) => {
            let bare = reference.split('@').next().unwrap_or(reference);
            let (head, tail) = bare.rsplit_once('/').unwrap_or(("", bare));
            format!("{head}/{}", tail.split(':').next().unwrap_or(tail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::{Program, Protocol};
    use crate::state::{InputState, OutputState};
    use dstream_protocol::CommitMark;
    use dstream_task::Block;
    use serde_json::value::RawValue;

    fn member(role: Role, name: &str) -> Member {
        let block = Block {
            name: name.into(),
            source: Source::Name("db".into()),
            config: serde_json::Value::Null,
            protocol: None,
            critical: true,
            pass_env: Vec::new(),
            env: BTreeMap::new(),
            sandbox: None,
        };
        Member { role, block, program: Program::new("db", Protocol::V2) }
    }

    fn states(value: &str) -> PartitionStates {
        [(String::new(), RawValue::from_string(value.into()).unwrap())].into()
    }

    fn mark(epoch: u64, id: u64) -> Option<CommitMark> {
        Some(CommitMark { epoch, id })
    }

    #[test]
    fn a_destination_may_be_ahead_of_the_state_and_never_behind() {
        let mut state = TaskState::new("t");
        let output = OutputState { mark: mark(3, 10), ..OutputState::default() };
        state.outputs.insert("out".into(), output);
        let out = member(Role::Output, "out");
        let check = |previous| {
            check_output("t", &state, &out, &Ready { previous, ..Ready::default() })
                .map_err(|f| f.message)
        };
        assert_eq!(check(mark(3, 10)), Ok(()));
        assert_eq!(check(mark(3, 11)), Ok(()));
        assert_eq!(check(mark(4, 1)), Ok(()));
        assert!(check(mark(3, 9)).unwrap_err().contains("behind the state"));
        assert!(check(None).unwrap_err().contains("holds nothing"));
    }

    #[test]
    fn another_source_under_the_same_name_stops_the_task() {
        let mut state = TaskState::new("t");
        let fingerprint = Some("a.csv".to_owned());
        let input = InputState { provider: "db".into(), fingerprint, ..InputState::default() };
        state.inputs.insert("in".into(), input);
        let ready = Ready { fingerprint: Some("b.csv".into()), ..Ready::default() };
        let failure = check_input("t", &state, &member(Role::Input, "in"), &ready).unwrap_err();
        assert!(failure.message.contains("`a.csv`") && failure.message.contains("`b.csv`"));
        assert!(failure.help[0].contains("dstream state rm t"));
    }

    #[test]
    fn another_destination_that_knows_the_task_can_be_gone_on_with() {
        let mut state = TaskState::new("t");
        let fingerprint = Some("x.db, table a".to_owned());
        let output = OutputState { fingerprint, mark: mark(1, 2), ..OutputState::default() };
        state.outputs.insert("out".into(), output);
        let out = member(Role::Output, "out");
        let help = |previous| {
            let fingerprint = Some("x.db, table b".into());
            let ready = Ready { fingerprint, previous, ..Ready::default() };
            check_output("t", &state, &out, &ready).unwrap_err().help.join("\n")
        };
        assert!(help(mark(1, 2)).contains(&format!("--task-id {}", state.task_id)));
        assert!(!help(None).contains("--task-id"));
    }

    #[test]
    fn the_destination_says_where_to_resume_and_strange_inputs_or_an_empty_one_stop_the_task() {
        let mut state = TaskState::new("t");
        state.inputs.entry("in".into()).or_default().checkpoint = states("1");
        let inputs = [member(Role::Input, "in")];
        let out = member(Role::Output, "out");
        let mut adopt = |ready: &Ready| {
            adopt_destination("t", &mut state, &inputs, &out, ready)
                .map(|()| state.inputs["in"].checkpoint[""].get().to_owned())
                .map_err(|f| f.message)
        };
        let ahead = Ready {
            checkpoint: [("in".to_owned(), states("2"))].into(),
            previous: mark(1, 2),
            ..Ready::default()
        };
        assert_eq!(adopt(&ahead), Ok("2".into()));
        let strange = Ready { checkpoint: [("old".to_owned(), states("2"))].into(), ..ahead };
        assert!(adopt(&strange).unwrap_err().contains("`old`"));
        assert!(adopt(&Ready::default()).unwrap_err().contains("knows nothing"));
    }

    #[test]
    fn a_destination_that_lost_one_row_of_several_stops_the_task() {
        let mut state = TaskState::new("t");
        let both = [states("1"), states("2")].into_iter().zip(["p", "q"]);
        let both: PartitionStates =
            both.map(|(mut s, part)| (part.into(), s.remove("").unwrap())).collect();
        state.inputs.entry("in".into()).or_default().checkpoint = both.clone();
        let inputs = [member(Role::Input, "in")];
        let out = member(Role::Output, "out");
        let mut ready = Ready {
            checkpoint: [("in".to_owned(), both)].into(),
            previous: mark(1, 2),
            ..Ready::default()
        };
        adopt_destination("t", &mut state, &inputs, &out, &ready).unwrap();
        ready.checkpoint.get_mut("in").unwrap().remove("q");
        let failure = adopt_destination("t", &mut state, &inputs, &out, &ready).unwrap_err();
        assert!(failure.message.contains("input `in`, partition `q`"), "{failure}");
    }

    #[test]
    fn a_checkpoint_set_by_hand_counts_once_the_destination_has_taken_it_over() {
        let mut state = TaskState::new("t");
        let by_hand =
            InputState { checkpoint: states("4"), by_hand: true, ..InputState::default() };
        state.inputs.insert("in".into(), by_hand);
        let inputs = [member(Role::Input, "in")];
        let out = member(Role::Output, "out");
        let held = |value: &str| Ready {
            checkpoint: [("in".to_owned(), states(value))].into(),
            previous: mark(1, 2),
            ..Ready::default()
        };
        assert_eq!(set_by_hand(&state)["in"][""].get(), "4");
        let refused = adopt_destination("t", &mut state, &inputs, &out, &held("9")).unwrap_err();
        assert!(refused.message.contains("set by hand"), "{refused}");
        adopt_destination("t", &mut state, &inputs, &out, &held("4")).unwrap();
        assert!(done_by_hand(&mut state) && !done_by_hand(&mut state));
        assert!(set_by_hand(&state).is_empty());
    }

    #[test]
    fn a_new_version_of_a_provider_is_still_the_same_provider() {
        let reference = |r: &str| identity(&Source::Ref(r.into()));
        assert_eq!(reference("ghcr.io/acme/foo:v1"), reference("ghcr.io/acme/foo:v2"));
        assert_eq!(reference("localhost:5000/foo@sha256:00"), "localhost:5000/foo");
        assert_eq!(identity(&Source::Path("./a/read.sh".into())), "read.sh");
    }
}
