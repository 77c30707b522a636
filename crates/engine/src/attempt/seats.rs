//! A seat for every provider, and what they share.

use std::sync::{Arc, Mutex};

use dstream_protocol::Role;
use tokio::sync::{Notify, mpsc, watch};

use crate::account::Account;
use crate::dead_letter;
use crate::hub::{Book, Hub, Seat, Signal};
use crate::ledger::Ledger;
use crate::rejections::Graveyard;
use crate::route::{Member, Route};
use crate::run::Runner;
use crate::startup::Live;
use crate::state::TaskState;

pub(super) type Ears =
    (Arc<Hub>, mpsc::UnboundedReceiver<Signal>, Vec<mpsc::UnboundedReceiver<String>>);

pub(super) fn make_hub(
    runner: &Runner,
    route: &Route,
    lives: &[Live],
    keeper: Option<usize>,
    state: TaskState,
) -> Ears {
    let seats = seats(route, lives, keeper);
    let cursors = seats.iter().filter(|seat| seat.cursor.is_some()).count();
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
        run: dead_letter::new_run(),
        keeper: keeper.is_some(),
        signals,
        dirty: Notify::new(),
        saved: (0..inputs).map(|_| watch::Sender::new(0)).collect(),
        confirmed: watch::Sender::new(0),
        replies,
    };
    (Arc::new(hub), heard, said)
}

/// The seats in the order outputs, transforms, inputs. Outputs are started; the others are not yet.
fn seats(route: &Route, lives: &[Live], keeper: Option<usize>) -> Vec<Seat> {
    let declared = |m: &Member| m.program.delivery.is_some_and(|d| d.replayable);
    let replayed = route.inputs.iter().all(declared);
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
            resends: keeper == Some(index) || !critical || !replayed,
            last_words: Mutex::default(),
            account: Mutex::new(Account::default()),
        }
    });
    seats.collect()
}
