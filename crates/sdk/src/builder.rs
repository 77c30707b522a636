//! `main` of a provider: what it is, what it can do beside `run`, then go.

use std::process::ExitCode;

use dstream_protocol::{Delivery, Role};

use crate::about::About;
use crate::lifecycle::{Check, Discover, Handlers, Infrastructure};
use crate::{InputProvider, OutputProvider, TransformProvider};

/// What a provider is; [`main`](InputMain::main) runs it.
macro_rules! builder {
    ($(#[$doc:meta])* $name:ident, $function:ident, $trait:ident, $role:expr, $run:path) => {
        $(#[$doc])*
        pub fn $function<P: $trait>(about: About) -> $name<P> {
            $name { about, handlers: Handlers::default() }
        }

        $(#[$doc])*
        #[must_use = "call main()"]
        pub struct $name<P: $trait> {
            about: About,
            handlers: Handlers<<P as $trait>::Config>,
        }

        impl<P: $trait> $name<P> {
            /// The provider answers `check`.
            pub fn with_check(mut self) -> Self
            where
                P: Check<Config = <P as $trait>::Config> + 'static,
            {
                self.handlers.check::<P>();
                self
            }

            /// The provider answers `discover`.
            pub fn with_discover(mut self) -> Self
            where
                P: Discover<Config = <P as $trait>::Config> + 'static,
            {
                self.handlers.discover::<P>();
                self
            }

            /// The provider answers init, plan, status and destroy.
            pub fn with_infrastructure(mut self) -> Self
            where
                P: Infrastructure<Config = <P as $trait>::Config> + 'static,
            {
                self.handlers.infrastructure::<P>();
                self
            }

            /// Runs the provider as its command line says, and returns its exit code. Call it
            /// first in `main`: it takes over stdout.
            pub fn main(self) -> ExitCode {
                let role = Facts { about: self.about, role: $role, delivery: P::DELIVERY };
                crate::entry::main(role, self.handlers, $run)
            }
        }

        impl<P: $trait> std::fmt::Debug for $name<P> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.about).finish()
            }
        }
    };
}

/// What does not depend on the provider's type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) about: About,
    pub(crate) role: Role,
    pub(crate) delivery: Delivery,
}

builder! {
    /// An input.
    InputMain, input, InputProvider, Role::Input, crate::input::run::<P>
}
builder! {
    /// An output.
    OutputMain, output, OutputProvider, Role::Output, crate::output::run::<P>
}
builder! {
    /// A transform.
    TransformMain, transform, TransformProvider, Role::Transform, crate::transform::run::<P>
}
