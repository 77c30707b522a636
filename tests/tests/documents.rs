//! The documents name only what exists.

use std::fs;

use dstream_tests::top;

/// Everything in backticks that looks like a path of this repository: `crates/engine/src/run.rs`.
fn paths(document: &str) -> Vec<String> {
    let text = fs::read_to_string(top().join(document)).unwrap();
    let roots = ["crates/", "providers/", "examples/", "tests/", "bench/", "docs/", ".ci/"];
    let inline = text.split('`').skip(1).step_by(2);
    let linked = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    inline
        .chain(linked)
        .map(|p| p.split('#').next().unwrap())
        .filter(|p| roots.iter().any(|r| p.starts_with(r)))
        .filter(|p| !p.contains(['*', '<', '{', ' ', '\n']))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_path_that_a_document_names_exists() {
    let mut checked = 0;
    let mut missing = Vec::new();
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "docs/operations.md",
        "docs/protocol.md",
    ] {
        for path in paths(document) {
            checked += 1;
            if !top().join(&path).exists() {
                missing.push(format!("{document}: {path}"));
            }
        }
    }
    assert!(checked > 20, "the paths are not found");
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_crate_is_on_the_map() {
    let map = fs::read_to_string(top().join("ARCHITECTURE.md")).unwrap();
    for entry in fs::read_dir(top().join("crates")).unwrap().flatten() {
        let name = format!("crates/{}", entry.file_name().to_string_lossy());
        assert!(map.contains(&format!("`{name}`")), "ARCHITECTURE.md does not name {name}");
    }
}

#[test]
fn every_provider_is_in_the_list_and_its_readme_shows_its_example() {
    let list = fs::read_to_string(top().join("docs/providers/README.md")).unwrap();
    let has = |name: &str| top().join("providers").join(name).is_dir();
    for entry in fs::read_dir(top().join("providers")).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let link = format!("(../../providers/{name}/README.md)");
        assert!(list.contains(&link), "docs/providers/README.md does not list {name}");
        let example = fs::read_to_string(entry.path().join("example.hcl")).unwrap();
        let readme = fs::read_to_string(entry.path().join("README.md")).unwrap();
        assert!(readme.contains(&format!("```hcl\n{example}```")), "{name}: README and example");
        let file = dstream_config::SourceFile::new("example.hcl", example.clone());
        assert_eq!(dstream_config::format(&file).unwrap(), example, "{name}: `dstream fmt`");
        // `provider = "file"` in an input stands for in-file.
        let mut block = "";
        for line in example.lines().map(str::trim) {
            block = line.strip_suffix(" {").unwrap_or(block);
            if let Some(used) = line.strip_prefix("provider = \"") {
                let prefix = if block.starts_with("input") { "in" } else { "out" };
                let used = format!("{prefix}-{}", used.trim_end_matches('"'));
                assert!(has(&used), "{name}/example.hcl: there is no {used}");
            }
        }
    }
}

#[test]
fn every_target_that_a_document_names_is_in_the_makefile() {
    let makefile = fs::read_to_string(top().join("Makefile")).unwrap();
    for document in ["README.md", "CONTRIBUTING.md", "docs/operations.md"] {
        let text = fs::read_to_string(top().join(document)).unwrap();
        for target in text.split("make ").skip(1) {
            let before: String = target.chars().take_while(|c| c.is_ascii_lowercase()).collect();
            let named = target[before.len()..].starts_with(['`', '\n', ' ', '#']);
            let code = text.contains(&format!("`make {before}"))
                || text.contains(&format!("\nmake {before}"));
            if named && code && !before.is_empty() {
                assert!(makefile.contains(&format!("\n{before}:")), "{document}: make {before}");
            }
        }
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest = fs::read_to_string(top().join("Cargo.toml")).unwrap();
    let decisions = fs::read_to_string(top().join("docs/decisions.md")).unwrap();
    let section = manifest.split("[workspace.dependencies]").nth(1).unwrap();
    let section = section.split("\n[").next().unwrap();
    let missing: Vec<&str> = section
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name)
        .filter(|name| !name.starts_with("dstream-") && !name.starts_with('#'))
        .filter(|name| !decisions.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "docs/decisions.md has no line for {missing:?}");
}

#[test]
fn the_ten_lines_of_bash_in_the_readme_are_the_example() {
    let readme = fs::read_to_string(top().join("README.md")).unwrap();
    let script = fs::read_to_string(top().join("examples/bash/read.sh")).unwrap();
    assert!(readme.contains(&format!("```bash\n{script}```")));
    let task = fs::read_to_string(top().join("dstream.hcl")).unwrap();
    let bare = |text: &str| -> Vec<String> {
        let lines = text.lines().map(|l| l.split('#').next().unwrap().trim().to_owned());
        lines.filter(|l| !l.is_empty()).collect()
    };
    let block = readme.split("```hcl\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(bare(block), bare(&task), "README.md and dstream.hcl");
}
