//! The connection that replicates, on a thread of its own: however long the host does not take what
//! is read, the server hears that we live, and what it may forget.

use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use dstream_postgres::{Message, Target, Wire};
use dstream_sdk::Error;
use tokio::sync::{mpsc, watch};

use crate::lsn::Lsn;

/// How many pieces may wait: with 256 KiB each, a few milliseconds of work.
const WAITING: usize = 4;

/// How often the server hears of us; it gives up after `wal_sender_timeout`, 60 s by default.
const STATUS_INTERVAL: Duration = Duration::from_secs(10);

/// With this, so often that the end is noticed soon.
const EAGER_INTERVAL: Duration = Duration::from_millis(100);

/// The server sends every message by itself, and waking a reader for each costs both sides more than
/// the message. Under load, what comes within this time is read at once.
const GATHERING: Duration = Duration::from_millis(1);

/// Load: so many bytes within that time. With more the socket would be full before it is over.
const LOADED: std::ops::Range<usize> = 2 * 1024..64 * 1024;

/// Whole messages of the server, as they came.
pub(crate) type Chunk = Result<Vec<u8>, dstream_postgres::Error>;

/// What to replicate.
#[derive(Debug, Clone)]
pub(crate) struct Replication {
    pub(crate) target: Target,
    /// `START_REPLICATION …`
    pub(crate) statement: String,
    pub(crate) start: Lsn,
    /// Ask often how far the server is.
    pub(crate) eager: bool,
}

/// The thread, and the ways to it.
#[derive(Debug)]
pub(crate) struct Feed {
    chunks: mpsc::Receiver<Chunk>,
    confirmed: watch::Sender<Lsn>,
    thread: Option<JoinHandle<()>>,
}

impl Feed {
    /// Starts; an error comes as the first chunk.
    pub(crate) fn start(replication: Replication) -> Result<Self, Error> {
        let (sender, chunks) = mpsc::channel(WAITING);
        let (confirmed, told) = watch::channel(Lsn(0));
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => runtime.block_on(Reader::run(&replication, &sender, told)),
                Err(error) => sender.blocking_send(Err(error.into())).unwrap_or_default(),
            }
        };
        let thread = std::thread::Builder::new().name("replication".into()).spawn(run)?;
        Ok(Self { chunks, confirmed, thread: Some(thread) })
    }

    /// The next piece. Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Chunk {
        let gone = || dstream_postgres::Error::Lost("the thread that replicates has ended".into());
        self.chunks.recv().await.unwrap_or_else(|| Err(gone()))
    }

    /// A piece that is here already.
    pub(crate) fn try_next(&mut self) -> Option<Chunk> {
        self.chunks.try_recv().ok()
    }

    /// Everything before this is saved: the server may forget it.
    pub(crate) fn confirm(&self, lsn: Lsn) {
        self.confirmed.send_if_modified(|told| {
            let news = lsn > *told;
            *told = lsn.max(*told);
            news
        });
    }

    /// Tells the server the last that was confirmed, and ends.
    pub(crate) fn close(mut self) {
        let thread = self.thread.take();
        drop(self);
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::warn!("the thread that replicates panicked");
        }
    }
}

/// How much came lately.
struct Pace {
    since: Instant,
    bytes: usize,
}

impl Pace {
    /// Notes what was read.
    fn is_loaded(&mut self, read: usize) -> bool {
        if self.since.elapsed() > GATHERING {
            *self = Self { since: Instant::now(), bytes: 0 };
        }
        self.bytes += read;
        LOADED.contains(&self.bytes)
    }
}

/// The thread's side.
struct Reader<'s> {
    wire: Wire,
    sender: &'s mpsc::Sender<Chunk>,
    confirmed: watch::Receiver<Lsn>,
    /// The end of what came.
    received: Lsn,
}

impl Reader<'_> {
    async fn run(
        replication: &Replication,
        sender: &mpsc::Sender<Chunk>,
        confirmed: watch::Receiver<Lsn>,
    ) {
        let ended = async {
            let mut wire = Wire::connect_replication(&replication.target).await?;
            wire.begin_copy(&replication.statement).await?;
            let mut reader = Reader { wire, sender, confirmed, received: replication.start };
            reader.relay(replication.eager).await
        };
        if let Err(error) = ended.await {
            // Nobody listens any more where the input has ended.
            sender.send(Err(error)).await.unwrap_or_default();
        }
    }

    /// Until the other side is gone.
    async fn relay(&mut self, eager: bool) -> Result<(), dstream_postgres::Error> {
        let mut tick = tokio::time::interval(if eager { EAGER_INTERVAL } else { STATUS_INTERVAL });
        let (mut place, mut pace) = (None, Pace { since: Instant::now(), bytes: 0 });
        loop {
            tokio::select! {
                reserved = self.sender.reserve(), if place.is_none() => match reserved {
                    Ok(reserved) => place = Some(reserved),
                    Err(_) => return self.status(false).await,
                },
                filled = self.wire.fill(), if place.is_some() => {
                    filled?;
                    let mut chunk = Vec::new();
                    self.wire.take_buffered(&mut chunk);
                    let asked = self.look_at(&chunk)?;
                    let loaded = pace.is_loaded(chunk.len());
                    if let Some(place) = place.take_if(|_| !chunk.is_empty()) {
                        place.send(Ok(chunk));
                    }
                    if asked {
                        self.status(false).await?;
                    }
                    if loaded {
                        tokio::time::sleep(GATHERING).await;
                    }
                }
                changed = self.confirmed.changed() => {
                    self.status(false).await?;
                    if changed.is_err() {
                        return Ok(());
                    }
                }
                _ = tick.tick() => self.status(eager).await?,
            }
        }
    }

    /// Notes how far the server is; says whether it asks for an answer.
    fn look_at(&mut self, chunk: &[u8]) -> Result<bool, dstream_postgres::Error> {
        let (mut rest, mut asked) = (chunk, false);
        while let Some((message, length)) = Message::first(rest)? {
            if let Message::CopyData(data) = message {
                let place = data.get(1..9).and_then(|bytes| bytes.try_into().ok());
                if let (Some(b'w' | b'k'), Some(place)) = (data.first(), place) {
                    self.received = self.received.max(Lsn(u64::from_be_bytes(place)));
                    asked |= data[0] == b'k' && data.last() == Some(&1);
                }
            }
            rest = &rest[length..];
        }
        Ok(asked)
    }

    /// "Standby status update": received, durable, applied, our clock, whether to answer.
    async fn status(&mut self, answer: bool) -> Result<(), dstream_postgres::Error> {
        let confirmed = *self.confirmed.borrow_and_update();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let since_2000 = now.saturating_sub(Duration::from_secs(946_684_800)).as_micros();
        let mut message = vec![b'r'];
        message.extend_from_slice(&self.received.max(confirmed).0.to_be_bytes());
        message.extend_from_slice(&confirmed.0.to_be_bytes());
        message.extend_from_slice(&confirmed.0.to_be_bytes());
        message.extend_from_slice(&u64::try_from(since_2000).unwrap_or(0).to_be_bytes());
        message.push(u8::from(answer));
        self.wire.send_copy_data(&message).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_small_messages_at_once_are_a_load_and_a_few_or_a_flood_are_not() {
        let mut pace = Pace { since: Instant::now() + Duration::from_secs(60), bytes: 0 };
        assert!(!pace.is_loaded(100), "one message is handed on without delay");
        assert!((0..30).any(|_| pace.is_loaded(100)));
        assert!(!pace.is_loaded(64 * 1024), "the socket would be full");
        pace.since = Instant::now() - Duration::from_secs(1);
        assert!(!pace.is_loaded(100), "what came long ago does not count");
    }
}
