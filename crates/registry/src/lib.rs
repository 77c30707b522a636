//! From a provider reference to a program on this machine.
//!
//! A block of a task names its provider in one of three ways; [`Registry::find`] turns each into a
//! [`Found`]: the path of a file that can be executed, and what is known of the protocol that it
//! speaks. Nothing is started here, and no environment is read.
//!
//! - [`find`]: the entry: one way for each kind of source
//! - [`search`]: `provider = "file"`: where `dstream-in-file` is looked for, and what is there
//! - [`program`]: `provider_path`: a file that must exist and be executable
//! - [`declared`]: which protocol a program declares before it is started
//!
//! `provider_ref`, from the outside in:
//!
//! - [`mod@reference`], [`digest`], [`platform`]: how contents and machines are named
//! - [`remote`]: what a project takes from registries, and what it may do about what is missing
//! - [`pin`]: what is asked for, against what is locked
//! - [`store`]: registries and cache: from one to the other, and to a program
//! - [`lock`]: the file that holds what is locked
//! - [`oci`]: talking to registries
//! - [`cache`]: what came from them

pub mod cache;
pub mod declared;
pub mod digest;
pub mod find;
pub mod lock;
pub mod oci;
pub mod pin;
pub mod platform;
pub mod program;
pub mod reference;
pub mod remote;
pub mod search;
mod speaking;
pub mod store;

pub use cache::{Cache, CacheError};
pub use declared::Declared;
pub use digest::Digest;
pub use dstream_signature as signature;
pub use find::{FindError, Found, Registry};
pub use lock::{LockError, LockFile, Locked};
pub use oci::blob::{PullError, PullEvent};
pub use oci::sign::SignError;
pub use oci::{Credentials, Host, Hosts, OciError, Registries};
pub use pin::{PinError, Wanted};
pub use platform::Platform;
pub use program::ProgramError;
pub use reference::Reference;
pub use remote::{Policy, Remote, RemoteError, RemoteEvent};
pub use search::{Available, NameError, SearchPath};
pub use store::Store;
