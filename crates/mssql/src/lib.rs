//! What the providers for SQL Server share: where the server is and who connects, a session that is
//! never used again once it may be out of step, what an error means, and how a value becomes JSON.

mod column;
mod error;
mod fault;
mod quote;
mod session;
mod settings;
mod value;

pub use column::{Column, WrongValue};
pub use error::{error, server_error};
pub use fault::Fault;
pub use quote::{literal, name, table};
pub use session::{Rows, Session};
pub use settings::{Connection, Encrypt};
pub use tiberius;
pub use value::write_json;
