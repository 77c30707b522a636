//! dstream's task files: HCL in, tasks and spans out.
//!
//! [`load`] reads a file and gives a [`Loaded`]: plain [`Task`](dstream_task::Task)s, the secrets
//! apart, and the place of every value, so that a later error (a provider's too) can point at its
//! line. Everything that is wrong is said at once, as [`Diagnostics`].
//!
//! ```
//! use dstream_config::{Inputs, SourceFile, parse};
//!
//! let text = r#"
//! task "orders" {
//!   input {
//!     provider = "csv"
//!     config {
//!       path = "${env("ORDERS")}/orders.csv"
//!     }
//!   }
//!   output {
//!     provider = "console"
//!   }
//! }
//! "#;
//! let inputs = Inputs::new(|name| (name == "ORDERS").then(|| "/srv".to_owned()));
//! let loaded = parse(SourceFile::new("dstream.hcl", text), &inputs)?;
//! let config = &loaded.task("orders")?.inputs[0].config;
//! assert_eq!(config["path"]["$secret"], "orders/input/config.path");
//! assert_eq!(loaded.secrets.resolve(config)?["path"], "/srv/orders.csv");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Reading order:
//! - [`Inputs`]: what comes from outside: variables, the environment. Nothing is read from the
//!   process.
//! - `syntax`: the text, `{{ env "X" }}` replaced, parsed; syntax errors in plain words
//! - `eval` and `functions`: expressions
//! - `load`: blocks become tasks
//! - `format`: `dstream fmt`
//! - `schema`: a config block against a provider's JSON Schema

mod diagnostic;
mod duration;
mod eval;
mod format;
mod functions;
mod inputs;
mod load;
mod loaded;
mod render;
mod schema;
mod source;
mod spans;
mod suggest;
mod syntax;
mod types;
mod value;

pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use dstream_task::{BadConstraint, Constraint};
pub use format::format;
pub use functions::{FunctionInfo, functions};
pub use inputs::{EnvLookup, Inputs, Select};
pub use loaded::{
    Loaded, RegistrySettings, RequiredProvider, Settings, TrustSettings, VariableInfo,
};
pub use render::render;
pub use schema::{SchemaProblem, check_against_schema};
pub use source::{Position, SourceFile, Span};
pub use suggest::nearest;

use std::path::Path;

/// Reads a task file.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn load(path: &Path, inputs: &Inputs<'_>) -> Result<Loaded, Diagnostics> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => parse(SourceFile::new(name, text), inputs),
        Err(error) => Err(Diagnostics::new(
            SourceFile::new(name.clone(), ""),
            vec![Diagnostic::error(format!("cannot read {name}")).detail(error.to_string())],
        )),
    }
}

/// The same from a text that is read already. Relative paths are those of the file's name.
///
/// # Errors
/// As [`load`].
pub fn parse(file: SourceFile, inputs: &Inputs<'_>) -> Result<Loaded, Diagnostics> {
    load::parse(file, inputs)
}
