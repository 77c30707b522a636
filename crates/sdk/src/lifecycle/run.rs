//! Runs the operations beside `run`, and makes their one line.

use std::future::Future;
use std::pin::Pin;

use dstream_protocol::{Capability, LifecycleReport, Operation};

use super::{Check, Discover, Infrastructure, TaskContext};
use crate::{Error, Result};

type Pending = Pin<Box<dyn Future<Output = Result<LifecycleReport>>>>;
type Handler<C> = Box<dyn Fn(C, Operation, TaskContext) -> Pending>;

/// What a provider registered.
pub(crate) struct Handlers<C> {
    check: Option<Handler<C>>,
    discover: Option<Handler<C>>,
    infrastructure: Option<Handler<C>>,
}

impl<C> Default for Handlers<C> {
    fn default() -> Self {
        Self { check: None, discover: None, infrastructure: None }
    }
}

impl<C> Handlers<C> {
    pub(crate) fn check<P: Check<Config = C>>(&mut self)
    where
        C: 'static,
    {
        self.check = Some(Box::new(|config, _, context| {
            Box::pin(async move {
                let message = P::check(config, &context).await?;
                Ok(LifecycleReport { message: Some(message), ..LifecycleReport::ok() })
            })
        }));
    }

    pub(crate) fn discover<P: Discover<Config = C>>(&mut self)
    where
        C: 'static,
    {
        self.discover = Some(Box::new(|config, _, context| {
            Box::pin(async move {
                let streams = P::discover(config, &context).await?;
                Ok(LifecycleReport { streams, ..LifecycleReport::ok() })
            })
        }));
    }

    pub(crate) fn infrastructure<P: Infrastructure<Config = C>>(&mut self)
    where
        C: 'static,
    {
        self.infrastructure = Some(Box::new(|config, operation, context| {
            Box::pin(async move {
                match operation {
                    Operation::Init => P::init(config, &context).await,
                    Operation::Plan => P::plan(config, &context).await,
                    Operation::Status => P::status(config, &context).await,
                    _ => P::destroy(config, &context).await,
                }
            })
        }));
    }

    pub(crate) fn capabilities(&self) -> Vec<Capability> {
        let all = [
            (Capability::Check, self.check.is_some()),
            (Capability::Discover, self.discover.is_some()),
            (Capability::Infrastructure, self.infrastructure.is_some()),
        ];
        all.into_iter().filter_map(|(capability, there)| there.then_some(capability)).collect()
    }

    fn of(&self, operation: Operation) -> Option<&Handler<C>> {
        match operation {
            Operation::Run => None,
            Operation::Check => self.check.as_ref(),
            Operation::Discover => self.discover.as_ref(),
            _ => self.infrastructure.as_ref(),
        }
    }
}

/// Does what is asked. A provider that has no infrastructure has none to init, plan or destroy.
pub(crate) async fn answer<C>(
    handlers: &Handlers<C>,
    config: C,
    context: TaskContext,
) -> Result<LifecycleReport> {
    let operation = context.operation;
    match (handlers.of(operation), operation) {
        (Some(handler), _) => handler(config, operation, context).await,
        (None, Operation::Check | Operation::Discover) => Err(Error::permanent(format!(
            "this provider does not know `{operation}`; its `describe` says what it knows"
        ))),
        (None, _) => Ok(LifecycleReport {
            message: Some("nothing to set up".into()),
            ..LifecycleReport::ok()
        }),
    }
}

/// The report of an operation that went wrong.
pub(crate) fn report_error(error: &Error) -> LifecycleReport {
    let text = match error.path().filter(|p| !p.is_empty()) {
        Some(path) => format!("{path}: {error}"),
        None => error.to_string(),
    };
    LifecycleReport { status: "error".into(), error: Some(text), ..LifecycleReport::default() }
}
