//! What inputs that capture changes share, whatever the database.
//!
//! # An exact snapshot that can be resumed
//! A table is read in [`Lane`]s: ranges of its key, each in the order of the key. A checkpoint may
//! be taken at any row: it holds, for each lane, which part of it was read and at which consistent
//! point of the log ([`TableState`]). When the input is killed in the middle, the database's
//! snapshot is gone; the rest of each lane is read in a new one, at a later point.
//!
//! The log is then read from the first point. A change is part of what was read, and left out, if
//! it was committed before the point at which the part of the table that holds its key was read:
//! [`TableState::judge`]. So there is neither gap nor overlap, also for an output that only appends.
//!
//! Positions are any type that has an order ([`Position`]); keys are compared as the database was
//! told to order them ([`Key`]).
//!
//! # The rest
//! - [`TablePattern`]: `public.*`, `sales."Order Items"`.
//! - [`Announced`]: which schema each stream was announced with.
//! - [`Lag`]: how far behind the source, for `@progress`.
//! - [`Until`]: the setting that says when a run ends.

mod announced;
mod handoff;
mod key;
mod lag;
mod lane;
mod patterns;
mod table;
mod until;

pub use announced::Announced;
pub use handoff::{Change, Era, Verdict};
pub use key::{Key, KeyPart};
pub use lag::Lag;
pub use lane::{Lane, Segment};
pub use patterns::{BadPattern, TablePattern, stream_name, table_patterns};
pub use table::TableState;
pub use until::Until;

/// A place in the log of a database. The end of one transaction is before the next one's commit.
pub trait Position: Clone + Ord + std::fmt::Debug {}
impl<P: Clone + Ord + std::fmt::Debug> Position for P {}
