//! Who made a provider: signatures in cosign's formats, against what a project trusts.
//!
//! Nothing is fetched here, and no clock or environment is asked but the clock that certificates need.
//!
//! - [`signature`]: what a registry holds beside a provider: cosign's first format, and Sigstore's bundles
//! - [`payload`]: what a signature of the first format signs
//! - [`key`]: public keys, and private ones that sign
//! - `sealed`: private keys that are locked with a password, as `cosign generate-key-pair` writes them
//! - [`rule`]: whose signature a project wants, for which sources
//! - [`mod@judge`]: the one against the other: who signed it, or why nobody counts
//! - `bundle`: Sigstore's bundles, and those of them that a key signed
//! - `keyless`: certificates and transparency logs, by way of Sigstore's own library
//! - [`signer`]: the answer, as the lock file keeps it

mod bundle;
pub mod judge;
pub mod key;
mod keyless;
pub mod payload;
pub mod rule;
mod sealed;
pub mod signature;
pub mod signer;

pub use judge::{Distrust, judge};
pub use key::{BadKey, PublicKey, SigningKey};
pub use keyless::{Root, public_good};
pub use rule::{BadRule, Pattern, Rule, Trust};
pub use signature::{Signature, Simple};
pub use signer::Signer;
