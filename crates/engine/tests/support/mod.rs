//! A project folder, providers written in a few lines of bash, and a run of them.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "test code; every test file uses a part of it"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dstream_engine::dead_letter::LocalDeadLetters;
use dstream_engine::state::{LocalState, StateStore, TaskState};
use dstream_engine::{
    Cancel, Event, EventKind, Member, Outcome, Program, Protocol, Route, RunReport, RunRequest, run,
};
use dstream_protocol::{Delivery, Role};
use dstream_task::{Block, DeadLetter, Limits, Retry, Secrets, Source, Task};

/// What a version-2 provider in bash begins with.
pub const READY: &str = r#"read -r command; echo '{"status":"ready","protocol":2}'"#;

/// A version-2 output: writes envelopes to `out` in its folder, commits every checkpoint.
pub const COLLECT: &str = r#"
read -r command; echo '{"status":"ready","protocol":2}'
n=0
while read -r line; do
  case "$line" in
    '{"@checkpoint":'*) id=${line#*'"id":'}; id=${id%%[,\}]*}
        echo "{\"@committed\":{\"id\":$id,\"written\":$n}}"; n=0;;
    '{"@'*) echo "$line" >> control;;
    *) echo "$line" >> out; n=$((n + 1));;
  esac
done
"#;

/// A version-2 input that sends `count` envelopes with a checkpoint after each `every`, from where
/// the checkpoint says, then `@end`; it writes what it hears to `heard`.
pub fn counting(count: u32, every: u32) -> String {
    format!(
        r#"
read -r command; echo '{{"status":"ready","protocol":2}}'
from=0
case "$command" in *'"checkpoint":{{"":'*) from=${{command#*'"checkpoint":{{"":'}}; from=${{from%%\}}*}};; esac
id=0
for ((i = from + 1; i <= {count}; i++)); do
  echo "{{\"data\":{{\"n\":$i}},\"metadata\":{{}}}}"
  if ((i % {every} == 0 || i == {count})); then
    id=$((id + 1)); echo "{{\"@checkpoint\":{{\"id\":$id,\"state\":{{\"\":$i}}}}}}"
  fi
done
echo '{{"@end":{{}}}}'
while read -r line; do echo "$line" >> heard; done
"#
    )
}

/// A project in a temporary folder.
pub struct Project {
    pub folder: tempfile::TempDir,
    pub state: LocalState,
    pub task: Task,
    pub route: Route,
    pub secrets: Secrets,
    pub cancel: Cancel,
    pub events: Arc<Mutex<Vec<Event>>>,
}

impl Project {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = LocalState::new(folder.path().join(".dstream"));
        let task = Task {
            name: "t".into(),
            inputs: Vec::new(),
            transforms: Vec::new(),
            outputs: Vec::new(),
            retry: None,
            dead_letter: None,
            require: None,
            limits: Limits {
                start_timeout: Duration::from_secs(5),
                stop_timeout: Duration::from_secs(2),
                ..Limits::default()
            },
            lock: None,
            schedule: None,
        };
        Self {
            folder,
            state,
            task,
            route: Route { inputs: Vec::new(), transforms: Vec::new(), outputs: Vec::new() },
            secrets: Secrets::default(),
            cancel: Cancel::new(),
            events: Arc::default(),
        }
    }

    pub fn retry(mut self, max_attempts: u32) -> Self {
        let initial_backoff = Duration::from_millis(10);
        let max_backoff = Duration::from_millis(50);
        self.task.retry = Some(Retry { max_attempts, initial_backoff, max_backoff });
        self
    }

    pub fn dead_letters(mut self, max_rejected: u64) -> Self {
        self.task.dead_letter = Some(DeadLetter { max_rejected });
        self
    }

    pub fn input(self, protocol: Protocol, script: &str) -> Self {
        self.named_input("input", protocol, script)
    }

    pub fn named_input(mut self, name: &str, protocol: Protocol, script: &str) -> Self {
        let member = self.member(Role::Input, name, protocol, script);
        self.task.inputs.push(member.block.clone());
        self.route.inputs.push(member);
        self
    }

    pub fn transform(mut self, name: &str, script: &str) -> Self {
        let member = self.member(Role::Transform, name, Protocol::V2, script);
        self.task.transforms.push(member.block.clone());
        self.route.transforms.push(member);
        self
    }

    pub fn output(self, protocol: Protocol, script: &str) -> Self {
        self.named_output("output", protocol, true, script)
    }

    pub fn named_output(
        mut self,
        name: &str,
        protocol: Protocol,
        critical: bool,
        script: &str,
    ) -> Self {
        let mut member = self.member(Role::Output, name, protocol, script);
        member.block.critical = critical;
        self.task.outputs.push(member.block.clone());
        self.route.outputs.push(member);
        self
    }

    /// A provider of a later run of the same project.
    pub fn replace_input(mut self, protocol: Protocol, script: &str) -> Self {
        self.route.inputs.clear();
        self.task.inputs.clear();
        self.cancel = Cancel::new();
        self.events.lock().unwrap().clear();
        self.input(protocol, script)
    }

    pub fn replace_output(mut self, protocol: Protocol, script: &str) -> Self {
        self.route.outputs.clear();
        self.task.outputs.clear();
        self.cancel = Cancel::new();
        self.events.lock().unwrap().clear();
        self.output(protocol, script)
    }

    fn member(&self, role: Role, name: &str, protocol: Protocol, script: &str) -> Member {
        let path = self.folder.path().join(format!("{role}-{name}.sh"));
        std::fs::write(&path, format!("#!/bin/bash\n{script}")).unwrap();
        make_executable(&path);
        let block = Block {
            name: name.into(),
            source: Source::Path(path.display().to_string()),
            config: serde_json::json!({}),
            protocol: None,
            critical: true,
            pass_env: Vec::new(),
            env: BTreeMap::new(),
            sandbox: None,
        };
        let mut program = Program::new(path, protocol);
        program.delivery = Some(Delivery { replayable: true, ..Delivery::default() });
        Member { role, block, program }
    }

    pub fn request(&self) -> RunRequest {
        let events = self.events.clone();
        RunRequest {
            task: self.task.clone(),
            route: self.route.clone(),
            secrets: self.secrets.clone(),
            folder: self.folder.path().to_owned(),
            environment: vec![("PATH".into(), std::env::var("PATH").unwrap())],
            state: Arc::new(self.state.clone()),
            dead_letters: Arc::new(LocalDeadLetters::new(&self.state, "t")),
            events: Arc::new(move |event: &Event| events.lock().unwrap().push(event.clone())),
            cancel: self.cancel.clone(),
        }
    }

    /// Runs the task; a test that hangs fails.
    pub async fn run(&self) -> RunReport {
        let limit = Duration::from_secs(60);
        tokio::time::timeout(limit, run(self.request())).await.expect("the run hangs")
    }

    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(file)).unwrap_or_default()
    }

    pub fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.path().join(file), text).unwrap();
    }

    pub fn lines(&self, file: &str) -> Vec<String> {
        self.read(file).lines().map(str::to_owned).collect()
    }

    pub fn saved(&self) -> TaskState {
        self.state.read("t").unwrap().expect("there is no state")
    }

    pub fn checkpoint(&self, input: &str, part: &str) -> String {
        let state = self.saved();
        let states = state.inputs.get(input).map(|i| &i.checkpoint);
        states.and_then(|s| s.get(part)).map(|s| s.get().to_owned()).unwrap_or_default()
    }

    /// Whether this checkpoint is saved; also while a run goes on.
    pub fn has_saved(&self, input: &str, part: &str, checkpoint: &str) -> bool {
        let state = self.state.read("t").unwrap();
        let states = state.as_ref().and_then(|s| s.inputs.get(input)).map(|i| &i.checkpoint);
        states.and_then(|s| s.get(part)).is_some_and(|s| s.get() == checkpoint)
    }

    pub fn kinds(&self) -> Vec<EventKind> {
        self.events.lock().unwrap().iter().map(|e| e.kind.clone()).collect()
    }

    pub fn warnings(&self) -> Vec<String> {
        let warning = |kind| match kind {
            EventKind::Warning { message, .. } => Some(message),
            _ => None,
        };
        self.kinds().into_iter().filter_map(warning).collect()
    }

    pub fn shown(&self) -> Vec<String> {
        let shown = |kind| match kind {
            EventKind::Output { line, .. } => Some(line),
            _ => None,
        };
        self.kinds().into_iter().filter_map(shown).collect()
    }
}

/// Waits until something has come about, however slow the machine is: a sleep would have to guess.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < limit, "it never came to this: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The failure of a run that must have failed.
pub fn failure(report: &RunReport) -> dstream_engine::Failure {
    match &report.outcome {
        Outcome::Failed(failure) | Outcome::Held(failure) => failure.clone(),
        other => panic!("the run should have failed, but: {other:?}"),
    }
}

fn make_executable(path: &PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

impl Drop for Project {
    /// What happened, for a test that fails.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for event in self.events.lock().unwrap().iter() {
                eprintln!("{}", serde_json::to_string(event).unwrap());
            }
        }
    }
}
