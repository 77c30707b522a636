//! Which letters of the attempt before stay when the source is read again.

use dstream_protocol::CommitMark;

use super::{Counts, Coverage, DeadLetters};

/// Where the destination keeps the checkpoint: its key, and its last commit.
#[derive(Debug, Clone)]
pub(crate) struct Keeper {
    pub(crate) key: String,
    pub(crate) previous: Option<CommitMark>,
}

/// How many letters of each block of the attempt before the checkpoint covers from which this one
/// goes on. `None`: that cannot be told, so all of them stay.
///
/// # Errors
/// Where the notes cannot be read.
pub(crate) fn covered(
    saved: &Coverage,
    keeper: Option<&Keeper>,
    letters: &dyn DeadLetters,
) -> std::io::Result<Option<Counts>> {
    let mut covered = saved.covered.clone();
    let Some(keeper) = keeper else { return Ok(Some(covered)) };
    // Sent after their commit, which holds: what is sent again is known by its id.
    covered.insert(keeper.key.clone(), u64::MAX);
    match (keeper.previous, saved.epoch) {
        // That attempt committed nothing there.
        (None, _) => {}
        (Some(mark), Some(epoch)) if mark.epoch < epoch => {}
        // The destination may be ahead of what was saved.
        (Some(mark), Some(epoch)) if mark.epoch == epoch => {
            for (provider, count) in letters.closed(&saved.run, mark.id)? {
                let known = covered.entry(provider).or_default();
                *known = count.max(*known);
            }
        }
        // Somebody else has gone on from where that attempt stopped, wherever that was.
        _ => return Ok(None),
    }
    Ok(Some(covered))
}
