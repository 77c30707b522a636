//! The configuration reference is true.

const CONFIGURATION: &str = include_str!("../../../docs/configuration.md");

#[test]
fn every_function_is_in_the_configuration_reference_and_no_other() {
    let listed = CONFIGURATION.split("\n## Functions\n").nth(1).unwrap();
    let listed: Vec<&str> = listed.lines().filter(|l| l.starts_with("| `")).collect();
    let real = dstream_config::functions();
    let real: Vec<String> =
        real.iter().map(|f| format!("| `{}` | {} |", f.signature, f.help)).collect();
    assert_eq!(listed, real);
}

#[test]
fn the_example_of_the_configuration_reference_loads() {
    let example = CONFIGURATION.split("```hcl file\n").nth(1).unwrap().split("```").next().unwrap();
    let file = dstream_config::SourceFile::new("dstream.hcl", example);
    let loaded = dstream_config::parse(file.clone(), &dstream_config::Inputs::empty()).unwrap();
    assert_eq!(loaded.tasks.len(), 1);
    assert_eq!(dstream_config::format(&file).unwrap(), example);
}

/// Settings that the loader names as valid, taken from its own errors.
fn valid(path: &str, text: &str) -> Vec<String> {
    let file = dstream_config::SourceFile::new("x.hcl", text);
    let found = dstream_config::parse(file, &dstream_config::Inputs::empty()).unwrap_err();
    let help = found.list.iter().flat_map(|d| &d.help);
    let lists: Vec<&String> =
        help.filter(|h| h.starts_with("settings: ") || h.starts_with("blocks: ")).collect();
    assert!(!lists.is_empty(), "{path}: {found}");
    lists.iter().flat_map(|l| l.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[test]
fn every_setting_is_in_the_configuration_reference() {
    let task = |inner: &str| {
        format!(
            "task \"t\" {{\n input {{\n provider = \"a\"\n }}\n output {{\n provider = \"b\"\n }}\n {inner}\n}}\n"
        )
    };
    let unknown = "qqq = 1";
    let places = [
        ("## `task", task(unknown)),
        ("### `input`", "task \"t\" {\n input {\n provider = \"a\"\n }\n output {\n provider = \"b\"\n qqq = 1\n }\n}\n".to_owned()),
        ("### `sandbox`", format!("task \"t\" {{\n input {{\n provider = \"a\"\n sandbox {{\n{unknown}\n}}\n }}\n output {{\n provider = \"b\"\n }}\n}}\n")),
        ("### `retry`", task(&format!("retry {{\n{unknown}\n}}"))),
        ("### `dead_letter`", task(&format!("dead_letter {{\n{unknown}\n}}"))),
        ("### `lock`", task(&format!("lock {{\n{unknown}\n}}"))),
        ("### `schedule`", task(&format!("schedule {{\n{unknown}\n}}"))),
        ("## `variable", format!("variable \"v\" {{\n{unknown}\n}}")),
        ("## `dstream`", format!("dstream {{\n{unknown}\n}}")),
        ("### `registry`", format!("dstream {{\nregistry \"x\" {{\n{unknown}\n}}\n}}")),
        ("### `trust`", format!("dstream {{\ntrust \"x\" {{\n{unknown}\n}}\n}}")),
    ];
    for (heading, text) in places {
        let section = CONFIGURATION
            .split(&format!("\n{heading}"))
            .nth(1)
            .unwrap_or_else(|| panic!("no {heading}"));
        let section = section.split("\n#").next().unwrap();
        for name in valid(heading, &text) {
            assert!(
                section.contains(&format!("`{name}`")) || section.contains(&format!("`{name} ")),
                "{heading}: {name} is not described"
            );
        }
    }
}
