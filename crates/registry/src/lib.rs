//! From a provider reference to a program on this machine.
//!
//! A block of a task names its provider in one of three ways; [`Registry::find`] turns each into a
//! [`Found`]: the path of a file that can be executed, and what is known of the protocol that it
//! speaks. Nothing is started here, and no environment is read.
//!
//! - [`find`]: the entry: one way for each kind of source
//! - [`search`]: `provider = "file"`: where `dstream-in-file` is looked for, and what is there
//! - [`program`]: `provider_path`: a file that must exist and be executable
//! - [`remote`]: `provider_ref`: the door to OCI registries
//! - [`declared`]: which protocol a program declares before it is started

pub mod declared;
pub mod find;
pub mod program;
pub mod remote;
pub mod search;

pub use declared::Declared;
pub use find::{FindError, Found, Registry};
pub use program::ProgramError;
pub use remote::{NoRemote, Remote, RemoteError};
pub use search::{Available, NameError, SearchPath};
