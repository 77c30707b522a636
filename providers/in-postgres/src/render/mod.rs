//! PostgreSQL's texts become JSON, straight into the line that goes to the host.

mod array;
mod text;
mod value;

pub(crate) use text::{name, plain, string};
pub(crate) use value::{Kind, value};
