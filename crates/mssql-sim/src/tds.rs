//! The wire: packets, handshake, requests in, tokens out. It knows nothing of SQL.
//! [MS-TDS]: <https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-tds/>

mod bulk;
mod connection;
mod login;
mod packet;
mod prelogin;
mod request;
mod tls;
mod tokens;

pub(crate) use bulk::read_bulk;
pub(crate) use connection::serve;
pub(crate) use login::Login;
pub(crate) use request::{Parameter, Request, TransactionRequest};
pub(crate) use tls::{Certificate, Tls};
pub(crate) use tokens::{Flags, Named, Tokens};
