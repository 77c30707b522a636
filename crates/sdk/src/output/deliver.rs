//! What an output has read, handed to the provider in runs, and what came of them.

use dstream_protocol::Control;

use super::OutputProvider;
use super::run::Running;
use crate::lines::Kind;
use crate::runs::Checked;
use crate::session::{Failure, alive};
use crate::{Error, Result};

impl<P: OutputProvider> Running<P> {
    /// Writes everything before `to`, and takes up the control lines in it. Answers whether the
    /// stream ended there.
    pub(super) async fn deliver(&mut self, to: usize) -> Result<bool, Failure> {
        if to == 0 {
            return Ok(false);
        }
        let mut text = std::mem::take(&mut self.lines.text);
        let checked = Checked::new(&mut text[..to], &mut self.rejections)?;
        let whole =
            std::str::from_utf8(&text[..to]).map_err(|e| Error::permanent(e.to_string()))?;
        let (mut at, mut ended) = (0, false);
        while let Some(mark) = self.lines.next_mark(to) {
            self.collect(whole, at, mark.start, &checked).await?;
            at = mark.end;
            let line = &whole[mark.start..mark.end];
            match mark.kind {
                Kind::Checkpoint => self.close(line)?,
                Kind::Schema => {
                    // Rows before it have the schema before it.
                    self.write(whole).await?;
                    self.schema(line).await?;
                }
                Kind::End => ended = true,
                // Answered when they were found.
                Kind::Claim | Kind::Committed | Kind::Other => {}
            }
        }
        self.collect(whole, at, to, &checked).await?;
        self.write(whole).await?;
        self.lines.text = text;
        self.lines.consume(to);
        if !self.v2 {
            self.pending.close_implied();
        }
        Ok(ended)
    }

    /// Adds lines to the run; writes it whenever it is large enough.
    async fn collect(
        &mut self,
        text: &str,
        mut at: usize,
        to: usize,
        checked: &Checked,
    ) -> Result<(), Failure> {
        while at < to {
            let (next, lines) = self.run.fill(text, at, to, checked, &mut self.rejections)?;
            self.pending.took(lines);
            at = next;
            if self.run.is_large() {
                self.write(text).await?;
            }
        }
        Ok(())
    }

    /// Hands the run to the provider, and says what came of it.
    async fn write(&mut self, text: &str) -> Result<(), Failure> {
        let malformed = self.rejections.len();
        let taken = self.run.len() as u64;
        if taken > 0 {
            let mut envelopes = self.run.envelopes(text, &mut self.rejections);
            let work = alive(&mut self.stdout, self.provider.write(&mut envelopes));
            tokio::select! {
                biased;
                () = self.stop.stopped() => return Err(Failure::Stopped),
                written = work => written??,
            }
        }
        let rejected = self.rejections.take()?;
        let by_provider = (rejected.len() - malformed) as u64;
        let Some(written) = taken.checked_sub(by_provider) else {
            return Err(Error::permanent(format!(
                "{by_provider} rejections of {taken} envelopes: this is a fault of the provider"
            ))
            .into());
        };
        self.pending.wrote(written, rejected.len() as u64, self.run.bytes());
        self.run.clear();
        self.tell(rejected)
    }

    /// Sends what was printed, and the rejections; a transactional output stores those first.
    fn tell(&mut self, rejected: Vec<dstream_protocol::Rejected>) -> Result<(), Failure> {
        self.console.drain_into(&mut self.out);
        if self.transactional {
            self.pending.keep(rejected);
        } else {
            for one in rejected {
                self.out.extend_from_slice(Control::Rejected(one).to_line().as_bytes());
            }
        }
        self.flush()
    }
}
