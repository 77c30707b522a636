//! Whole files: each broken one has the errors that a person wants to read, each good one its tasks.

#![allow(clippy::unwrap_used)] // a test may

use std::path::{Path, PathBuf};

use dstream_config::{Diagnostic, Inputs, Loaded, SourceFile, parse, render};

fn inputs() -> Inputs<'static> {
    let mut inputs = Inputs::new(|name| match name {
        "TEST_TOKEN" => Some("t0ken-7".to_owned()),
        "TEST_WORD" => Some("w0rd-7".to_owned()),
        "TEST_NUMBER" => Some("42".to_owned()),
        _ => None,
    });
    inputs.host_version = semver::Version::new(0, 1, 0);
    inputs
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|p| p.extension().is_some_and(|e| e == "hcl")).collect();
    files.sort();
    files
}

/// Named without its folder, so that the snapshots are the same everywhere.
fn source(path: &Path) -> SourceFile {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    SourceFile::new(name, std::fs::read_to_string(path).unwrap())
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

#[test]
fn each_broken_file_is_explained() {
    let files = files("broken");
    assert!(files.len() >= 20, "{} files", files.len());
    for path in files {
        let errors = parse(source(&path), &inputs()).err();
        let errors = errors.unwrap_or_else(|| panic!("{} is not broken", path.display()));
        let text = errors.render(false);
        for secret in ["t0ken-7", "w0rd-7"] {
            assert!(!text.contains(secret), "{text}");
        }
        insta::assert_snapshot!(format!("broken_{}", stem(&path)), text);
    }
}

#[test]
fn each_good_file_has_its_tasks() {
    for path in files("good") {
        let loaded = parse(source(&path), &inputs()).unwrap_or_else(|e| panic!("{e}"));
        insta::assert_snapshot!(format!("good_{}", stem(&path)), shown(&loaded));
        let debug = format!("{loaded:?}").replace("\"public\": String(\"t0ken-7\")", "");
        assert!(!debug.contains("t0ken-7"), "{}", path.display());
    }
}

/// The tasks as JSON; below it what else the file says.
fn shown(loaded: &Loaded) -> String {
    let mut text = serde_json::to_string_pretty(&loaded.tasks).unwrap();
    let warn = |d: &Diagnostic| render(d, &loaded.file, false);
    for warning in &loaded.warnings {
        text += &format!("\n\n{}", warn(warning));
    }
    text += &format!("\n\n{:?}\n", loaded.settings);
    for v in &loaded.variables {
        text += &format!("variable {}: {} required={}\n", v.name, v.type_name, v.required);
    }
    text
}

#[test]
fn secrets_come_back_when_a_config_is_resolved() {
    let path = files("good").into_iter().find(|p| stem(p) == "of_the_original_tool").unwrap();
    let loaded = parse(source(&path), &inputs()).unwrap();
    let task = loaded.task("queue").unwrap();
    let config = loaded.secrets.resolve(&task.inputs[0].config).unwrap();
    assert_eq!(config["db_connection_string"], "server=localhost;password=t0ken-7;encrypt=disable");
    let config = loaded.secrets.resolve(&task.outputs[0].config).unwrap();
    assert_eq!(config["maxCount"], 42);
    assert_eq!(config["quoted"], "t0ken-7");
    assert_eq!(config["escaped"], "x-t0ken-7");
    assert_eq!(config["braces"], "{{ literal }}");
}
