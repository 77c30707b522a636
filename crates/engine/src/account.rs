//! What a provider was sent and has not accounted for: whether lines add up.

use std::collections::VecDeque;

/// The lines that one provider was sent, by checkpoint, until it has accounted for them.
#[derive(Debug, Default)]
pub(crate) struct Account {
    open: u64,
    intervals: VecDeque<(u64, u64)>,
    /// `@rejected` lines that it has sent since its last account.
    pub(crate) rejected: u64,
    /// Its dead letters in this attempt.
    pub(crate) letters: u64,
    /// How many of them are known to stand before a checkpoint.
    pub(crate) noted: u64,
    settled: u64,
}

/// Why an account cannot be settled.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsettled {
    /// It names a checkpoint that it was never sent.
    #[error("it speaks of checkpoint {0}, which it was not sent")]
    Unknown(u64),
    /// It names an older checkpoint than before.
    #[error("it speaks of checkpoint {id} after checkpoint {before}")]
    Backwards {
        /// What it names.
        id: u64,
        /// What it named before.
        before: u64,
    },
}

impl Account {
    /// It is being sent that many envelopes.
    pub(crate) fn send(&mut self, lines: u64) {
        self.open += lines;
    }

    /// It is being sent a checkpoint.
    pub(crate) fn close(&mut self, id: u64) {
        self.intervals.push_back((id, std::mem::take(&mut self.open)));
    }

    /// It has accounted for everything up to `id`: how many envelopes was it sent for that since
    /// the last time?
    pub(crate) fn settle(&mut self, id: u64) -> Result<u64, Unsettled> {
        if id <= self.settled {
            return Err(Unsettled::Backwards { id, before: self.settled });
        }
        if !self.intervals.iter().any(|(sent, _)| *sent == id) {
            return Err(Unsettled::Unknown(id));
        }
        self.settled = id;
        let mut lines = 0;
        while let Some((_, more)) = self.intervals.pop_front_if(|(sent, _)| *sent <= id) {
            lines += more;
        }
        Ok(lines)
    }

    /// Whether it was sent checkpoints that it has not accounted for.
    pub(crate) fn is_behind(&self) -> bool {
        !self.intervals.is_empty()
    }

    /// Whether it has accounted for nothing yet.
    pub(crate) fn is_new(&self) -> bool {
        self.settled == 0
    }

    /// How many envelopes it has not accounted for.
    pub(crate) fn outstanding(&self) -> u64 {
        self.open + self.intervals.iter().map(|(_, lines)| lines).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_sums_the_intervals_that_it_settles_and_knows_what_it_was_sent() {
        let mut account = Account::default();
        account.send(10);
        account.close(1);
        account.send(5);
        account.close(2);
        account.close(3);
        account.send(4);
        assert_eq!(account.outstanding(), 19);
        assert_eq!(account.settle(2), Ok(15));
        assert_eq!(account.settle(3), Ok(0));
        assert_eq!(account.settle(3), Err(Unsettled::Backwards { id: 3, before: 3 }));
        assert_eq!(account.settle(4), Err(Unsettled::Unknown(4)));
        assert_eq!(account.outstanding(), 4);
    }
}
