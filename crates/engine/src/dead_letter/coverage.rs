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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dead_letter::{Closed, LocalDeadLetters};

    /// The state says 2 letters of the input, saved in epoch 3; up to checkpoint 7 there are 5.
    fn covered_after(previous: Option<CommitMark>, epoch: Option<u64>) -> Option<Counts> {
        let folder = tempfile::tempdir().unwrap();
        let letters = LocalDeadLetters::at(folder.path().join("letters"));
        for (run, checkpoint, letters_before) in
            [("r", 6, 4), ("r", 7, 5), ("r", 8, 9), ("x", 7, 8)]
        {
            let (run, provider) = (run.to_owned(), "input.in".to_owned());
            let note = Closed { run, provider, checkpoint, letters: letters_before };
            letters.close(&note).unwrap();
        }
        let counts = [("input.in".to_owned(), 2)].into();
        let saved = Coverage { run: "r".into(), epoch, covered: counts };
        covered(&saved, Some(&Keeper { key: "output.out".into(), previous }), &letters).unwrap()
    }

    #[test]
    fn a_destination_says_how_far_the_attempt_before_came_unless_another_has_gone_on() {
        let mark = |epoch| Some(CommitMark { epoch, id: 7 });
        let of_input = |counts: Option<Counts>| counts.map(|counts| counts["input.in"]);
        assert_eq!(of_input(covered_after(None, Some(3))), Some(2), "it committed nothing there");
        assert_eq!(of_input(covered_after(mark(2), Some(3))), Some(2), "nor in its epoch");
        assert_eq!(of_input(covered_after(mark(3), Some(3))), Some(5), "more than was saved");
        assert_eq!(covered_after(mark(4), Some(3)), None, "somebody else has gone on");
        assert_eq!(covered_after(mark(3), None), None, "whose commit that is, nobody knows");
        let counts = covered_after(mark(3), Some(3)).unwrap();
        assert_eq!(counts["output.out"], u64::MAX, "what it keeps itself always stays");
    }
}
