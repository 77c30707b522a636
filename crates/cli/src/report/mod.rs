//! What is shown while tasks run: a live line each on a terminal, a line now and then elsewhere,
//! events as JSON lines for programs.

pub(crate) mod format;
mod live;
pub(crate) mod log;
mod plain;
pub(crate) mod summary;
mod view;

use std::collections::BTreeMap;
use std::sync::Mutex;

use dstream_engine::{Cancel, Event, EventKind, EventSink, Stop};

use crate::context::Context;
use crate::screen::Screen;
use live::Live;
use plain::Plain;
use view::View;

/// Listens to all tasks of a run.
pub(crate) struct Report {
    screen: Screen,
    json: bool,
    cancel: Cancel,
    shown: Mutex<Shown>,
}

struct Shown {
    tasks: BTreeMap<String, View>,
    lines: Lines,
}

/// How the tasks' progress is shown.
enum Lines {
    Live(Live),
    Plain(Plain),
}

impl Report {
    /// `attempts` says how often each task may start in a row, for messages.
    pub(crate) fn new(context: &Context, cancel: &Cancel, attempts: &[(String, u32)]) -> Self {
        let lines = match &context.screen.live {
            Some(bars) => Lines::Live(Live::new(bars.clone())),
            None => Lines::Plain(Plain::default()),
        };
        let view = |(name, n): &(String, u32)| (name.clone(), View::new(*n));
        let tasks = attempts.iter().map(view).collect();
        Self {
            screen: context.screen.clone(),
            json: context.global.json,
            cancel: cancel.clone(),
            shown: Mutex::new(Shown { tasks, lines }),
        }
    }

    /// Takes the live lines away; what comes after stays.
    pub(crate) fn end(&self) {
        if let Lines::Live(live) = &mut self.lock().lines {
            live.end();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn show(&self, event: &Event) {
        if let EventKind::Output { line, .. } = &event.kind {
            return self.screen.line(line);
        }
        let mut shown = self.lock();
        let Shown { tasks, lines } = &mut *shown;
        let view = tasks.entry(event.task.clone()).or_insert_with(|| View::new(1));
        view.apply(&event.kind);
        let attempts = view.max_attempts;
        match lines {
            Lines::Live(live) => live.show(&event.task, view, &event.kind),
            Lines::Plain(plain) => plain.show(&event.task, view, &event.kind),
        }
        // A log line takes the live lines away for a moment: the lock is not held meanwhile.
        drop(shown);
        log::event_of(event, attempts);
    }
}

impl EventSink for Report {
    fn emit(&self, event: &Event) {
        if self.screen.is_closed() {
            // `dstream run … | head`: nobody reads any more, and the task ends cleanly.
            self.cancel.stop(Stop::Drain);
        }
        if !self.json {
            return self.show(event);
        }
        if let Ok(line) = serde_json::to_string(event) {
            self.screen.line(&line);
        }
    }
}
