//! What a person sees while providers come from registries.

use std::collections::BTreeMap;
use std::sync::Mutex;

use dstream_registry::remote::Listener;
use dstream_registry::{PullEvent, RemoteEvent};
use indicatif::{ProgressBar, ProgressStyle};

use crate::locks::named;
use crate::report::format::bytes;
use crate::screen::Screen;

/// Bars on a terminal, lines elsewhere. `quiet` says nothing: whoever reads JSON wants no words.
pub(crate) fn listener(screen: &Screen, quiet: bool) -> Listener {
    let pulls = Pulls { screen: screen.clone(), quiet, bars: Mutex::default() };
    Box::new(move |key, event| pulls.on(key, event))
}

struct Pulls {
    screen: Screen,
    quiet: bool,
    bars: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Pulls {
    fn on(&self, key: &str, event: &RemoteEvent) {
        if self.quiet {
            return;
        }
        match event {
            RemoteEvent::Locked(locked) => {
                self.say(&format!("locked {key}: {}", named(locked)));
            }
            RemoteEvent::Pull(PullEvent::Progress { done, total }) => {
                self.progress(key, *done, *total);
            }
            RemoteEvent::Pull(PullEvent::Waiting) => {
                self.say(&format!("waiting for another dstream that pulls {key}"));
            }
            RemoteEvent::Pull(PullEvent::Retrying { reason, pause }) => {
                self.say(&format!("{reason}; going on in {:.1} s", pause.as_secs_f64()));
            }
            RemoteEvent::Pulled => {
                if let Some(bar) = self.bars().remove(key) {
                    bar.finish_and_clear();
                    let size = bytes(bar.length().unwrap_or_default());
                    self.say(&format!("pulled {key}, {size}"));
                }
            }
        }
    }

    /// The first one says how much it is; where there is no terminal nothing more is said until the end.
    fn progress(&self, key: &str, done: u64, total: u64) {
        let mut bars = self.bars();
        let bar = bars.entry(key.to_owned()).or_insert_with(|| {
            let Some(live) = &self.screen.live else {
                self.say(&format!("pulling {key}, {} …", bytes(total)));
                let hidden = ProgressBar::hidden();
                hidden.set_length(total);
                return hidden;
            };
            let template = "pulling {prefix} [{bar:20}] {bytes} of {total_bytes}, {bytes_per_sec}";
            let style = ProgressStyle::with_template(template);
            let style =
                style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ");
            live.add(ProgressBar::new(total).with_style(style).with_prefix(key.to_owned()))
        });
        bar.set_position(done);
    }

    fn say(&self, line: &str) {
        self.screen.error(line);
    }

    fn bars(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, ProgressBar>> {
        self.bars.lock().unwrap_or_else(|e| e.into_inner())
    }
}
