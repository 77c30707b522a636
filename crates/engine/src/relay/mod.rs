//! Lines from pipe to pipe.
//!
//! - [`pump`]: reads one provider's stdout and writes it to those that follow; the fast path
//! - [`piece`]: a block of lines, sorted into envelopes and control lines
//! - [`sink`]: the stdin of those that follow
//! - [`rules`]: what each kind of provider may write, and what the host does with it
//! - [`listen`]: the stdout of an output
//! - [`input_stdin`]: what an input is told

pub(crate) mod input_stdin;
pub(crate) mod listen;
pub(crate) mod piece;
pub(crate) mod pump;
pub(crate) mod rules;
pub(crate) mod sink;
