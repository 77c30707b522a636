//! What is measured, and the bound that each figure has.

pub mod csv;
pub mod footprint;
pub mod mssql;
#[cfg(unix)]
pub mod postgres;
#[cfg(unix)]
pub mod registry;
pub mod relay;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::launch;

/// A temporary folder with a task `bench`.
fn project(input: &str, output: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let text =
        format!("task \"bench\" {{\n  input {{\n{input}\n  }}\n  output {{\n{output}\n  }}\n}}\n");
    fs::write(folder.path().join("dstream.hcl"), text).expect("writable");
    folder
}

/// A block's inside: one of this package's own providers, with whole numbers and strings as config.
fn own(name: &str, config: &[(&str, String)]) -> String {
    let path = launch::binaries().join(name);
    let mut text = format!("    provider_path = \"{}\"\n    protocol = 2\n", path.display());
    text.push_str(&settings(config));
    text
}

/// A block's inside: a provider of the workspace.
fn named(name: &str, config: &[(&str, String)]) -> String {
    format!("    provider = \"{name}\"\n{}", settings(config))
}

fn settings(config: &[(&str, String)]) -> String {
    let mut text = String::from("    config {\n");
    for (key, value) in config {
        let _fits = writeln!(text, "      {key} = {value}");
    }
    text.push_str("    }");
    text
}

fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display())
}

/// One whole number of a report that a program wrote.
fn reported(path: &Path, field: &str) -> f64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    report[field].as_f64().unwrap_or_else(|| panic!("no `{field}` in {}: {text}", path.display()))
}
