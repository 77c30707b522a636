//! What an output does at each control line, and the commit.

use std::time::Instant;

use dstream_protocol::{Claim, ClaimedPart, Committed, Control};

use super::OutputProvider;
use super::run::Running;
use crate::lines::Kind;
use crate::session::{Failure, alive};
use crate::{Error, Granted, Result};

impl<P: OutputProvider> Running<P> {
    /// A checkpoint: what was written so far belongs to it. Only noted; the rows that were
    /// collected for one run may lie on both sides.
    pub(super) fn close(&mut self, line: &str) -> Result<(), Failure> {
        if let Control::Checkpoint(checkpoint) = read(line)? {
            self.pending.close(checkpoint, &self.input);
        }
        Ok(())
    }

    /// A stream's columns.
    pub(super) async fn schema(&mut self, line: &str) -> Result<(), Failure> {
        if let Control::Schema(schema) = read(line)? {
            alive(&mut self.stdout, self.provider.schema(&schema)).await??;
        }
        Ok(())
    }

    /// Claims and confirmations do not wait for an interval to close: an input may wait for the
    /// answer before it goes on.
    pub(super) async fn answer(&mut self) -> Result<(), Failure> {
        for i in 0..self.lines.marks.len() {
            let mark = self.lines.marks[i];
            if !matches!(mark.kind, Kind::Claim | Kind::Committed) {
                continue;
            }
            self.lines.marks[i].kind = Kind::Other;
            let line = self.lines.text[mark.start..mark.end].to_vec();
            match Control::read(&line).map_err(unreadable)? {
                Control::Claim(claim) => self.claim(claim).await?,
                Control::Committed(saved) => self.provider.confirmed(saved.id).await?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The stored state must be the newest: commits first.
    async fn claim(&mut self, claim: Claim) -> Result<(), Failure> {
        self.commit().await?;
        let granted = alive(&mut self.stdout, self.provider.claim(&claim)).await??;
        let Granted { state, shared, .. } = granted;
        let Claim { part, epoch, from, .. } = claim;
        let claimed = ClaimedPart { part, state, epoch: Some(epoch), shared, from };
        Ok(self.stdout.control(&Control::Claimed(claimed))?)
    }

    /// Commits what is closed. Not broken off by a signal: that it is not known whether a commit
    /// was done is for crashes alone.
    pub(super) async fn commit(&mut self) -> Result<(), Failure> {
        let Some((mut commit, rejected)) = self.pending.take() else { return Ok(()) };
        self.letters.name(&mut commit);
        let began = Instant::now();
        let state = alive(&mut self.stdout, self.provider.commit(&commit)).await??;
        self.pending.committed(began.elapsed());
        self.console.drain_into(&mut self.out);
        if self.v2 {
            for one in commit.rejected {
                self.out.extend_from_slice(Control::Rejected(one).to_line().as_bytes());
            }
            let committed = Committed { id: commit.id, written: commit.written, rejected, state };
            self.out.extend_from_slice(Control::Committed(committed).to_line().as_bytes());
        }
        self.flush()
    }

    /// The stream is over. Without `@end` that is an abort: what is not committed is given up.
    pub(super) async fn finish(&mut self, cleanly: bool) -> Result<(), Failure> {
        if self.v2 && !cleanly {
            return Err(Failure::Stopped);
        }
        let open = self.pending.open_lines();
        if open > 0 {
            return Err(Failure::Error(Error::permanent(format!(
                "the stream ended with {open} envelopes behind its last checkpoint"
            ))));
        }
        self.commit().await
    }

    /// Dead letters that an earlier run stored and the host may not have.
    pub(super) async fn send_unconfirmed(&mut self) -> Result<(), Failure> {
        if !self.v2 {
            return Ok(());
        }
        for one in alive(&mut self.stdout, self.provider.unconfirmed()).await?? {
            self.stdout.control(&Control::Rejected(one))?;
        }
        Ok(())
    }
}

/// A control line of the host.
pub(crate) fn read(line: &str) -> Result<Control> {
    Control::read(line.as_bytes()).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::permanent(format!("a control line of the host cannot be read: {error}"))
}
