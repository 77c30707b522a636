//! What the providers for SQL Server share: where the server is and who connects, a session that is
//! never used again once it may be out of step, what an error means, and how a value becomes JSON.

mod error;
mod quote;
mod session;
mod settings;
mod value;

pub use error::{error, server_error};
pub use quote::{literal, name, table};
pub use session::{Rows, Session};
pub use settings::{Connection, Encrypt};
pub use tiberius;
pub use value::write_json;
