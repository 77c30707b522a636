//! Talking to OCI registries.
//!
//! - `session`: [`Registries`]: a client for each, with TLS and credentials as they are set
//! - [`credentials`]: who we are: the environment, dstream's, Podman's and Docker's files
//! - [`logins`]: dstream's own file of them
//! - [`hosts`]: how each is reached
//! - `manifest`: the small documents, bounded and checked
//! - [`package`]: what they say of a provider
//! - [`blob`]: the contents, into the cache
//! - [`assemble`]: from files to what a registry holds
//! - [`parts`]: everything of a provider, on its way
//! - [`push`]: into a registry
//! - [`layout`]: from and into a folder
//! - [`catalogue`]: lists of providers
//! - [`signatures`]: who vouches for a provider, read
//! - [`sign`]: the same, written and carried on
//! - [`tags`]: the versions that there are
//! - `roots`: the certificates of the system
//! - `retry`: another attempt at what failed for a moment
//! - [`error`]: what can go wrong, and what to do

pub mod assemble;
pub mod blob;
pub mod catalogue;
pub mod credentials;
pub mod error;
pub mod hosts;
pub mod layout;
pub mod logins;
pub(crate) mod manifest;
pub mod package;
pub mod parts;
pub mod push;
pub(crate) mod retry;
mod roots;
pub(crate) mod session;
pub mod sign;
pub mod signatures;
pub mod tags;

pub use assemble::Publication;
pub use catalogue::{Catalogue, Listed};
pub use credentials::Credentials;
pub use error::OciError;
pub use hosts::{Host, Hosts};
pub use layout::Layout;
pub use package::{Binary, Blob, Form, Package};
pub use parts::Parts;
pub use session::Registries;
