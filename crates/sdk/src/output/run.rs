//! The loop.
pub(crate) fn run<P: crate::OutputProvider>() {}
