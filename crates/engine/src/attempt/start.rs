//! Starts one provider of an attempt: its process, its environment, its command.

use dstream_protocol::{
    Command, CommandV1, Operation, PartitionStates, Role, SourceStates, VERSION,
};
use futures_util::future::join_all;
use serde_json::Value;

use crate::confined;
use crate::event::EventKind;
use crate::failure::{Failure, FailureKind};
use crate::process::{StartProcess, environment};
use crate::resume;
use crate::route::Member;
use crate::run::Runner;
use crate::startup::{self, Launch, Live};
use crate::state::TaskState;

/// Starts providers of one role side by side.
pub(super) async fn start_each(
    runner: &Runner,
    members: &[Member],
    state: &TaskState,
) -> Vec<Result<Live, Failure>> {
    join_all(members.iter().map(|m| start_one(runner, m, state))).await
}

async fn start_one(runner: &Runner, member: &Member, state: &TaskState) -> Result<Live, Failure> {
    let limits = &runner.request.task.limits;
    let (role, name) = (member.role, member.block.name.clone());
    let headroom = match role {
        Role::Input => 0,
        _ => dstream_protocol::limits::MAX_LINE_HEADROOM_BYTES,
    };
    let launch = Launch {
        member,
        process: process(runner, member)?,
        command: command(runner, member, state)?,
        start_timeout: limits.start_timeout,
        max_line: limits.max_line_bytes.saturating_add(headroom),
        mask: runner.mask.clone(),
    };
    let report = runner.report.clone();
    let provider = name.clone();
    let log = move |pid, line| {
        report.emit(EventKind::Log { provider: provider.clone(), role, pid, line });
    };
    let started = |pid| {
        let protocol = member.program.protocol.number();
        let provider = name.clone();
        runner.report.emit(EventKind::ProviderStarted { provider, role, pid, protocol });
    };
    let live = startup::start(&runner.spawner, launch, started, log).await?;
    runner.report.emit(EventKind::ProviderReady { provider: name, role });
    Ok(live)
}

fn process(runner: &Runner, member: &Member) -> Result<StartProcess, Failure> {
    let mut env = member.block.env.clone();
    for value in env.values_mut() {
        *value = resolve(runner, member, value)?;
    }
    let mut environment = environment(&runner.request.environment, &member.block, &env);
    let confined = confined::prepare(member, &runner.request.folder, &mut environment)?;
    Ok(StartProcess {
        program: member.program.path.clone(),
        args: member.program.args.clone(),
        folder: runner.request.folder.clone(),
        environment,
        lock: runner.handle.inherited_lock(),
        confined,
    })
}

fn resolve(runner: &Runner, member: &Member, value: &Value) -> Result<Value, Failure> {
    runner.request.secrets.resolve(value).map_err(|e| {
        Failure::new(FailureKind::Startup, e.to_string()).of(member.role, &member.block.name)
    })
}

fn command(runner: &Runner, member: &Member, state: &TaskState) -> Result<String, Failure> {
    let task = &runner.request.task;
    let name = &member.block.name;
    let config = match resolve(runner, member, &member.block.config)? {
        Value::Null => Value::Object(serde_json::Map::new()),
        config => config,
    };
    let line = if !member.is_v2() {
        serde_json::to_string(&CommandV1 { command: Operation::Run, config })
    } else {
        let input = state.inputs.get(name).filter(|_| member.role == Role::Input);
        let output = state.outputs.get(name).filter(|_| member.role == Role::Output);
        let commit_within =
            u64::try_from(task.limits.commit_within.as_millis()).unwrap_or(u64::MAX);
        serde_json::to_string(&Command {
            protocol: VERSION,
            command: Operation::Run,
            role: member.role,
            task: task.name.clone(),
            task_id: state.task_id.clone(),
            name: name.clone(),
            config,
            checkpoint: input.map_or_else(PartitionStates::new, |i| i.checkpoint.clone()),
            state: output.and_then(|o| o.state.clone()),
            confirmed: output.and_then(|o| o.mark),
            adopt: match member.role {
                Role::Output => resume::set_by_hand(state),
                _ => SourceStates::new(),
            },
            inputs: task.inputs.iter().map(|i| i.name.clone()).collect(),
            streams: Vec::new(),
            commit_within_ms: (member.role == Role::Output).then_some(commit_within),
            dead_letter: task.dead_letter.is_some(),
            max_line_bytes: Some(task.limits.max_line_bytes),
        })
    };
    let line = line.map_err(|e| {
        let message = format!("its config cannot be written as JSON: {e}");
        Failure::new(FailureKind::Startup, message).of(member.role, name)
    })?;
    Ok(line + "\n")
}
