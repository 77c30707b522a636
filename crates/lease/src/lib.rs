//! Leases: which of several instances reads a table.
//!
//! A [`Store`] gives a lease to one instance at a time and counts how often it was given: that
//! number, the *epoch*, grows with every takeover, and a destination that is told it refuses what
//! an earlier owner still has in its pipe. A [`Keeper`] takes leases from a store, renews them on a
//! thread of its own, shares them out among the instances, and says at any moment for how long a
//! table may still be read.
//!
//! Two stores: [`Azure`], a blob for each lease, for instances anywhere; [`Files`], a locked file
//! for each, for instances on one machine.
//!
//! What holds, whatever happens to an instance or its clock:
//! - no two instances have a lease at the same time, as long as the store keeps its word;
//! - an instance stops *before* its lease runs out, by a clock that goes on while the process is
//!   stopped or the machine sleeps;
//! - a lease that somebody holds is never broken, only waited for.

mod azure;
mod clock;
mod files;
mod keeper;
mod owner;
mod share;
mod store;

pub use azure::{Account, Azure};
pub use clock::Moment;
pub use files::Files;
pub use keeper::{Keeper, Lease, Timing};
pub use owner::Owner;
pub use store::{Grant, Renewed, Store, Taken};
