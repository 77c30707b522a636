//! Requests: a batch, a call, a transaction manager's request, the rows of a bulk load.

use std::sync::atomic::Ordering;

use super::Session;
use crate::error::SqlError;
use crate::sql::syntax::Name;
use crate::store::Isolation;
use crate::tds::{Parameter, Request, TransactionRequest};
use crate::value::Value;

/// Why a batch ends before its end.
pub(crate) enum Halt {
    /// To be handled by a CATCH, or reported.
    Raised(SqlError),
    /// Reported already.
    Ended,
    Cancelled,
    /// The connection ends here, with what was written.
    Close,
    /// The connection is cut off: no answer, as when a network fails.
    Cut,
}

impl From<SqlError> for Halt {
    fn from(error: SqlError) -> Self {
        if error.is_cancelled() { Self::Cancelled } else { Self::Raised(error) }
    }
}

impl Session {
    /// Does what is asked for, and writes the whole response.
    pub(crate) fn serve(&mut self, request: Request) {
        self.tokens.in_procedure = false;
        self.core.seen.borrow().busy.store(true, Ordering::Relaxed);
        let done = match request {
            Request::Batch(text) => self.run_batch(&text),
            Request::Call { name, parameters } => self.call(&name, parameters),
            Request::Transaction(what) => self.transaction_request(what),
            Request::Bulk(body) => self.bulk_rows(&body),
        };
        // Before the client hears of it: it may ask at once.
        self.rests();
        match done {
            Ok(()) | Err(Halt::Ended) => self.tokens.end(false),
            Err(Halt::Raised(error)) => {
                self.report(&error);
                self.tokens.end(false);
            }
            Err(Halt::Cancelled) => {
                self.server().counters.attention();
                if self.core.xact_abort.get()
                    || self.transaction.as_ref().is_some_and(|t| !t.explicit)
                {
                    self.abandon();
                }
                self.tokens.end(true);
            }
            Err(Halt::Cut) => {
                self.abandon();
                self.ended = true;
                self.tokens.cut();
            }
            Err(Halt::Close) => {
                self.abandon();
                self.ended = true;
                self.tokens.close();
            }
        }
    }

    /// The request could not even be read.
    pub(crate) fn refuse(&mut self, error: &SqlError) {
        self.report(error);
        self.tokens.end(false);
    }

    /// ERROR and the DONE that goes with it.
    pub(super) fn report(&mut self, error: &SqlError) {
        self.core.last_error.set(error.number);
        if let Some(first) = &mut self.first_error {
            first.get_or_insert_with(|| error.clone());
        }
        self.tokens.error(error, crate::SERVER_NAME, self.line);
        self.tokens.statement_done(None, true, false);
    }

    fn transaction_request(&mut self, what: TransactionRequest) -> Result<(), Halt> {
        match what {
            TransactionRequest::Begin { isolation } => {
                self.isolation = match isolation {
                    1 => Isolation::ReadUncommitted,
                    2 => Isolation::ReadCommitted,
                    3 => Isolation::RepeatableRead,
                    4 => Isolation::Serializable,
                    5 => Isolation::Snapshot,
                    _ => self.isolation,
                };
                self.begin();
            }
            TransactionRequest::Commit => self.commit()?,
            TransactionRequest::Rollback(name) => {
                self.rollback(Some(name.as_str()).filter(|n| !n.is_empty()))?
            }
            TransactionRequest::Save(name) => self.save(&name)?,
        }
        Ok(())
    }

    fn call(&mut self, name: &str, parameters: Vec<Parameter>) -> Result<(), Halt> {
        self.tokens.in_procedure = true;
        let returned = match name.to_ascii_lowercase().as_str() {
            "sp_executesql" => self.execute_sql(parameters),
            "sp_prepare" | "sp_prepexec" => self.prepare(name, parameters),
            "sp_execute" => self.execute_prepared(parameters),
            "sp_unprepare" => Ok(0),
            _ => {
                let name = Name::parse(name)?;
                let arguments = parameters
                    .iter()
                    .map(|p| {
                        (
                            Some(p.name.clone()).filter(|n| !n.is_empty()),
                            p.column.ty,
                            p.value.clone(),
                        )
                    })
                    .collect();
                self.procedure(&name, arguments)
            }
        };
        let (status, failed) = match returned {
            Ok(status) => (status, false),
            Err(Halt::Raised(error)) => {
                self.report(&error);
                (error.number, true)
            }
            Err(Halt::Ended) => (self.core.last_error.get(), true),
            Err(other) => return Err(other),
        };
        self.tokens.in_procedure = false;
        self.tokens.procedure_done(status, failed);
        Ok(())
    }

    /// `@stmt, @params, values…`
    fn execute_sql(&mut self, parameters: Vec<Parameter>) -> Result<i32, Halt> {
        let mut parameters = parameters.into_iter();
        let text = parameters
            .next()
            .and_then(|p| p.value.as_text().map(str::to_owned))
            .unwrap_or_default();
        let declared = parameters
            .next()
            .and_then(|p| p.value.as_text().map(str::to_owned))
            .unwrap_or_default();
        let values: Vec<Parameter> = parameters.collect();
        self.with_parameters(&text, &declared, values)
    }

    /// Runs a text with its own variables.
    pub(super) fn with_parameters(
        &mut self,
        text: &str,
        declared: &str,
        values: Vec<Parameter>,
    ) -> Result<i32, Halt> {
        let mut variables = super::calls::declared_parameters(declared)?;
        for (i, given) in values.iter().enumerate() {
            let named = given.name.to_lowercase();
            let at = if named.is_empty() {
                Some(i)
            } else {
                variables.iter().position(|(name, ..)| *name == named)
            };
            let Some((_, ty, value)) = at.and_then(|at| variables.get_mut(at)) else {
                return Err(SqlError::new(
                    8145,
                    format!("{} is not a parameter for procedure sp_executesql.", given.name),
                )
                .into());
            };
            *value = crate::value::convert(given.value.clone(), given.column.ty, *ty)?;
        }
        let outer = self
            .core
            .variables
            .replace(variables.into_iter().map(|(name, ty, value)| (name, (ty, value))).collect());
        let done = self.run_batch(text);
        let inner = self.core.variables.replace(outer);
        done?;
        for (ordinal, given) in values.iter().enumerate().filter(|(_, p)| p.output) {
            let value = inner.get(&given.name.to_lowercase()).map_or(Value::Null, |(ty, value)| {
                crate::value::convert(value.clone(), *ty, given.column.ty).unwrap_or(Value::Null)
            });
            self.tokens.return_value(ordinal as u16 + 2, &given.name, given.column, &value);
        }
        Ok(0)
    }

    /// `sp_prepare @handle OUT, @params, @stmt, @options`, `sp_prepexec @handle OUT, @params, @stmt, values…`
    fn prepare(&mut self, name: &str, parameters: Vec<Parameter>) -> Result<i32, Halt> {
        let text = |i: usize| {
            parameters.get(i).and_then(|p| p.value.as_text()).unwrap_or_default().to_owned()
        };
        let (declared, statement) = (text(1), text(2));
        let handle = self.next_handle;
        self.next_handle += 1;
        self.prepared.insert(handle, (statement.clone(), declared.clone()));
        let status = if name.eq_ignore_ascii_case("sp_prepexec") {
            self.with_parameters(
                &statement,
                &declared,
                parameters[3.min(parameters.len())..].to_vec(),
            )?
        } else {
            0
        };
        if let Some(first) = parameters.first() {
            self.tokens.return_value(0, &first.name, first.column, &Value::Int(handle));
        }
        Ok(status)
    }

    fn execute_prepared(&mut self, parameters: Vec<Parameter>) -> Result<i32, Halt> {
        let handle = parameters.first().and_then(|p| p.value.as_int()).unwrap_or(0);
        let Some((text, declared)) = self.prepared.get(&handle).cloned() else {
            return Err(SqlError::new(
                8179,
                format!("Could not find prepared statement with handle {handle}."),
            )
            .into());
        };
        self.with_parameters(&text, &declared, parameters[1..].to_vec())
    }
}
