//! A host that dies at a named moment: `failing-host FILE TASK POINT:N` runs a task and aborts the
//! Nth time that it passes `before_save` (the outputs have committed, the state has not) or
//! `after_save` (the state has, the input was not told).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dstream_engine::dead_letter::LocalDeadLetters;
use dstream_engine::state::{
    InheritedLock, LocalState, StateError, StateHandle, StateStore, TaskState,
};
use dstream_engine::{Cancel, Event, Program, Protocol, Route, RunRequest, run};
use dstream_task::Source;

/// When to die.
#[derive(Clone)]
struct Point {
    name: String,
    count: u64,
    passed: Arc<AtomicU64>,
}

impl Point {
    fn read(text: &str) -> Self {
        let (name, count) = text.split_once(':').expect("POINT:N");
        let count = count.parse().expect("a number");
        Self { name: name.into(), count, passed: Arc::default() }
    }

    fn pass(&self, name: &str) {
        if self.name == name && self.passed.fetch_add(1, Ordering::SeqCst) + 1 == self.count {
            std::process::abort();
        }
    }
}

/// The real state in files, with the moments around a save.
struct FailingState(LocalState, Point);

impl StateStore for FailingState {
    fn open(&self, task: &str, wait: Duration) -> Result<Box<dyn StateHandle>, StateError> {
        Ok(Box::new(FailingHandle(self.0.open(task, wait)?, self.1.clone())))
    }

    fn read(&self, task: &str) -> Result<Option<TaskState>, StateError> {
        self.0.read(task)
    }
}

struct FailingHandle(Box<dyn StateHandle>, Point);

impl StateHandle for FailingHandle {
    fn load(&self) -> Result<Option<TaskState>, StateError> {
        self.0.load()
    }

    fn save(&self, state: &TaskState) -> Result<(), StateError> {
        // The first save only gives the task its identity.
        let moved = state.inputs.values().any(|input| !input.checkpoint.is_empty());
        if moved {
            self.1.pass("before_save");
        }
        self.0.save(state)?;
        if moved {
            self.1.pass("after_save");
        }
        Ok(())
    }

    fn remove(&self) -> Result<(), StateError> {
        self.0.remove()
    }

    fn inherited_lock(&self) -> Option<InheritedLock> {
        self.0.inherited_lock()
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, task, point] = args.as_slice() else { panic!("FILE TASK POINT:N") };
    let inputs = dstream_config::Inputs::new(|name| std::env::var(name).ok());
    let loaded = dstream_config::load(Path::new(file), &inputs).expect("a task file");
    let task = loaded.task(task).expect("a task of the file").clone();
    let binaries = PathBuf::from(std::env::var_os("DSTREAM_BINARIES").expect("DSTREAM_BINARIES"));
    let route = Route::resolve(&task, |role, block| match &block.source {
        Source::Name(name) => {
            let direction = if role == dstream_protocol::Role::Input { "in" } else { "out" };
            Ok(Program::new(binaries.join(format!("dstream-{direction}-{name}")), Protocol::V2))
        }
        other => Err(format!("{other} is no name")),
    });
    let folder = std::env::current_dir().expect("a folder");
    let state = LocalState::new(folder.join(".dstream"));
    let request = RunRequest {
        route: route.expect("providers by name"),
        secrets: loaded.secrets.clone(),
        folder,
        environment: std::env::vars().collect(),
        dead_letters: Arc::new(LocalDeadLetters::new(&state, &task.name)),
        state: Arc::new(FailingState(state, Point::read(point))),
        events: Arc::new(|_: &Event| {}),
        cancel: Cancel::new(),
        task,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let report = runtime.expect("a runtime").block_on(run(request));
    assert!(report.outcome.failure().is_none(), "{report:?}");
}
