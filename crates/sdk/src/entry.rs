//! Where a provider's process begins.
use crate::builder::Facts;
use crate::lifecycle::Handlers;
use std::process::ExitCode;
pub(crate) fn main<C>(_: Facts, _: Handlers<C>, _: fn()) -> ExitCode {
    ExitCode::SUCCESS
}
