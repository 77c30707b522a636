//! What providers for MySQL and MariaDB share: how to connect, whom they are connected to, what an
//! error of the server means, how a name is quoted, and what a type is.

mod connect;
mod error;
mod quote;
mod server;
mod settings;
mod text;
mod types;

pub use connect::connect;
pub use error::{error, is_about_row, server_error};
pub use mysql_async;
pub use quote::{literal, name, push_literal, table_name};
pub use server::{Flavor, Server};
pub use settings::{Connection, SslMode};
pub use text::text;
pub use types::ColumnType;
