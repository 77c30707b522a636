//! Connects the providers: who reads whom, who is told what.

use std::collections::BTreeSet;
use std::sync::Arc;

use dstream_protocol::Role;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;

use super::launch::Launched;
use super::pumps::{judge, run, run_legacy};
use crate::hub::{Hub, Signal};
use crate::relay::input_stdin::speak;
use crate::relay::piece::{Piece, Text};
use crate::relay::pump::{Pump, Shared};
use crate::relay::rules::{Claims, InputRules, LegacyRules, TransformRules};
use crate::relay::sink::Sink;
use crate::run::Runner;
use crate::saver::Saver;
use crate::startup::Live;

/// Everything that runs.
pub(super) struct Wiring {
    pub(super) hub: Arc<Hub>,
    pub(super) signals: mpsc::UnboundedReceiver<Signal>,
    /// The stdin of each step after the inputs: transforms in order, then all outputs together.
    pub(super) sinks: Vec<Shared>,
    pub(super) pumps: JoinSet<()>,
    pub(super) listeners: JoinSet<()>,
    pub(super) speakers: JoinSet<()>,
    pub(super) saver: Arc<Saver>,
    pub(super) saving: JoinSet<()>,
    /// Set when the inputs have been asked to stop.
    pub(super) stopping: watch::Sender<bool>,
    /// Set when the inputs have nothing more to hear.
    pub(super) release: watch::Sender<bool>,
    pub(super) resumed: bool,
}

/// Starts the tasks that move lines.
pub(super) fn connect(runner: &Runner, lives: &mut [Live], launched: Launched) -> Wiring {
    let Launched { hub, signals, replies, listeners, resumed, transactional, whole_intervals } =
        launched;
    let sinks = sinks(&hub, lives);
    let saver = Arc::new(Saver::new(&hub, &runner.handle, runner.before));
    let mut saving = JoinSet::new();
    let keeper = saver.clone();
    saving.spawn(async move { keeper.keep_saving().await });
    let mut wiring = Wiring {
        hub,
        signals,
        sinks,
        pumps: JoinSet::new(),
        listeners,
        speakers: JoinSet::new(),
        saver,
        saving,
        stopping: watch::Sender::new(false),
        release: watch::Sender::new(false),
        resumed,
    };
    wiring.spawn_speakers(lives, replies);
    wiring.spawn_pumps(runner, lives, transactional, whole_intervals);
    wiring
}

/// One sink a transform, and one for all outputs.
fn sinks(hub: &Arc<Hub>, lives: &mut [Live]) -> Vec<Shared> {
    let mut take = |role: Role| -> Vec<_> {
        let of_role = lives.iter_mut().enumerate().filter(|(_, live)| live.role == role);
        of_role.filter_map(|(seat, live)| live.stdin.take().map(|stdin| (seat, stdin))).collect()
    };
    let mut steps: Vec<_> = take(Role::Transform).into_iter().map(|one| vec![one]).collect();
    steps.push(take(Role::Output));
    steps.into_iter().map(|pipes| Arc::new(Mutex::new(Sink::new(hub, pipes)))).collect()
}

impl Wiring {
    /// The sink that all outputs read from.
    fn outputs(&self) -> Shared {
        self.sinks[self.sinks.len() - 1].clone()
    }

    fn spawn_speakers(
        &mut self,
        lives: &mut [Live],
        replies: Vec<mpsc::UnboundedReceiver<String>>,
    ) {
        let inputs = lives.iter_mut().filter(|live| live.role == Role::Input);
        for (place, (live, said)) in inputs.zip(replies).enumerate() {
            if let Some(stdin) = live.stdin.take() {
                let saved = self.hub.saved[place].subscribe();
                self.speakers.spawn(speak(stdin, saved, said, self.release.subscribe()));
            }
        }
        if self.hub.seats.iter().any(|s| s.epoch.is_some()) && self.hub.graveyard.is_some() {
            let (mut confirmed, outputs) = (self.hub.confirmed.subscribe(), self.outputs());
            self.speakers.spawn(async move {
                while confirmed.changed().await.is_ok() {
                    let id = *confirmed.borrow_and_update();
                    if outputs.lock().await.confirm(id).await.is_err() {
                        return;
                    }
                }
            });
        }
    }

    /// Who answers the claims of inputs. A destination that keeps the checkpoint gets them among the
    /// lines of the input where those go to it, and past the transforms where there are any.
    fn claims(&mut self, transactional: bool) -> Claims {
        if !transactional {
            return Claims::Host;
        }
        if self.sinks.len() == 1 {
            return Claims::InLine;
        }
        let (claims, mut asked) = mpsc::unbounded_channel::<Vec<u8>>();
        let outputs = self.outputs();
        self.speakers.spawn(async move {
            while let Some(line) = asked.recv().await {
                let claim = Piece::Control { text: Text::Own(line) };
                // A broken output is noticed by whoever pumps lines into it.
                drop(outputs.lock().await.write(&[], &[claim]).await);
            }
        });
        Claims::Past(claims)
    }

    fn spawn_pumps(
        &mut self,
        runner: &Runner,
        lives: &mut [Live],
        transactional: bool,
        whole_intervals: bool,
    ) {
        let inputs = lives.iter().filter(|live| live.role == Role::Input).count();
        let several = inputs > 1;
        let claims = self.claims(transactional);
        for (seat, live) in lives.iter_mut().enumerate() {
            let stdout = live.stdout.take();
            let (done, read) = watch::channel(());
            judge(&self.hub, seat, live, read);
            let Some(stdout) = stdout else { continue };
            let hub = self.hub.clone();
            let place = hub.seats[seat].place;
            let sink = self.sinks[if live.role == Role::Input { 0 } else { place + 1 }].clone();
            if live.role == Role::Transform {
                let reshapes = runner.request.route.transforms[place].program.delivery;
                let reshapes = reshapes.is_some_and(|d| d.reshapes);
                let rules = TransformRules {
                    hub: hub.clone(),
                    seat,
                    reshapes,
                    out: 0,
                    forwarded: 0,
                    transactional,
                    several,
                    ended: false,
                };
                let pump = Pump::new(hub, seat, stdout, rules, sink);
                self.pumps.spawn(run(pump, live.exit.clone(), done));
            } else if live.v2 {
                let claims = claims.clone();
                let rules = InputRules {
                    hub: hub.clone(),
                    seat,
                    several,
                    claims,
                    shared: BTreeSet::new(),
                    open: 0,
                    ended: false,
                };
                let mut pump = Pump::new(hub, seat, stdout, rules, sink);
                pump.whole_intervals = several && whole_intervals;
                self.pumps.spawn(run(pump, live.exit.clone(), done));
            } else {
                let rules = LegacyRules::new(&hub, seat, several);
                let mut pump = Pump::new(hub, seat, stdout, rules, sink);
                pump.whole_intervals = several && whole_intervals;
                let (exit, group) = (live.exit.clone(), live.group.clone());
                self.pumps.spawn(run_legacy(pump, exit, group, self.stopping.subscribe(), done));
            }
        }
    }
}
