//! A session: what a client's requests find and leave behind. It lives on a thread of its own.

mod batch;
mod bulk;
mod calls;
mod context;
mod login;
mod properties;
mod requests;
mod settings;
mod transactions;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

pub(crate) use context::{Context, Found};
pub(crate) use requests::Halt;

use crate::error::{Result, SqlError};
use crate::server::Server;
use crate::sessions::{Now, Seen};
use crate::sql::syntax::Name;
use crate::store::{Isolation, Transaction};
use crate::tds::Tokens;
use crate::value::{Clock7, SqlType, Value};

/// What expressions may read.
pub(crate) struct Core {
    pub server: Arc<Server>,
    pub spid: u64,
    pub login: String,
    pub host: String,
    pub application: String,
    pub database: RefCell<String>,
    pub variables: RefCell<HashMap<String, (SqlType, Value)>>,
    pub row_count: Cell<i64>,
    pub last_error: Cell<i32>,
    /// The error that the CATCH block handles.
    pub error: RefCell<Option<SqlError>>,
    pub identity: Cell<Option<i64>>,
    pub depth: Cell<u32>,
    pub doomed: Cell<bool>,
    pub lock_timeout: Cell<i64>,
    pub xact_abort: Cell<bool>,
    pub statement_time: Cell<Option<Clock7>>,
    /// What others see of it.
    pub seen: RefCell<Arc<Seen>>,
}

impl Core {
    pub(crate) fn variable(&self, name: &str) -> Option<(SqlType, Value)> {
        self.variables.borrow().get(&name.to_lowercase()).cloned()
    }

    /// The same throughout a statement.
    pub(crate) fn now(&self) -> Clock7 {
        self.statement_time.get().unwrap_or_else(|| self.server.clock.now())
    }
}

/// A bulk load that was announced: the rows come with the next request.
struct PendingBulk {
    table: Name,
    columns: Vec<String>,
    keep_identity: bool,
}

pub(crate) struct Session {
    pub core: Rc<Core>,
    tokens: Tokens,
    transaction: Option<Transaction>,
    isolation: Isolation,
    no_count: bool,
    identity_insert: Option<i32>,
    bulk: Option<PendingBulk>,
    prepared: HashMap<i64, (String, String)>,
    next_handle: i64,
    line: u32,
    /// Calls within calls.
    nesting: u32,
    ended: bool,
    /// Rows that control statements and INSERT … EXEC collect instead of sending them.
    capture: Option<Vec<Vec<(SqlType, Value)>>>,
    /// The first error that was reported, where somebody wants to know.
    first_error: Option<Option<SqlError>>,
    /// TRY blocks around.
    tries: u32,
}

impl Session {
    fn new(core: Core, tokens: Tokens) -> Self {
        Self {
            core: Rc::new(core),
            tokens,
            transaction: None,
            isolation: Isolation::ReadCommitted,
            no_count: false,
            identity_insert: None,
            bulk: None,
            prepared: HashMap::new(),
            next_handle: 1,
            line: 1,
            nesting: 0,
            ended: false,
            capture: None,
            first_error: None,
            tries: 0,
        }
    }

    /// From here on others see it.
    pub(crate) fn appear(&self, kill: Arc<Notify>, cancel: Arc<AtomicBool>) {
        let (login, host) = (self.core.login.clone(), self.core.host.clone());
        let program = self.core.application.clone();
        let seen = Arc::new(Seen { login, host, program, kill, cancel, ..Seen::default() });
        self.core.seen.replace(seen.clone());
        self.rests();
        self.server().sessions.add(self.core.spid, seen);
    }

    /// A request is over.
    fn rests(&self) {
        let open = self.transaction.as_ref().filter(|t| t.explicit);
        let seen = self.core.seen.borrow();
        seen.transaction.store(open.map_or(0, |t| t.id), Ordering::Relaxed);
        seen.rests(Now {
            database: self.core.database.borrow().clone(),
            ended: self.server().clock.now(),
            open_transactions: open.map_or(0, |t| t.depth),
        });
    }

    /// Has the server ended the connection?
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    fn server(&self) -> &Arc<Server> {
        &self.core.server
    }

    /// A session of `sa` whose results go nowhere but into `capture`.
    pub(crate) fn internal(server: Arc<Server>, database: &str) -> Self {
        Self::new(
            Core::new(server, "sa".into(), database.into(), "control".into()),
            Tokens::nowhere(),
        )
    }

    /// Executes and collects rows: the control surface's way.
    ///
    /// # Errors
    /// The first error of the batch.
    pub(crate) fn collect(&mut self, text: &str) -> Result<Vec<Vec<(SqlType, Value)>>> {
        self.capture = Some(Vec::new());
        self.first_error = Some(None);
        let done = self.run_batch(text);
        let rows = self.capture.take().unwrap_or_default();
        let reported = self.first_error.take().flatten();
        self.abandon();
        self.tokens.buffer.clear();
        match (done, reported) {
            (Err(Halt::Raised(error)), _) | (_, Some(error)) => Err(error),
            (Err(_), None) => Err(SqlError::new(
                596,
                "Cannot continue the execution because the session is in the kill state.",
            )
            .class(21)),
            (Ok(()), None) => Ok(rows),
        }
    }
}

impl Core {
    pub(crate) fn new(
        server: Arc<Server>,
        login: String,
        database: String,
        application: String,
    ) -> Self {
        Self {
            spid: server.next(),
            server,
            login,
            host: String::new(),
            application,
            database: RefCell::new(database),
            variables: RefCell::default(),
            row_count: Cell::new(0),
            last_error: Cell::new(0),
            error: RefCell::default(),
            identity: Cell::new(None),
            depth: Cell::new(0),
            doomed: Cell::new(false),
            lock_timeout: Cell::new(-1),
            xact_abort: Cell::new(false),
            statement_time: Cell::new(None),
            seen: RefCell::default(),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.abandon();
        self.drop_temporary();
        self.server().sessions.remove(self.core.spid);
    }
}
