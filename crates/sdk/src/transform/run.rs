//! The loop of a transform: what comes in goes out changed, control lines in their place.

use dstream_protocol::{Account, Checkpoint, Control, Ready};

use super::{Emit, TransformProvider, TransformStart};
use crate::lines::{Kind, Lines};
use crate::output::read_control;
use crate::rejections::Rejections;
use crate::runs::{Checked, Run};
use crate::session::{Failure, Session, alive};
use crate::stdio::{HEARTBEAT, Source, Stdout};
use crate::stop::Stop;
use crate::{Error, Result};

/// How much is read, if it is there, before it goes on.
const READ_AHEAD_BYTES: usize = 1 << 20;

/// Runs a transform from its command to its end.
pub(crate) async fn run<P: TransformProvider>(
    mut session: Session,
    config: P::Config,
) -> Result<(), Failure> {
    let start = start(&session);
    let provider = alive(&mut session.stdout, P::open(config, start)).await??;
    session.ready(Ready::default())?;
    let (limit, rejections) = (session.max_line_bytes(), session.rejections());
    let Session { v2, stdin, stdout, stop, .. } = session;
    let (source, rest) = Source::new(stdin);
    let lines = Lines::new(rest, v2, limit);
    let emit = Emit::new(limit);
    let run = Run::default();
    Running { provider, source, lines, run, rejections, emit, stdout, stop, v2 }.run().await
}

fn start(session: &Session) -> TransformStart {
    let command = &session.command;
    TransformStart {
        task: command.task.clone(),
        task_id: command.task_id.clone(),
        name: command.name.clone(),
        dead_letter: command.dead_letter && session.v2,
        max_line_bytes: session.max_line_bytes(),
    }
}

struct Running<P> {
    provider: P,
    source: Source,
    lines: Lines,
    run: Run,
    rejections: Rejections,
    emit: Emit,
    stdout: Stdout,
    stop: Stop,
    v2: bool,
}

impl<P: TransformProvider> Running<P> {
    async fn run(&mut self) -> Result<(), Failure> {
        let mut more = true;
        loop {
            self.lines.scan()?;
            let ended = self.deliver(self.lines.whole()).await?;
            if !more && !self.v2 {
                self.flush().await?;
            }
            self.stdout.send(&self.emit.out)?;
            self.emit.out.clear();
            if ended || (!more && !self.v2) {
                return Ok(());
            }
            if !more {
                return Err(Failure::Stopped);
            }
            more = self.wait().await?;
        }
    }

    /// Waits for bytes and takes what is there; `false` at the end of stdin.
    async fn wait(&mut self) -> Result<bool, Failure> {
        let mut read = loop {
            tokio::select! {
                biased;
                () = self.stop.stopped() => return Err(Failure::Stopped),
                read = self.source.read(&mut self.lines.text) => break read.map_err(Error::from)?,
                () = tokio::time::sleep(HEARTBEAT) => self.stdout.heartbeat()?,
            }
        };
        let mut total = 0;
        while read > 0 {
            total += read;
            if total >= READ_AHEAD_BYTES {
                return Ok(true);
            }
            match self.source.try_read(&mut self.lines.text).map_err(Error::from)? {
                Some(more) => read = more,
                None => return Ok(true),
            }
        }
        if !self.v2 {
            self.lines.complete_last();
        }
        Ok(false)
    }

    /// Transforms everything before `to`. Answers whether the stream ended there.
    async fn deliver(&mut self, to: usize) -> Result<bool, Failure> {
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
                Kind::Checkpoint | Kind::Schema | Kind::End | Kind::Claim => {
                    ended |= self.control(read_control(line)?).await?;
                }
                // Saved: nothing here is kept for that.
                Kind::Committed | Kind::Other => {}
            }
        }
        self.collect(whole, at, to, &checked).await?;
        self.lines.text = text;
        self.lines.consume(to);
        Ok(ended)
    }

    /// Hands lines to the provider, in runs.
    async fn collect(
        &mut self,
        text: &str,
        mut at: usize,
        to: usize,
        checked: &Checked,
    ) -> Result<(), Failure> {
        while at < to {
            let (next, lines) = self.run.fill(text, at, to, checked, &mut self.rejections)?;
            self.emit.account.taken += lines;
            at = next;
            if self.run.len() > 0 {
                let mut envelopes = self.run.envelopes(text, &mut self.rejections);
                let work = self.provider.transform(&mut envelopes, &mut self.emit);
                tokio::select! {
                    biased;
                    () = self.stop.stopped() => return Err(Failure::Stopped),
                    done = alive(&mut self.stdout, work) => done??,
                }
                self.run.clear();
            }
            self.take_rejections()?;
        }
        Ok(())
    }

    /// A control line: handed on behind everything derived from what came before it.
    async fn control(&mut self, control: Control) -> Result<bool, Failure> {
        match control {
            Control::Checkpoint(checkpoint) => self.checkpoint(checkpoint).await.map(|()| false),
            Control::Schema(schema) => {
                let work = self.provider.schema(&schema, &mut self.emit);
                alive(&mut self.stdout, work).await??;
                Ok(false)
            }
            Control::End(_) => {
                self.flush().await?;
                self.emit.control(&Control::end());
                Ok(true)
            }
            other => {
                self.emit.control(&other);
                Ok(false)
            }
        }
    }

    async fn checkpoint(&mut self, checkpoint: Checkpoint) -> Result<(), Failure> {
        self.flush().await?;
        let account = std::mem::take(&mut self.emit.account);
        let Account { taken, out, filtered, rejected } = account;
        if !P::DELIVERY.reshapes && taken != out + filtered + rejected {
            return Err(Failure::Error(Error::permanent(format!(
                "of {taken} envelopes the transform handed on {out}, filtered {filtered} and \
                 rejected {rejected}: this is a fault of the provider, nothing was committed"
            ))));
        }
        let checkpoint = Checkpoint { account: Some(account), ..checkpoint };
        self.emit.control(&Control::Checkpoint(checkpoint));
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        alive(&mut self.stdout, self.provider.flush(&mut self.emit)).await??;
        Ok(())
    }

    fn take_rejections(&mut self) -> Result<()> {
        for rejected in self.rejections.take()? {
            self.emit.account.rejected += 1;
            self.emit.control(&Control::Rejected(rejected));
        }
        Ok(())
    }
}
