use std::cell::RefCell;
use std::collections::BTreeMap;

use dstream_protocol::Role;
use dstream_task::{Connect, Network, Sandbox, Target};
use serde_json::json;

use crate::{Inputs, Loaded, Select, SourceFile, check_against_schema, parse, render};

fn load(text: &str, inputs: &Inputs<'_>) -> Result<Loaded, String> {
    parse(SourceFile::new("t.hcl", text), inputs).map_err(|e| e.to_string())
}

/// A task whose input has this config.
fn task(config: &str) -> String {
    format!(
        "task \"t\" {{\n  input {{\n    provider = \"x\"\n    config {{\n{config}\n    }}\n  }}\n  output {{\n    provider = \"y\"\n  }}\n}}\n"
    )
}

fn config(loaded: &Loaded) -> serde_json::Value {
    loaded.tasks[0].inputs[0].config.clone()
}

fn env(pairs: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> + use<> {
    let map: BTreeMap<String, String> =
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    move |name| map.get(name).cloned()
}

#[test]
fn a_variable_takes_the_command_line_before_a_file_before_the_environment_before_its_default() {
    let dir = tempfile::tempdir().unwrap();
    let hcl = dir.path().join("a.hcl");
    std::fs::write(&hcl, "x = \"file\"\n").unwrap();
    let text = format!("variable \"x\" {{\n  default = \"default\"\n}}\n{}", task("v = var.x"));
    let value = |inputs: &Inputs<'_>| config(&load(&text, inputs).unwrap())["v"].clone();
    assert_eq!(value(&Inputs::empty()), "default");
    let mut inputs = Inputs::new(env(&[("DSTREAM_VAR_x", "env")]));
    assert_eq!(value(&inputs), "env");
    inputs.var_files.push(hcl);
    assert_eq!(value(&inputs), "file");
    let inputs = inputs.var("x", "first").var("x", "last");
    assert_eq!(value(&inputs), "last");
}

#[test]
fn a_variable_of_a_collection_type_is_read_as_an_expression_and_from_json() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.json");
    std::fs::write(&file, r#"{"m": {"a": 1}, "other": 1}"#).unwrap();
    let text = format!(
        "variable \"l\" {{\n  type = list(number)\n}}\nvariable \"m\" {{\n  type = map(string)\n}}\n{}",
        task("l = var.l\nm = var.m")
    );
    let mut inputs = Inputs::empty().var("l", "[1, \"2\"]");
    inputs.var_files.push(file);
    let loaded = load(&text, &inputs).unwrap();
    assert_eq!(config(&loaded), json!({"l": [1, 2], "m": {"a": "1"}}));
    assert!(loaded.warnings[0].summary.contains("sets a variable that is not declared"));
}

#[test]
fn a_value_for_an_unknown_variable_is_an_error_with_a_suggestion() {
    let text = "variable \"region\" {\n  default = 1\n}\n";
    let error = load(text, &Inputs::empty().var("regoin", "x")).unwrap_err();
    assert!(error.contains("did you mean `region`?"), "{error}");
}

#[test]
fn the_value_of_a_sensitive_variable_is_never_part_of_an_error() {
    let text = "variable \"x\" {\n  type      = number\n  sensitive = true\n}\n";
    let error = load(text, &Inputs::empty().var("x", "hunter2")).unwrap_err();
    assert!(error.contains("must be a number") && !error.contains("hunter2"), "{error}");
    let text = text.replace("\n}", "\n  default   = \"hunter2\"\n}");
    let error = load(&text, &Inputs::empty()).unwrap_err();
    assert!(error.contains("does not fit its type") && !error.contains("hunter2"), "{error}");
}

#[test]
fn only_the_task_that_is_asked_for_needs_its_environment() {
    let text =
        format!("{}{}", task("a = 1"), task("b = env(\"NOT_SET\")").replace("\"t\"", "\"other\""));
    let error = load(&text, &Inputs::empty()).unwrap_err();
    assert!(error.contains("`NOT_SET` is not set"), "{error}");
    let loaded = load(&text, &Inputs::empty().only("t")).unwrap();
    assert_eq!(loaded.task("t").unwrap().name, "t");
    assert!(loaded.task("other").unwrap_err().summary.contains("`NOT_SET`"));
    let error = load(&text, &Inputs::empty().only("other")).unwrap_err();
    assert!(error.contains("`NOT_SET` is not set"), "{error}");
    let mut inputs = Inputs::empty();
    inputs.select = Select::Nothing;
    assert_eq!(load(&text, &inputs).unwrap().incomplete.len(), 1);
}

#[test]
fn a_missing_variable_leaves_a_task_incomplete_where_nothing_is_asked_for() {
    let text = format!("variable \"x\" {{\n}}\n{}", task("a = \"${var.x}\""));
    let mut inputs = Inputs::empty();
    inputs.select = Select::Nothing;
    let loaded = load(&text, &inputs).unwrap();
    assert!(loaded.tasks.is_empty());
    assert!(loaded.task("t").unwrap_err().summary.contains("`x` has no value"));
}

#[test]
fn an_unknown_task_is_answered_with_its_neighbour_and_the_list() {
    let loaded = load(&task(""), &Inputs::empty()).unwrap();
    let error = loaded.task("tt").unwrap_err();
    let text = render(&error, &loaded.file, false);
    assert!(text.contains("there is no task `tt`") && text.contains("the tasks are `t`"), "{text}");
}

#[test]
fn every_value_of_a_config_has_its_place() {
    let text = task(
        "tables = [\"a\", \"bb\"]\nlockConfig = {\n  type = \"none\"\n}\ncolumn {\n  name = 1\n}",
    );
    let loaded = load(&text, &Inputs::empty()).unwrap();
    let at = |path: &str| {
        let span = loaded.span_of("t", Role::Input, "input", path).unwrap();
        text[span].to_owned()
    };
    assert_eq!(at("config.tables[1]"), "\"bb\"");
    assert_eq!(at("lock_config.type"), "\"none\"");
    assert_eq!(at("column.name"), "1");
    assert_eq!(at("column.nothing"), "column");
    assert_eq!(at(""), "config");
    let key = loaded.key_span_of("t", Role::Input, "input", "tables").unwrap();
    assert_eq!(&text[key], "tables");
    assert_eq!(loaded.span_of("t", Role::Input, "other", ""), None);
}

#[test]
fn what_a_schema_refuses_is_shown_at_its_line() {
    let loaded = load(&task("      tabels = [\"a\"]"), &Inputs::empty()).unwrap();
    let schema = json!({"type": "object", "additionalProperties": false,
        "properties": {"tables": {"type": "array"}}});
    let problems = check_against_schema(&schema, &config(&loaded), &loaded.secrets);
    let diagnostic = loaded.config_diagnostic("t", Role::Input, "input", &problems[0]);
    let text = render(&diagnostic, &loaded.file, false);
    assert!(text.contains("t.hcl:5:7") && text.contains("did you mean `tables`?"), "{text}");
}

#[test]
fn the_environment_is_asked_only_for_what_the_file_names() {
    let asked = RefCell::new(Vec::new());
    let inputs = Inputs::new(|name| {
        asked.borrow_mut().push(name.to_owned());
        Some("v".to_owned())
    });
    load(&format!("variable \"x\" {{}}\n{}", task("a = env(\"ONE\")")), &inputs).unwrap();
    drop(inputs);
    assert_eq!(asked.into_inner(), ["DSTREAM_VAR_x", "ONE"]);
}

#[test]
fn relative_files_begin_at_the_folder_of_the_task_file() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("q.sql"), "select 1").unwrap();
    let path = dir.path().join("dstream.hcl");
    std::fs::write(&path, task("q = file(\"q.sql\")\nd = path.module")).unwrap();
    let loaded = crate::load(&path, &Inputs::empty()).unwrap();
    assert_eq!(config(&loaded)["q"], "select 1");
    assert_eq!(config(&loaded)["d"], dir.path().display().to_string());
    let missing = crate::load(&dir.path().join("none.hcl"), &Inputs::empty()).unwrap_err();
    assert!(missing.to_string().contains("cannot read"));
}

/// A task whose input has this sandbox.
fn sandboxed(settings: &str) -> String {
    format!(
        "task \"t\" {{\n  input {{\n    provider = \"x\"\n    sandbox {{\n{settings}\n    }}\n  }}\n  output {{\n    provider = \"y\"\n  }}\n}}\n"
    )
}

#[test]
fn a_sandbox_is_what_its_block_says_and_there_is_none_without_one() {
    let read = |settings: &str| {
        let loaded = load(&sandboxed(settings), &Inputs::empty()).unwrap();
        assert_eq!(loaded.tasks[0].outputs[0].sandbox, None);
        loaded.tasks[0].inputs[0].sandbox.clone().unwrap()
    };
    assert_eq!(read(""), Sandbox::default());
    let whole = read(
        "read = [\"a\"]\nwrite = [\"b\"]\nconnect = [5432, \"udp\"]\nmax_memory_bytes = \"1GiB\"\nmaxOpenFiles = 64\nmax_processes = 9",
    );
    let udp = Target::Network(Network::Udp);
    let expected = Sandbox {
        read: vec!["a".into()],
        write: vec!["b".into()],
        connect: Connect::Only(vec![Target::Port(5432), udp]),
        max_memory_bytes: Some(1 << 30),
        max_open_files: Some(64),
        max_processes: Some(9),
    };
    assert_eq!(whole, expected);
    assert_eq!(read("connect = true").connect, Connect::All(true));
    assert!(read("connect = false").connect.is_none());
}

#[test]
fn a_sandbox_that_cannot_be_meant_is_an_error() {
    let error = |settings: &str| load(&sandboxed(settings), &Inputs::empty()).unwrap_err();
    for (settings, part) in [
        ("conect = true", "did you mean `connect`?"),
        ("connect = [0]", "from 1 to 65535"),
        ("connect = [70000]", "from 1 to 65535"),
        ("connect = [\"db:5432\"]", "bounds ports, not hosts"),
        ("connect = \"udp\"", "this is a string"),
        ("read = [\"\"]", "one of them is empty"),
        ("write = \"out\"", "a list of strings"),
        ("max_open_files = 0", "at least 1"),
        ("}\nsandbox {", "sandbox"),
    ] {
        let error = error(settings);
        assert!(error.contains(part), "{settings}: {error}");
    }
}
