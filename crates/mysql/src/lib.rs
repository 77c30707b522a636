//! What providers for MySQL and MariaDB share: how to connect, whom they are connected to, what an
//! error of the server means, and how a name is quoted.

mod connect;
mod error;
mod quote;
mod server;
mod settings;

pub use connect::connect;
pub use error::{error, server_error};
pub use mysql_async;
pub use quote::{literal, name, table_name};
pub use server::{Flavor, Server};
pub use settings::{Connection, SslMode};
