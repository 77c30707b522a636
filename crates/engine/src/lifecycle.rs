//! Everything but `run`: init, plan, status, destroy, check, discover of one provider.

use std::path::Path;
use std::time::Duration;

use dstream_protocol::limits::MAX_LINE_BYTES;
use dstream_protocol::{
    Command, CommandV1, Control, LifecycleReport, Operation, PartitionStates, Startup,
    StreamSchema, VERSION,
};
use dstream_task::Secrets;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::confined;
use crate::event::EventSink;
use crate::failure::{Failure, FailureKind};
use crate::lines::LineReader;
use crate::mask::Mask;
use crate::process::{
    Pipes, Spawner, StartProcess, Stdout, Tail, UntilGone, describe_status, drain, environment,
};
use crate::report::Reporter;
use crate::route::Member;

/// What a lifecycle call needs.
pub struct LifecycleRequest<'a> {
    /// The task's name.
    pub task: &'a str,
    /// The task's identity, where it has one already.
    pub task_id: &'a str,
    /// The names of the task's inputs.
    pub inputs: Vec<String>,
    /// What is saved of it, where it is an input.
    pub checkpoint: PartitionStates,
    /// For `plan` and `init` of an output: the streams that are known to come. Not for version 1.
    pub streams: &'a [StreamSchema],
    /// The provider.
    pub member: &'a Member,
    /// What it is to do; not `run`.
    pub operation: Operation,
    /// The values of the secrets that its config refers to.
    pub secrets: &'a Secrets,
    /// The folder that it starts in.
    pub folder: &'a Path,
    /// The environment that it is given a part of.
    pub environment: &'a [(String, String)],
    /// How long it may take.
    pub timeout: Duration,
    /// Hears its log lines.
    pub events: std::sync::Arc<dyn EventSink>,
}

/// What a provider answered.
#[derive(Debug, Clone)]
pub struct LifecycleAnswer {
    /// The report; for a version-1 provider, its last JSON line that is one.
    pub report: LifecycleReport,
    /// Everything else that it wrote to stdout, secrets masked.
    pub output: Vec<String>,
}

/// Calls one provider for one operation.
///
/// # Errors
/// Where it cannot be started, does not end in time, ends without success, or reports an error.
pub async fn call(request: LifecycleRequest<'_>) -> Result<LifecycleAnswer, Failure> {
    let member = request.member;
    answer(request).await.map_err(|failure| confined::explain([member], failure))
}

async fn answer(request: LifecycleRequest<'_>) -> Result<LifecycleAnswer, Failure> {
    let spawner = Spawner::new()
        .map_err(|e| Failure::new(FailureKind::Spawn, format!("cannot start a thread: {e}")))?;
    let call = Call { tail: Tail::default(), mask: Mask::new(request.secrets), request, spawner };
    let pipes = call.start().await?;
    let limit = call.request.timeout;
    match timeout(limit, call.talk(pipes)).await {
        Ok(answer) => answer,
        Err(_) => {
            let operation = call.request.operation;
            Err(call
                .failure(FailureKind::Startup, format!("`{operation}` took longer than {limit:?}")))
        }
    }
}

struct Call<'a> {
    request: LifecycleRequest<'a>,
    mask: Mask,
    tail: Tail,
    /// Lives as long as the call: what it starts ends with it.
    spawner: Spawner,
}

impl Call<'_> {
    fn failure(&self, kind: FailureKind, message: impl Into<String>) -> Failure {
        let member = self.request.member;
        let mut failure = Failure::new(kind, message).of(member.role, &member.block.name);
        failure.stderr = self.tail.lines();
        failure
    }

    fn resolve(&self, value: &Value) -> Result<Value, Failure> {
        let resolved = self.request.secrets.resolve(value);
        resolved.map_err(|e| self.failure(FailureKind::Startup, e.to_string()))
    }

    async fn start(&self) -> Result<Pipes, Failure> {
        let member = self.request.member;
        let mut env = member.block.env.clone();
        for value in env.values_mut() {
            *value = self.resolve(value)?;
        }
        let mut environment = environment(self.request.environment, &member.block, &env);
        let confined = confined::prepare(member, self.request.folder, &mut environment)?;
        let process = StartProcess {
            program: member.program.path.clone(),
            args: member.program.args.clone(),
            folder: self.request.folder.to_owned(),
            environment,
            lock: None,
            confined,
        };
        let cannot = |e: std::io::Error| {
            let path = member.program.path.display();
            self.failure(FailureKind::Spawn, format!("cannot start {path}: {e}"))
        };
        self.spawner.start(process).await.map_err(cannot)
    }

    async fn talk(&self, mut pipes: Pipes) -> Result<LifecycleAnswer, Failure> {
        let command = self.command()?;
        let member = self.request.member;
        let (provider, role, pid) = (member.block.name.clone(), member.role, pipes.group.pid());
        let report = Reporter {
            run: String::new(),
            task: self.request.task.to_owned(),
            sink: self.request.events.clone(),
        };
        let show = |line| {
            let provider = provider.clone();
            report.emit(crate::event::EventKind::Log { provider, role, pid, line });
        };
        let write = async {
            // One that does not read its command is judged by what it answers.
            drop(pipes.stdin.write_all(command.as_bytes()).await);
            drop(pipes.stdin);
        };
        let (ended, exit) = watch::channel(None);
        let wait = async {
            let status = pipes.child.wait().await;
            pipes.group.reaped();
            ended.send_replace(status.as_ref().ok().copied());
            status
        };
        let stdout = UntilGone::new(pipes.stdout, exit.clone());
        let stderr = UntilGone::new(pipes.stderr, exit);
        let read = read_all(LineReader::new(stdout, MAX_LINE_BYTES));
        let log = drain(stderr, self.mask.clone(), self.tail.clone(), show);
        let ((), lines, (), status) = tokio::join!(write, read, log, wait);
        let lines = lines.map_err(|e| self.failure(FailureKind::Protocol, e))?;
        let status = status.map_err(|e| self.failure(FailureKind::Crash, e.to_string()))?;
        let how = (!status.success()).then(|| describe_status(status));
        self.judge(lines, how)
    }

    fn command(&self) -> Result<String, Failure> {
        let member = self.request.member;
        let config = match self.resolve(&member.block.config)? {
            Value::Null => Value::Object(serde_json::Map::new()),
            config => config,
        };
        let command = self.request.operation;
        let line = if member.is_v2() {
            serde_json::to_string(&Command {
                protocol: VERSION,
                command,
                role: member.role,
                task: self.request.task.to_owned(),
                task_id: self.request.task_id.to_owned(),
                name: member.block.name.clone(),
                config,
                checkpoint: self.request.checkpoint.clone(),
                state: None,
                confirmed: None,
                adopt: Default::default(),
                inputs: self.request.inputs.clone(),
                streams: self.request.streams.to_vec(),
                commit_within_ms: None,
                dead_letter: false,
                max_line_bytes: None,
            })
        } else {
            serde_json::to_string(&CommandV1 { command, config })
        };
        let line = line.map_err(|e| self.failure(FailureKind::Startup, e.to_string()))?;
        Ok(line + "\n")
    }

    /// The last line that is a report is the answer; a handshake before it is allowed.
    fn judge(&self, lines: Vec<Vec<u8>>, bad: Option<String>) -> Result<LifecycleAnswer, Failure> {
        let mut answer = None;
        let mut output = Vec::new();
        for (i, line) in lines.iter().enumerate() {
            match Startup::read(line) {
                Startup::Ready(_) if i == 0 => continue,
                Startup::Failed(error) if i == 0 && error_only(line) => {
                    return Err(self.reported(error));
                }
                _ => {}
            }
            if let Ok(Control::Error(error)) = Control::read(line) {
                return Err(self.reported(error));
            }
            match serde_json::from_slice::<LifecycleReport>(line) {
                Ok(report) if !report.status.is_empty() => answer = Some(self.masked(report)),
                _ => output.push(self.mask.apply(&String::from_utf8_lossy(line))),
            }
        }
        if let Some(report) = answer.as_ref().filter(|r| r.is_error()) {
            let text = report.error.clone().or_else(|| report.message.clone());
            let text = text.unwrap_or_else(|| "it reports an error".into());
            return Err(self.failure(FailureKind::Crash, text));
        }
        if let Some(how) = bad {
            let message = format!("`{}` ended with {how}", self.request.operation);
            return Err(self.failure(FailureKind::Crash, message));
        }
        match answer {
            Some(report) => Ok(LifecycleAnswer { report, output }),
            // Version 1 may say nothing in JSON at all.
            None if !self.request.member.is_v2() => {
                Ok(LifecycleAnswer { report: LifecycleReport::ok(), output })
            }
            None => Err(self.failure(
                FailureKind::Protocol,
                format!("it gave no report for `{}`", self.request.operation),
            )),
        }
    }

    /// A report is shown to people: what it says of a config must not hold its secrets.
    fn masked(&self, report: LifecycleReport) -> LifecycleReport {
        let mask = &self.mask;
        LifecycleReport {
            resources: report.resources.into_iter().map(|r| mask.json(r)).collect(),
            metadata: mask.fields(report.metadata),
            message: report.message.map(|m| mask.apply(&m)),
            error: report.error.map(|e| mask.apply(&e)),
            ..report
        }
    }

    fn reported(&self, error: dstream_protocol::ProviderError) -> Failure {
        let member = self.request.member;
        let mut failure =
            Failure::reported(self.mask.error(error)).of(member.role, &member.block.name);
        failure.stderr = self.tail.lines();
        failure
    }
}

/// A handshake's error has a message; a report's error stands in `error`.
fn error_only(line: &[u8]) -> bool {
    serde_json::from_slice::<LifecycleReport>(line).map_or(true, |r| r.error.is_none())
}

async fn read_all(mut stdout: LineReader<Stdout>) -> Result<Vec<Vec<u8>>, String> {
    let mut lines = Vec::new();
    loop {
        match stdout.next().await {
            Ok(Some(line)) => lines.push(line),
            Ok(None) => break,
            Err(error) => return Err(error.to_string()),
        }
    }
    if !stdout.rest().is_empty() {
        lines.push(stdout.rest().to_vec());
    }
    lines.retain(|line| !dstream_protocol::frame::is_blank(line));
    Ok(lines)
}
