//! A round: all changes of some transactions, of all tables, in the order of their commits.

use std::sync::Arc;

use dstream_cdc::Announced;
use dstream_mssql::Session;
use dstream_mssql::tiberius::QueryItem;
use dstream_sdk::{Batch, Result};

use crate::catalog::cell;
use crate::lsn::Lsn;
use crate::pool::Pool;
use crate::source::Source;
use crate::state::State;
use crate::times::Times;

/// A checkpoint is offered at the first transaction's end after so many rows.
const ROWS_PER_OFFER: usize = 200;

/// What the log has beyond a place.
#[derive(Debug)]
pub(crate) struct Bound {
    /// The newest commit that is captured; `None`: there is none yet.
    pub(crate) newest: Option<Lsn>,
    /// The last commit of the round.
    pub(crate) upto: Lsn,
    /// The round's transactions.
    pub(crate) times: Arc<Times>,
}

impl Bound {
    /// Looks for at most so many transactions behind a place.
    pub(crate) async fn find(session: &mut Session, behind: Lsn, most: usize) -> Result<Self> {
        // The server's clock shows its own time zone.
        let sql = format!(
            "DECLARE @newest binary(10) = sys.fn_cdc_get_max_lsn(), @zone int = DATEDIFF(minute, GETDATE(), GETUTCDATE()); \
             SELECT @newest; \
             SELECT TOP ({most}) start_lsn, DATEADD(minute, @zone, tran_end_time) FROM cdc.lsn_time_mapping \
             WHERE start_lsn > {} AND start_lsn <= @newest AND tran_id <> 0x00 ORDER BY start_lsn",
            behind.sql()
        );
        let (mut newest, mut times) = (None, Times::default());
        session
            .each(&sql, |item| {
                let QueryItem::Row(row) = item else { return Ok(()) };
                let lsn = cell(&row, 0).and_then(Lsn::of);
                match (lsn, cell(&row, 1)) {
                    (Some(lsn), Some(time)) => times.push(lsn, time),
                    (lsn, _) => newest = lsn,
                }
                Ok(())
            })
            .await?;
        // Fewer than asked for: that was all, and the idle rows behind the last one count too.
        let upto = if times.len() < most { newest } else { times.last() };
        Ok(Self { newest, upto: upto.unwrap_or(behind), times: Arc::new(times) })
    }
}

/// What is being handed on of a round.
#[derive(Debug)]
pub(crate) struct Round {
    /// The tables that take part, by their place in the list.
    members: Vec<usize>,
    /// The commit that is being handed on, and whose changes.
    current: Option<Lsn>,
    touched: Vec<usize>,
    rows: usize,
}

impl Round {
    pub(crate) fn begin(
        sources: &mut [Source],
        members: Vec<usize>,
        pool: &Pool,
        bound: &Bound,
    ) -> Self {
        for member in &members {
            sources[*member].sizing.share(members.len());
            sources[*member].begin(pool, bound.upto, &bound.times);
        }
        Self { members, current: None, touched: Vec::new(), rows: 0 }
    }

    /// Hands on until the batch is full; `true`: the round is over.
    pub(crate) async fn read(
        &mut self,
        sources: &mut [Source],
        pool: &Pool,
        announced: &mut Announced,
        batch: &mut Batch<State>,
    ) -> Result<bool> {
        loop {
            for member in &self.members {
                sources[*member].fill(pool).await?;
            }
            // By commit, then by record: transactions come out whole, their changes in order.
            let place = |at: usize| sources[at].head().map(|place| (place.commit, place.seq));
            let mut heads: Vec<_> =
                self.members.iter().filter_map(|at| place(*at).map(|place| (place, *at))).collect();
            heads.sort_unstable();
            let Some((_, first)) = heads.first().copied() else {
                self.end(sources, batch)?;
                return Ok(true);
            };
            let limit = heads.get(1).map(|(place, _)| *place);
            let source = &mut sources[first];
            announced.announce(&source.instance().stream, batch)?;
            // Up to where another table's change comes.
            while let Some(head) = source.head() {
                if limit.is_some_and(|limit| (head.commit, head.seq) > limit) {
                    break;
                }
                if self.current != Some(head.commit) {
                    if batch.is_full() || self.rows >= ROWS_PER_OFFER {
                        break;
                    }
                    self.current = Some(head.commit);
                }
                let Some((_, line)) = source.take() else { break };
                batch.line(|out| out.extend_from_slice(line))?;
                self.rows += 1;
                if self.touched.last() != Some(&first) {
                    self.touched.push(first);
                }
            }
            self.offer_between(sources, batch)?;
            if batch.is_full() {
                return Ok(false);
            }
        }
    }

    /// Offers a checkpoint, where the next change belongs to another transaction.
    fn offer_between(&mut self, sources: &mut [Source], batch: &mut Batch<State>) -> Result<()> {
        let Some(current) = self.current else { return Ok(()) };
        let open = |at: &usize| {
            let source = &sources[*at];
            // Not known yet: it may go on.
            source.head().map_or(source.is_open(), |head| head.commit == current)
        };
        if self.rows == 0 || self.members.iter().any(open) {
            return Ok(());
        }
        (self.rows, self.current) = (0, None);
        self.touched.sort_unstable();
        self.touched.dedup();
        for at in &self.touched {
            sources[*at].reached(current);
        }
        let states = self.touched.iter().map(|at| (sources[*at].stream(), &sources[*at].state));
        batch.checkpoint_parts(states)?;
        self.touched.clear();
        Ok(())
    }

    /// All tables have come as far as the round, those too in which nothing changed: otherwise they
    /// would fall behind what is kept.
    fn end(&mut self, sources: &mut [Source], batch: &mut Batch<State>) -> Result<()> {
        for at in &self.members {
            let upto = sources[*at].upto();
            sources[*at].reached(upto);
        }
        let states = self.members.iter().map(|at| (sources[*at].stream(), &sources[*at].state));
        batch.checkpoint_parts(states)
    }
}
