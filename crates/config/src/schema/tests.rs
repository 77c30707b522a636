use super::*;
use dstream_task::Secrets;
use serde_json::json;

fn schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["path"],
        "properties": {
            "path": {"type": "string", "minLength": 1},
            "max_count": {"type": ["integer", "null"], "minimum": 0},
            "format": {"oneOf": [{"const": "csv", "description": "x"}, {"const": "json"}]},
            "lock_config": {"anyOf": [{"$ref": "#/$defs/Lock"}, {"type": "null"}]},
            "tables": {"type": "array", "items": {"type": "string"}},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}}
        },
        "$defs": {"Lock": {"oneOf": [
            {"type": "object", "required": ["type"], "additionalProperties": false,
             "properties": {"type": {"const": "none"}}},
            {"type": "object", "required": ["type", "container"], "additionalProperties": false,
             "properties": {"type": {"const": "azure_blob"}, "container": {"type": "string"}}}
        ]}}
    })
}

fn problems(config: Value) -> Vec<(String, String)> {
    let found = check_against_schema(&schema(), &config, &Secrets::default());
    found.into_iter().map(|p| (p.path, p.message)).collect()
}

fn only(config: Value) -> SchemaProblem {
    let mut found = check_against_schema(&schema(), &config, &Secrets::default());
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn a_config_that_fits_has_no_problems() {
    let config = json!({"path": "a", "maxCount": 3, "format": "csv", "tables": ["x"],
        "lock_config": {"type": "azure_blob", "container": "c"}, "labels": {"any": "thing"}});
    assert_eq!(problems(config), vec![]);
}

#[test]
fn an_unknown_key_names_its_neighbour_and_all_that_are_valid() {
    let found = only(json!({"path": "a", "tabels": []}));
    assert_eq!(found.path, "tabels");
    assert!(found.at_key);
    assert_eq!(found.suggestion.as_deref(), Some("tables"));
    assert_eq!(found.valid, ["format", "labels", "lock_config", "max_count", "path", "tables"]);
}

#[test]
fn a_secret_passes_any_type_and_a_missing_key_is_told() {
    assert_eq!(problems(json!({"path": "a", "max_count": {"$secret": "t/input/x"}})), vec![]);
    assert_eq!(problems(json!({})), vec![(String::new(), "the config block needs `path`".into())]);
}

#[test]
fn a_wrong_type_says_what_is_wanted_and_where() {
    let found = only(json!({"path": "a", "tables": ["x", 5]}));
    assert_eq!(found.path, "tables[1]");
    assert_eq!(found.message, "`tables[1]` must be a string, not a number");
    let found = only(json!({"path": "a", "maxCount": "5"}));
    assert_eq!(found.message, "`maxCount` must be a whole number, not a string");
}

#[test]
fn alternatives_of_one_value_each_become_one_list() {
    let found = only(json!({"path": "a", "format": "cvs"}));
    assert_eq!(found.message, "`format` cannot be `cvs`");
    assert_eq!(found.suggestion.as_deref(), Some("csv"));
    assert_eq!(found.valid, ["csv", "json"]);
}

#[test]
fn a_tagged_choice_is_judged_by_the_branch_that_the_tag_names() {
    let found = only(json!({"path": "a", "lock_config": {"type": "azure_blob"}}));
    assert_eq!(found.message, "`lock_config` needs `container`");
    let found = only(json!({"path": "a", "lock_config": {"type": "azureblob"}}));
    assert_eq!(
        (found.path.as_str(), found.suggestion.as_deref()),
        ("lock_config.type", Some("azure_blob"))
    );
}

#[test]
fn limits_are_checked() {
    assert_eq!(only(json!({"path": ""})).message, "`path` must have at least 1 characters");
    assert_eq!(
        only(json!({"path": "a", "max_count": -1})).message,
        "`max_count` must be at least 0"
    );
}

#[test]
fn one_setting_in_two_cases_is_written_twice() {
    let found = only(json!({"path": "a", "maxCount": 1, "max_count": 2}));
    assert_eq!(found.message, "`maxCount` and `max_count` are the same setting, written twice");
}

#[test]
fn a_schema_that_refers_to_itself_ends() {
    let looped = json!({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}});
    assert_eq!(check_against_schema(&looped, &json!({"a": 1}), &Secrets::default()), vec![]);
    let looped = json!({"anyOf": [{"$ref": "#"}, {"type": "string"}]});
    let _ = check_against_schema(&looped, &json!("a"), &Secrets::default());
}

#[test]
fn a_sensitive_value_is_checked_and_never_shown() {
    for (key, value, wanted, valid) in [
        ("max_count", json!("hunter2"), "`max_count` must be a whole number, not a string (its", 0),
        ("max_count", json!(-7), "`max_count` must be at least 0 (its value is sensitive)", 0),
        ("format", json!("hunter2"), "`format` cannot have the sensitive value that it has", 2),
        ("labels", json!({"hunter2": 1}), "`labels` has a sensitive value that does not fit", 0),
        ("tables", json!(["a", 5]), "`tables` has a sensitive value that does not fit", 0),
        ("lock_config", json!({"type": "hunter2"}), "`lock_config` has a sensitive value", 0),
    ] {
        let mut secrets = Secrets::default();
        let mut config = json!({"path": "a"});
        config[key] = secrets.insert(format!("t/input/config.{key}"), value);
        let found = check_against_schema(&schema(), &config, &secrets);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].message.starts_with(wanted), "{found:?}");
        assert_eq!((found[0].path.as_str(), found[0].valid.len()), (key, valid), "{found:?}");
        assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
        assert!(!found[0].message.contains("-7"), "{found:?}");
    }
    let mut secrets = Secrets::default();
    let tag = secrets.insert("tag", json!("hunter2"));
    let config = json!({"path": "a", "lock_config": {"type": tag}});
    let found = check_against_schema(&schema(), &config, &secrets);
    assert!(!found.is_empty() && !format!("{found:?}").contains("hunter2"), "{found:?}");
    assert!(!format!("{found:?}").contains("$secret"), "{found:?}");
    let path = secrets.insert("path", json!("x"));
    assert_eq!(check_against_schema(&schema(), &json!({"path": path}), &secrets), []);
    let unknown = json!({"path": {"$secret": "elsewhere"}});
    assert_eq!(check_against_schema(&schema(), &unknown, &secrets), []);
}
