//! A batch: statement after statement, and what an error does to the rest.

use super::{Halt, Session};
use crate::control::What;
use crate::error::{Reach, Result, SqlError};
use crate::sql::bind::Binder;
use crate::sql::eval::{eval, shown};
use crate::sql::plan::{Env, RowRef};
use crate::sql::query::run_plan;
use crate::sql::syntax::{Kind, Statement, read_batch};
use crate::value::{SqlType as T, Value};

/// Where to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Next,
    Break,
    Continue,
    Return,
}

type Done = std::result::Result<Flow, Halt>;

impl Session {
    /// Everything from the text to the last statement's DONE.
    pub(crate) fn run_batch(&mut self, text: &str) -> std::result::Result<(), Halt> {
        self.nesting += 1;
        let done = if self.nesting > 32 {
            Err(SqlError::new(217, "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit 32).").into())
        } else {
            match read_batch(text) {
                Ok(statements) => self.list(&statements).map(drop),
                Err(error) => self.raised(error).map(drop),
            }
        };
        self.nesting -= 1;
        if self.nesting == 0 && self.core.doomed.get() && self.tries == 0 {
            self.abandon();
            self.report(&SqlError::new(3998, "Uncommittable transaction is detected at the end of the batch. The transaction is rolled back."));
        }
        done
    }

    fn list(&mut self, statements: &[Statement]) -> Done {
        for statement in statements {
            match self.one(statement)? {
                Flow::Next => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::Next)
    }

    fn one(&mut self, statement: &Statement) -> Done {
        self.line = statement.line;
        let control = matches!(
            statement.kind,
            Kind::If(..)
                | Kind::While(..)
                | Kind::Block(_)
                | Kind::Try(..)
                | Kind::Declare(_)
                | Kind::Set(..)
        );
        if !control {
            self.server().counters.statement();
            if let Some(what) = self.server().faults.hit(&statement.text()) {
                match what {
                    What::Disconnect => return Err(Halt::Cut),
                    What::Error(error) => return self.raised(error),
                }
            }
            self.sleep(self.server().faults.delay())?;
        }
        self.core.statement_time.set(Some(self.server().clock.now()));
        match self.execute(statement) {
            Ok(flow) => {
                if !control {
                    self.core.last_error.set(0);
                }
                Ok(flow)
            }
            Err(Halt::Raised(error)) => self.raised(error),
            Err(other) => Err(other),
        }
    }

    /// An error has reached the batch: a CATCH handles it, or the client is told.
    fn raised(&mut self, error: SqlError) -> Done {
        self.core.row_count.set(0);
        self.core.last_error.set(error.number);
        let user_error = error.number == 50_000;
        let reach = if self.core.xact_abort.get() && !user_error && error.class > 10 {
            Reach::Transaction
        } else {
            error.reach()
        };
        if self.tries > 0 {
            if reach == Reach::Transaction {
                self.doom();
            }
            return Err(Halt::Raised(error));
        }
        self.report(&error);
        if error.class >= 20 {
            return Err(Halt::Close);
        }
        match reach {
            Reach::Statement => Ok(Flow::Next),
            Reach::Batch => Err(Halt::Ended),
            Reach::Transaction => {
                self.abandon();
                Err(Halt::Ended)
            }
        }
    }

    /// Sleeps, but wakes up for an attention.
    pub(super) fn sleep(&self, delay: std::time::Duration) -> std::result::Result<(), Halt> {
        let until = std::time::Instant::now() + delay;
        while std::time::Instant::now() < until {
            if self.tokens.cancelled() {
                return Err(Halt::Cancelled);
            }
            std::thread::sleep(std::time::Duration::from_millis(2).min(delay));
        }
        Ok(())
    }

    fn execute(&mut self, statement: &Statement) -> Done {
        match &statement.kind {
            Kind::Block(list) => return self.list(list),
            Kind::If(condition, then, other) => {
                return if self.holds(condition)? {
                    self.one(then)
                } else if let Some(other) = other {
                    self.one(other)
                } else {
                    Ok(Flow::Next)
                };
            }
            Kind::While(condition, body) => {
                while self.holds(condition)? {
                    if self.tokens.cancelled() {
                        return Err(Halt::Cancelled);
                    }
                    match self.one(body)? {
                        Flow::Break => break,
                        Flow::Return => return Ok(Flow::Return),
                        Flow::Next | Flow::Continue => {}
                    }
                }
            }
            Kind::Try(body, handler) => return self.try_catch(body, handler),
            Kind::Break => return Ok(Flow::Break),
            Kind::Continue => return Ok(Flow::Continue),
            Kind::Return => return Ok(Flow::Return),
            Kind::Throw(arguments) => return Err(self.throw(arguments)?.into()),
            Kind::Raise(arguments) => self.raise(arguments)?,
            Kind::Print(expr) => {
                let text = self.value(expr).map(|(value, ty)| shown(&value, ty))?;
                let info = SqlError { class: 0, ..SqlError::new(0, text) };
                self.tokens.info(&info, crate::SERVER_NAME, self.line);
            }
            Kind::WaitFor(expr) => {
                let (value, ty) = self.value(expr)?;
                let Value::Time(ticks) = crate::value::convert(value, ty, T::Time(7))? else {
                    return Ok(Flow::Next);
                };
                self.sleep(std::time::Duration::from_micros(ticks as u64 / 10))?;
            }
            Kind::Select(query) => self.select(query)?,
            Kind::Insert(insert) => self.insert(insert)?,
            Kind::Update(update) => self.update(update)?,
            Kind::Delete(delete) => self.delete(delete)?,
            Kind::InsertBulk { table, columns, keep_identity } => {
                self.announce_bulk(table, columns, *keep_identity)?
            }
            Kind::Exec { result, name, arguments } => {
                self.exec(result.as_deref(), name, arguments)?
            }
            Kind::ExecText(text) => {
                let text = self.value(text).map(|(value, ty)| shown(&value, ty))?;
                let outer = self.core.variables.take();
                let done = self.run_batch(&text);
                self.core.variables.replace(outer);
                done?;
            }
            Kind::Begin => self.begin(),
            Kind::Commit => self.commit()?,
            Kind::Rollback(name) => self.rollback(name.as_deref())?,
            Kind::Save(name) => self.save(name)?,
            Kind::Declare(variables) => {
                for (name, ty, value) in variables {
                    let value = match value {
                        Some(value) => self.value_as(value, *ty)?,
                        None => Value::Null,
                    };
                    self.core.variables.borrow_mut().insert(name.to_lowercase(), (*ty, value));
                }
            }
            Kind::Set(name, value) => self.set_variable(name, value)?,
            Kind::SetOption(name, value) => self.set_option(name, value)?,
            Kind::Use(name) => self.use_database(name)?,
            Kind::Kill(number) => self.kill(number)?,
            Kind::Nothing => {}
            _ => self.define(statement)?,
        }
        Ok(Flow::Next)
    }

    /// KILL: who may not see the server's state may not end anybody.
    fn kill(&mut self, number: &sqlparser::ast::Expr) -> Result<()> {
        if !self.context()?.is_sa() {
            let text = "User does not have permission to use the KILL statement.";
            return Err(SqlError::new(6102, text).class(14));
        }
        let number = self.value_as(number, T::Int)?.as_int().unwrap_or(0);
        if number == self.core.spid as i64 {
            return Err(SqlError::new(6104, "Cannot use KILL to kill your own process."));
        }
        match u64::try_from(number).is_ok_and(|number| self.core.server.sessions.kill(number)) {
            true => Ok(()),
            false => Err(SqlError::new(
                6106,
                format!("Process ID {number} is not an active process ID."),
            )),
        }
    }

    fn try_catch(&mut self, body: &[Statement], handler: &[Statement]) -> Done {
        self.tries += 1;
        let done = self.list(body);
        self.tries -= 1;
        match done {
            Err(Halt::Raised(error)) if error.class < 20 => {
                let outer = self.core.error.replace(Some(error));
                let handled = self.list(handler);
                self.core.error.replace(outer);
                handled
            }
            other => other,
        }
    }

    /// THROW without arguments raises what is being handled once more.
    fn throw(&mut self, arguments: &[sqlparser::ast::Expr]) -> Result<SqlError> {
        let [number, message, state] = arguments else {
            return self.core.error.borrow().clone().ok_or_else(|| {
                SqlError::new(
                    10_704,
                    "To rethrow an error, a THROW statement must be used inside a CATCH block.",
                )
            });
        };
        let Value::Int(number) = self.value_as(number, T::Int)? else {
            return Err(SqlError::syntax("THROW"));
        };
        let (message, ty) = self.value(message)?;
        let Value::Int(state) = self.value_as(state, T::Int)? else {
            return Err(SqlError::syntax("THROW"));
        };
        Ok(SqlError {
            number: number as i32,
            class: 16,
            state: state as u8,
            message: shown(&message, ty),
        })
    }

    fn raise(&mut self, arguments: &[sqlparser::ast::Expr]) -> Result<()> {
        let [message, severity, state, rest @ ..] = arguments else {
            return Err(SqlError::syntax("RAISERROR"));
        };
        let (message, ty) = self.value(message)?;
        let mut text = shown(&message, ty);
        for argument in rest {
            let (value, ty) = self.value(argument)?;
            if let Some(at) = text.find("%s").into_iter().chain(text.find("%d")).min() {
                text.replace_range(at..at + 2, &shown(&value, ty));
            }
        }
        let severity = self.value_as(severity, T::Int)?.as_int().unwrap_or(16) as u8;
        let state = self.value_as(state, T::Int)?.as_int().unwrap_or(1) as u8;
        let error = SqlError { number: 50_000, class: severity, state, message: text };
        if severity <= 10 {
            self.tokens.info(&error, crate::SERVER_NAME, self.line);
            return Ok(());
        }
        Err(error)
    }

    fn holds(&mut self, condition: &sqlparser::ast::Expr) -> Result<bool> {
        Ok(self.value(condition)?.0 == Value::Bit(true))
    }

    /// An expression without a row.
    pub(crate) fn value(&mut self, expr: &sqlparser::ast::Expr) -> Result<(Value, T)> {
        let ctx = self.context()?;
        let typed = Binder::new(&ctx).expr(expr)?;
        Ok((eval(&ctx, &Env::EMPTY, &typed)?, typed.ty))
    }

    pub(crate) fn value_as(&mut self, expr: &sqlparser::ast::Expr, ty: T) -> Result<Value> {
        let (value, from) = self.value(expr)?;
        crate::value::convert(value, from, ty)
    }

    fn select(&mut self, query: &sqlparser::ast::Query) -> Result<()> {
        let locked = self.lock_for_reading(query)?;
        if let Some(assignments) = assigned(query) {
            return self.select_into_variables(query, &assignments);
        }
        let ctx = self.context()?;
        let plan = Binder::new(&ctx).query(query)?;
        let rows = self.send(&ctx, &plan)?;
        drop(ctx);
        self.core.row_count.set(rows as i64);
        if locked {
            self.end_statement_transaction()?;
        }
        Ok(())
    }

    /// Sends a result set; the number of its rows.
    pub(crate) fn send(
        &mut self,
        ctx: &super::Context,
        plan: &crate::sql::plan::Plan,
    ) -> Result<u64> {
        let columns = plan.columns();
        if self.capture.is_none() {
            self.tokens.columns(columns);
            if let crate::sql::plan::Plan::Select(select) = plan
                && !select.order_columns.is_empty()
            {
                self.tokens.order(&select.order_columns);
            }
        }
        let (mut rows, mut ends) = (0, Vec::new());
        let delay = self.core.server.faults.row_delay();
        let (tokens, capture) = (&mut self.tokens, &mut self.capture);
        let sent = run_plan(ctx, None, plan, &mut |row| {
            rows += 1;
            if let Some(capture) = capture {
                let values = row.values(columns.len());
                capture.push(columns.iter().map(|c| c.column.ty).zip(values).collect());
                return Ok(crate::sql::plan::GO_ON);
            }
            match row {
                RowRef::Encoded(encoded, picked) => tokens.raw_row(encoded, picked, &mut ends),
                RowRef::Values(values) => tokens.row(columns, values),
                RowRef::None => tokens.row(columns, &[]),
            }
            if !delay.is_zero() {
                std::thread::sleep(delay);
            }
            tokens.breathe()?;
            Ok(crate::sql::plan::GO_ON)
        });
        self.core.server.counters.rows(rows);
        sent?;
        self.tokens.statement_done(Some(rows), false, true);
        Ok(rows)
    }

    /// `SELECT @a = x, …`: the last row wins.
    fn select_into_variables(
        &mut self,
        query: &sqlparser::ast::Query,
        names: &[String],
    ) -> Result<()> {
        let ctx = self.context()?;
        let plan = Binder::new(&ctx).query(query)?;
        let mut types = Vec::new();
        for name in names {
            let (ty, _) = self.core.variable(name).ok_or_else(|| {
                SqlError::new(137, format!("Must declare the scalar variable \"{name}\"."))
                    .class(15)
            })?;
            types.push(ty);
        }
        let mut rows = 0;
        run_plan(&ctx, None, &plan, &mut |row| {
            rows += 1;
            for (i, named) in plan.columns().iter().enumerate() {
                let value = crate::value::convert(row.get(i), named.column.ty, types[i])?;
                self.core.variables.borrow_mut().insert(names[i].to_lowercase(), (types[i], value));
            }
            Ok(crate::sql::plan::GO_ON)
        })?;
        self.core.row_count.set(rows);
        Ok(())
    }
}

/// The variables of a SELECT that assigns; `None` for one that returns rows.
fn assigned(query: &sqlparser::ast::Query) -> Option<Vec<String>> {
    let sqlparser::ast::SetExpr::Select(select) = &*query.body else { return None };
    select
        .projection
        .iter()
        .map(|item| match item {
            sqlparser::ast::SelectItem::ExprWithAlias { alias, .. }
                if alias.value.starts_with('@') && alias.quote_style.is_none() =>
            {
                Some(alias.value.clone())
            }
            _ => None,
        })
        .collect()
}
