//! Connections on a thread of their own: while one page is sent on, the next ones are read.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;

use dstream_mssql::{Connection, Session};
use dstream_sdk::{Error, Result};
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::ask::Ask;
use crate::lsn::Lsn;
use crate::page::Page;

type Answer = Result<(Page, Lsn)>;
type Job = (Ask, oneshot::Sender<Answer>);

/// Connections that read pages.
#[derive(Debug)]
pub(crate) struct Pool {
    jobs: Option<mpsc::UnboundedSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Pool {
    /// Connects when there is work.
    pub(crate) fn start(connection: &Connection, size: usize) -> Result<Self> {
        let cannot =
            |error: std::io::Error| Error::transient(format!("cannot start reading: {error}"));
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
        let (jobs, inbox) = mpsc::unbounded_channel::<Job>();
        let connection = connection.clone();
        let thread = std::thread::Builder::new().name("pages".into());
        let thread = thread.spawn(move || {
            runtime.block_on(async move {
                let inbox = Arc::new(Mutex::new(inbox));
                let workers: VecDeque<_> = (0..size)
                    .map(|_| tokio::spawn(work(connection.clone(), inbox.clone())))
                    .collect();
                for worker in workers {
                    // One that panicked has dropped its job, which is an error for who asked.
                    worker.await.unwrap_or_default();
                }
            });
        });
        Ok(Self { jobs: Some(jobs), thread: Some(thread.map_err(cannot)?) })
    }

    /// Asks for a page.
    pub(crate) fn ask(&self, ask: Ask) -> oneshot::Receiver<Answer> {
        let (answer, asked) = oneshot::channel();
        if let Some(jobs) = &self.jobs {
            // A pool that is gone drops the answer.
            jobs.send((ask, answer)).unwrap_or_default();
        }
        asked
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        drop(self.jobs.take());
        // What is being read is of no use to anybody: the process does not wait for it.
        drop(self.thread.take());
    }
}

async fn work(connection: Connection, inbox: Arc<Mutex<mpsc::UnboundedReceiver<Job>>>) {
    let mut session: Option<Session> = None;
    loop {
        let job = inbox.lock().await.recv().await;
        let Some((ask, answer)) = job else { return };
        let read = read(&connection, &mut session, &ask).await;
        if session.as_ref().is_some_and(|session| !session.is_usable()) {
            session = None;
        }
        // Nobody waits any more.
        answer.send(read).map(drop).unwrap_or_default();
    }
}

async fn read(connection: &Connection, session: &mut Option<Session>, ask: &Ask) -> Answer {
    let session = match session {
        Some(session) => session,
        none => none.insert(Session::connect(connection).await?),
    };
    Page::read(session, ask).await
}

/// The answer, once it is there.
pub(crate) async fn answer(asked: oneshot::Receiver<Answer>) -> Answer {
    asked.await.unwrap_or_else(|_| Err(Error::transient("the reading of a page was given up")))
}
