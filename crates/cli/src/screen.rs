//! Writing to the terminal: stdout from a thread of its own, live lines on stderr.
//!
//! A pipe that nobody reads must not stop the host: the engine's events are taken into a buffer,
//! and the thread writes it out. Only where the buffer is full does the host wait for the reader.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use indicatif::MultiProgress;

use crate::exit::Exit;
use crate::problem::Problem;

/// How much may wait for the reader of stdout.
const MAX_WAITING_BYTES: usize = 1 << 20;

/// stdout and stderr, shared by everything that writes there.
#[derive(Clone)]
pub(crate) struct Screen {
    queue: Arc<Queue>,
    /// Live lines, where stderr is a terminal.
    pub(crate) live: Option<MultiProgress>,
    /// Whether stdout and stderr take colour.
    pub(crate) color_out: bool,
    pub(crate) color_err: bool,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    writing: bool,
    /// The reader has gone away.
    closed: bool,
    started: bool,
}

impl Screen {
    /// `live`: show live lines, if stderr is a terminal.
    pub(crate) fn new(live: bool, no_color: bool) -> Self {
        let err = io::stderr().is_terminal();
        Self {
            queue: Arc::default(),
            live: (live && err).then(MultiProgress::new),
            color_out: !no_color && io::stdout().is_terminal(),
            color_err: !no_color && err,
        }
    }

    /// Writes a text and a newline to stdout. Waits only where a megabyte is waiting already.
    pub(crate) fn line(&self, text: &str) {
        let mut state = self.queue.lock();
        if !state.started {
            state.started = true;
            let screen = self.clone();
            // Without a thread the lines are written when the process ends.
            let _unstarted = std::thread::Builder::new()
                .name("stdout".into())
                .spawn(move || screen.write_all())
                .is_err();
        }
        while state.waiting.len() > MAX_WAITING_BYTES && !state.closed {
            state = self.queue.wait(state);
        }
        if !state.closed {
            state.waiting.extend_from_slice(text.as_bytes());
            state.waiting.push(b'\n');
            self.queue.changed.notify_all();
        }
    }

    /// Waits until everything is written.
    pub(crate) fn flush(&self) {
        let mut state = self.queue.lock();
        while (state.writing || !state.waiting.is_empty()) && state.started && !state.closed {
            state = self.queue.wait(state);
        }
    }

    /// Whether whoever read stdout has gone away (`dstream run … | head`).
    pub(crate) fn is_closed(&self) -> bool {
        self.queue.lock().closed
    }

    /// Writes a text and a newline to stderr, above the live lines.
    pub(crate) fn error(&self, text: &str) {
        self.above(|| {
            let mut stderr = io::stderr().lock();
            let _gone = writeln!(stderr, "{text}").is_err();
        });
    }

    /// Does something while the live lines are out of the way.
    pub(crate) fn above<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.live {
            Some(live) => live.suspend(write),
            None => write(),
        }
    }

    fn write_all(&self) {
        loop {
            let mut state = self.queue.lock();
            while state.waiting.is_empty() {
                state = self.queue.wait(state);
            }
            let bytes = std::mem::take(&mut state.waiting);
            state.writing = true;
            self.queue.changed.notify_all();
            drop(state);
            let written = self.above(|| {
                let mut stdout = io::stdout().lock();
                stdout.write_all(&bytes).and_then(|()| stdout.flush())
            });
            let mut state = self.queue.lock();
            state.writing = false;
            state.closed |= written.is_err();
            self.queue.changed.notify_all();
            if state.closed {
                return;
            }
        }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn wait<'a>(&self, guard: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(guard).unwrap_or_else(|e| e.into_inner())
    }
}

/// Reports a problem before there is a screen.
pub(crate) fn fatal(problem: &Problem) -> ExitCode {
    let _gone = writeln!(io::stderr(), "{}", problem.render(false)).is_err();
    Exit::into(problem.exit)
}
