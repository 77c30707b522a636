//! Follows the log, and goes back to read tables that came, or were emptied, meanwhile.

use dstream_cdc::Until;
use dstream_postgres::quote;
use dstream_sdk::{Batch, Next, Result};

use super::{Phase, PostgresInput};
use crate::config::Snapshot as When;
use crate::log_end::committed_end;
use crate::plan::Plan;
use crate::setup::{server, slot};
use crate::start;
use crate::state::{State, StreamState};
use crate::stream::{self, Feed, Following, Replication, Stream};

impl PostgresInput {
    /// Hands on what the log has; goes back to the rows where those of a table are to be read.
    pub(super) async fn follow(
        &mut self,
        mut stream: Box<Stream>,
        batch: &mut Batch<State>,
    ) -> Result<Next> {
        let read = stream.read(batch).await;
        if read.is_ok() && stream.must_reread() && !batch.is_stopping() {
            self.phase = self.reread(*stream).await?;
            return Ok(Next::More);
        }
        self.watch.look(&mut stream).await;
        if matches!(read, Ok(Next::More))
            && !batch.is_stopping()
            && stream.is_between()
            && self.watch.finds_tables(&mut stream).await
        {
            self.phase = self.reread(*stream).await?;
            return Ok(Next::More);
        }
        self.phase = Phase::Stream(stream);
        read
    }

    pub(super) async fn stream(&mut self, plan: Plan) -> Result<Phase> {
        let Plan { state, handoff, .. } = plan;
        let mut catalog = match self.catalog.take() {
            Some(catalog) => catalog,
            None => server::connect(&self.target).await?,
        };
        let until = match self.config.until {
            Until::Stopped => None,
            Until::CaughtUp => Some(committed_end(&mut catalog).await?),
        };
        let spool = stream::spool_folder(&self.config)?;
        let replication = Replication {
            target: self.target.clone(),
            statement: self.statement(&state, spool.is_some()),
            start: state.lsn,
            eager: until.is_some(),
        };
        let feed = Feed::start(replication)?;
        feed.confirm(self.confirmed);
        let announced = std::mem::take(&mut self.announced);
        let following = Following {
            heartbeat: *self.config.heartbeat_interval,
            until,
            spool_folder: spool.unwrap_or_default(),
            read_new_tables: self.config.snapshot != When::Never,
        };
        let stream = Stream::new(feed, catalog, state, handoff, announced, following);
        Ok(Phase::Stream(Box::new(stream)))
    }

    /// Tables are read, in a snapshot of their own, and the stream goes on behind that.
    async fn reread(&mut self, stream: Stream) -> Result<Phase> {
        let (state, handoff, announced) = stream.into_tables();
        self.announced = announced;
        let mut catalog = server::connect(&self.target).await?;
        slot::look_when_free(&mut catalog, &self.slot).await?;
        let plan = start::reread(&mut catalog, self, state, handoff).await?;
        self.catalog = Some(catalog);
        self.begin(plan).await
    }

    fn statement(&self, state: &StreamState, streaming: bool) -> String {
        let publications = quote::literal(&quote::name(&self.publication));
        let messages = if self.config.messages { ", messages 'true'" } else { "" };
        let version = if streaming { "'2', streaming 'on'" } else { "'1'" };
        format!(
            "START_REPLICATION SLOT {} LOGICAL {} (proto_version {version}, publication_names {publications}{messages})",
            quote::name(&self.slot),
            state.lsn
        )
    }
}
