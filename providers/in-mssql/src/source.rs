//! One table: its instances, how far it was read, the page that is being handed on.

use std::sync::Arc;

use dstream_sdk::{Result, tracing};
use tokio::sync::oneshot;

use crate::ask::{After, Ask};
use crate::change::Place;
use crate::explain;
use crate::instance::Instance;
use crate::key;
use crate::lsn::Lsn;
use crate::page::Page;
use crate::pool::{Pool, answer};
use crate::sizing::Sizing;
use crate::state::State;
use crate::times::Times;
use crate::whole::Whole;

/// A table that is read.
#[derive(Debug)]
pub(crate) struct Source {
    /// The capture instance that is read now, and the one that follows it when the table was
    /// changed.
    pub(crate) instances: Vec<Arc<Instance>>,
    pub(crate) state: State,
    pub(crate) sizing: Sizing,
    /// The lease under which it is read.
    pub(crate) epoch: Option<u64>,
    /// Another instance is to have it.
    pub(crate) leaving: bool,
    /// Whether the config says how to go on where changes were lost; who begins anew does.
    pub(crate) resolves_loss: bool,
    /// The reading of its rows, where it has no key.
    pub(crate) whole: Option<Whole>,
    page: Page,
    /// The next line of the page.
    at: usize,
    coming: Option<oneshot::Receiver<Result<(Page, Lsn)>>>,
    /// The round's last commit; of the instance that is read now.
    upto: Lsn,
    times: Arc<Times>,
}

impl Source {
    pub(crate) fn new(instances: Vec<Arc<Instance>>, state: State, sizing: Sizing) -> Self {
        let (page, at, coming, upto) = (Page::default(), 0, None, Lsn::ZERO);
        let (epoch, leaving, resolves_loss) = (None, false, false);
        let times = Arc::default();
        Self {
            instances,
            state,
            sizing,
            epoch,
            leaving,
            resolves_loss,
            whole: None,
            page,
            at,
            coming,
            upto,
            times,
        }
    }

    pub(crate) fn instance(&self) -> &Arc<Instance> {
        &self.instances[0]
    }

    /// Whether its rows can be read in pieces, each from where the last one ended.
    pub(crate) fn has_key(&self) -> bool {
        !key::order(self.instance()).is_empty()
    }

    pub(crate) fn stream(&self) -> &str {
        self.instances[0].stream()
    }

    /// Where the instance that is read now ends: before the first change of the next one.
    fn end(&self, upto: Lsn) -> Lsn {
        let next = self.instances.get(1).and_then(|next| next.start);
        next.map_or(upto, |start| upto.min(start.before()))
    }

    /// Goes over to the next instance, where everything of the one before is out.
    pub(crate) fn advance_instance(&mut self) -> bool {
        let start = self.instances.get(1).and_then(|next| next.start);
        let over = start.is_some_and(|start| self.state.lsn >= start.before());
        if over {
            tracing::info!(
                stream = self.stream(),
                from = self.instances[0].name,
                to = self.instances[1].name,
                "the table was changed: from here on its new columns"
            );
            self.instances.remove(0);
        }
        over
    }

    /// Begins a round: asks for the first page.
    pub(crate) fn begin(&mut self, pool: &Pool, upto: Lsn, times: &Arc<Times>) {
        self.upto = self.end(upto);
        self.times = times.clone();
        (self.page, self.at, self.coming) = (Page::default(), 0, None);
        if self.state.lsn >= self.upto && self.state.seq.is_none() {
            return;
        }
        let after = match self.state.seq {
            Some(seq) => After::Record(self.state.lsn, seq),
            None => After::Commit(self.state.lsn),
        };
        self.ask(pool, after);
    }

    fn ask(&mut self, pool: &Pool, after: After) {
        let (instance, rows) = (self.instance().clone(), self.sizing.rows());
        let bytes = self.sizing.bytes();
        let (times, epoch) = (self.times.clone(), self.epoch);
        let ask = Ask { instance, after, upto: self.upto, rows, bytes, times, epoch };
        self.coming = Some(pool.ask(ask));
    }

    /// Sees to it that the next line is there, where there is one.
    pub(crate) async fn fill(&mut self, pool: &Pool) -> Result<()> {
        while self.at >= self.page.lines.len() {
            let Some(coming) = self.coming.take() else {
                // Nobody needs its memory until more comes.
                (self.page, self.at) = (Page::default(), 0);
                return Ok(());
            };
            let (page, oldest) = answer(coming).await?;
            self.check_lost(oldest)?;
            self.sizing.measured(page.rows, page.bytes.len());
            (self.page, self.at) = (page, 0);
            if let Some(last) = self.page.more {
                self.ask(pool, After::Row(last));
            }
        }
        Ok(())
    }

    /// Changes that were removed while the page was read are not in it.
    fn check_lost(&self, oldest: Lsn) -> Result<()> {
        if oldest == Lsn::ZERO {
            return Err(explain::not_shown(self.instance()));
        }
        if self.is_lost(oldest) {
            let (stream, was) = (self.stream(), self.state.lsn);
            return Err(match self.resolves_loss {
                true => explain::lost_for_now(stream, was, oldest),
                false => explain::lost(stream, was, oldest),
            });
        }
        Ok(())
    }

    /// Whether changes behind the place may have been removed: the oldest that is left stands
    /// further on than right behind it. What stood between is not known any more, not even whether
    /// there was anything.
    pub(crate) fn is_lost(&self, oldest: Lsn) -> bool {
        oldest > self.state.lsn.next()
    }

    /// The place of the next line.
    pub(crate) fn head(&self) -> Option<Place> {
        self.page.lines.get(self.at).map(|(place, _)| *place)
    }

    /// The next line, and on to the one behind it.
    pub(crate) fn take(&mut self) -> Option<(Place, &[u8])> {
        let start = match self.at {
            0 => 0,
            at => self.page.lines[at - 1].1,
        };
        let (place, end) = *self.page.lines.get(self.at)?;
        self.at += 1;
        Some((place, &self.page.bytes[start..end]))
    }

    /// Whether the round has more of it, now or coming.
    pub(crate) fn is_open(&self) -> bool {
        self.at < self.page.lines.len() || self.coming.is_some()
    }

    /// Everything up to and with this commit is out.
    pub(crate) fn reached(&mut self, commit: Lsn) {
        if commit > self.state.lsn || self.state.seq.is_some() {
            self.state = State::at(commit);
        }
    }

    /// The round's last commit, of the instance that was read in it.
    pub(crate) fn upto(&self) -> Lsn {
        self.upto
    }
}
