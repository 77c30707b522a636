//! Starts the providers: outputs first, because a transactional one knows where to resume.

use std::sync::{Arc, Mutex};

use dstream_protocol::{
    Command, CommandV1, Operation, PartitionStates, Role, SourceStates, VERSION,
};
use futures_util::future::join_all;
use serde_json::Value;
use tokio::sync::{Notify, mpsc, watch};

use crate::event::EventKind;
use crate::failure::{Failure, FailureKind};
use crate::hub::{Book, Graveyard, Hub, Seat, Signal};
use crate::ledger::{Account, Ledger};
use crate::process::{StartProcess, environment};
use crate::relay::listen::listen;
use crate::resume;
use crate::route::{Member, Route};
use crate::run::{Runner, check_guarantee};
use crate::saver;
use crate::startup::{self, Launch, Live};
use crate::state::TaskState;

/// What the next step needs.
pub(super) struct Launched {
    pub(super) hub: Arc<Hub>,
    pub(super) signals: mpsc::UnboundedReceiver<Signal>,
    pub(super) replies: Vec<mpsc::UnboundedReceiver<String>>,
    pub(super) listeners: tokio::task::JoinSet<()>,
    pub(super) resumed: bool,
    /// The destination keeps the checkpoint, and so answers claims.
    pub(super) transactional: bool,
    /// What the output commits must hold no half of an interval.
    pub(super) whole_intervals: bool,
}

/// Starts all providers. They are in `lives`, in the order outputs, transforms, inputs, also those
/// that were started before one failed.
pub(super) async fn launch(
    runner: &Runner,
    lives: &mut Vec<Live>,
    state: &mut TaskState,
) -> Result<Launched, Failure> {
    let mut route = runner.request.route.clone();
    let task = &runner.request.task.name;
    let mut book = state.clone();

    start_all(runner, lives, &route.outputs, &book).await?;
    for (member, live) in route.outputs.iter_mut().zip(lives.iter()) {
        resume::check_output(task, &book, member, &live.ready)?;
        resume::note_output(&mut book, member, &live.ready);
        member.program.delivery = live.ready.delivery.or(member.program.delivery);
    }
    let keeper = checkpoint_keeper(&route, lives);
    if let Some(output) = keeper {
        let ready = &lives[output].ready;
        let member = &route.outputs[output];
        resume::adopt_destination(task, &mut book, &route.inputs, member, ready)?;
    }
    if resume::done_by_hand(&mut book) {
        // Saved before anything flows: a second time would take back what is committed from here.
        saver::stamp(&mut book);
        saver::write(runner.handle.clone(), None, book.clone()).await?;
        *state = book.clone();
    }
    let (hub, signals, replies) = make_hub(runner, &route, lives, book);
    let mut listeners = tokio::task::JoinSet::new();
    for (seat, live) in lives.iter_mut().enumerate() {
        if let Some(stdout) = live.stdout.take() {
            listeners.spawn(listen(hub.clone(), seat, stdout, live.handshake_pending));
        }
    }
    let book = hub.book().state.clone();
    start_all(runner, lives, &route.transforms, &book).await?;
    start_all(runner, lives, &route.inputs, &book).await?;
    let first_input = route.outputs.len() + route.transforms.len();
    for (member, live) in route.inputs.iter_mut().zip(&lives[first_input..]) {
        resume::check_input(task, &book, member, &live.ready)?;
        resume::note_input(&mut hub.book().state, member, &live.ready);
        member.program.delivery = live.ready.delivery.or(member.program.delivery);
    }
    check_guarantee(&runner.request.task, &route)?;
    let resumed = resume::checkpoints(&book).values().any(|states| !states.is_empty());
    *state = book;
    let transactional = keeper.is_some();
    let whole_intervals = transactional || cuts_back(&route);
    Ok(Launched { hub, signals, replies, listeners, resumed, transactional, whole_intervals })
}

/// Whether the one critical output is cut back to its last checkpoint after a crash: what follows
/// the checkpoint of one input must not stand before that of another.
fn cuts_back(route: &Route) -> bool {
    let critical = route.outputs.iter().filter(|o| o.block.critical);
    critical.map(|o| o.program.delivery.unwrap_or_default().append_only).eq([true])
}

/// The one critical output, if it keeps the checkpoint in its destination.
fn checkpoint_keeper(route: &Route, lives: &[Live]) -> Option<usize> {
    let mut critical = (0..route.outputs.len()).filter(|i| route.outputs[*i].block.critical);
    let only = critical.next().filter(|_| critical.next().is_none())?;
    lives[only].ready.epoch.map(|_| only)
}

/// Starts providers of one role side by side.
async fn start_all(
    runner: &Runner,
    lives: &mut Vec<Live>,
    members: &[Member],
    state: &TaskState,
) -> Result<(), Failure> {
    let started = join_all(members.iter().map(|m| start_one(runner, m, state))).await;
    let mut first = Ok(());
    for result in started {
        match result {
            Ok(live) => lives.push(live),
            Err(failure) => first = first.and(Err(failure)),
        }
    }
    first
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
    Ok(StartProcess {
        program: member.program.path.clone(),
        args: member.program.args.clone(),
        folder: runner.request.folder.clone(),
        environment: environment(&runner.request.environment, &member.block, &env),
        lock: runner.handle.inherited_lock(),
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
            adopt: match member.role {
                Role::Output => resume::set_by_hand(state),
                _ => SourceStates::new(),
            },
            inputs: task.inputs.iter().map(|i| i.name.clone()).collect(),
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

type Ears = (Arc<Hub>, mpsc::UnboundedReceiver<Signal>, Vec<mpsc::UnboundedReceiver<String>>);

fn make_hub(runner: &Runner, route: &Route, lives: &[Live], state: TaskState) -> Ears {
    let outputs = route.outputs.iter().enumerate();
    let rest = route.transforms.iter().enumerate().chain(route.inputs.iter().enumerate());
    let mut cursors = 0;
    let seats = outputs.chain(rest).enumerate().map(|(index, (place, member))| {
        let critical = member.block.critical || member.role != Role::Output;
        let counts = critical && member.role == Role::Output;
        cursors += usize::from(counts);
        Seat {
            role: member.role,
            name: member.block.name.clone(),
            v2: member.is_v2(),
            critical,
            place,
            cursor: counts.then(|| cursors - 1),
            epoch: lives.get(index).and_then(|live| live.ready.epoch),
            last_words: Mutex::default(),
            account: Mutex::new(Account::default()),
        }
    });
    let seats: Vec<Seat> = seats.collect();
    let inputs = route.inputs.len();
    let (signals, heard) = mpsc::unbounded_channel();
    let (replies, said) = (0..inputs).map(|_| mpsc::unbounded_channel()).unzip();
    let hub = Hub {
        report: runner.report.clone(),
        mask: runner.mask.clone(),
        counters: runner.counters.clone(),
        seats,
        book: Mutex::new(Book { ledger: Ledger::new(inputs, cursors), state }),
        graveyard: runner.request.task.dead_letter.as_ref().map(|d| Graveyard {
            store: runner.request.dead_letters.clone(),
            limit: d.max_rejected,
        }),
        signals,
        dirty: Notify::new(),
        saved: (0..inputs).map(|_| watch::Sender::new(0)).collect(),
        confirmed: watch::Sender::new(0),
        replies,
    };
    (Arc::new(hub), heard, said)
}
