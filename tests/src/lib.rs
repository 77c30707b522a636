//! What the end-to-end tests are written with: binaries of this workspace, folders, runs.
//!
//! - [`binaries`]: builds the workspace's programs once and says where they are
//! - [`project`]: a folder with a task file, thrown away afterwards
//! - [`running`]: one `dstream` process, watched, with a time limit
//! - [`processes`]: who is whose child, who still lives, who is to be killed
//! - [`chaos`]: one round of the kill test
//! - [`random_database`]: tables and transactions by a seed
//! - [`takeovers`]: two instances that share the tables of a SQL Server under leases
//! - [`mirror`]: two PostgreSQL servers, one kept identical to the other under SIGKILL

pub mod binaries;
pub mod chaos;
#[cfg(unix)]
pub mod mirror;
pub mod processes;
pub mod project;
pub mod random_database;
pub mod running;
#[cfg(unix)]
pub mod takeovers;

pub use project::Project;
pub use running::{Finished, Running};

/// The top of the repository.
pub fn top() -> std::path::PathBuf {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("the package is in a folder of the workspace").to_path_buf()
}
