//! The documents name only what exists.

use std::fs;

use dstream_tests::{Project, top};

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
        "docs/security.md",
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

/// `make catalogue` writes it.
#[test]
fn the_catalogue_lists_every_provider_as_it_describes_itself() {
    let text = fs::read_to_string(top().join("catalogue.json")).unwrap();
    let catalogue: serde_json::Value = serde_json::from_str(&text).unwrap();
    let listed = catalogue["providers"].as_array().unwrap();
    let mut names: Vec<String> = fs::read_dir(top().join("providers"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let of = |one: &serde_json::Value| one["name"].as_str().unwrap().to_owned();
    assert_eq!(listed.iter().map(of).collect::<Vec<_>>(), names);
    let project = Project::empty();
    for one in listed {
        let name = of(one);
        let done = project.dstream(&["--json", "provider", "describe", &name]);
        let answer: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
        let described = &answer["description"];
        for field in ["roles", "description"] {
            assert_eq!(one[field], described[field], "{name}: run `make catalogue`");
        }
        assert_eq!(one["versions"][0], described["version"], "{name}: run `make catalogue`");
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

/// The task files in a page: every block of HCL with a task in it, without the page's indentation.
/// A part of a file is not marked as HCL with a task, or is marked `hcl part`.
fn task_files(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(fence) = lines.next() {
        let marks: Vec<&str> = fence.trim().trim_start_matches("```").split(' ').collect();
        if !fence.trim().starts_with("```") || fence.trim() == "```" {
            continue;
        }
        let indent = fence.len() - fence.trim_start().len();
        let inside = lines.by_ref().take_while(|line| line.trim() != "```");
        let text: String =
            inside.map(|line| format!("{}\n", line.get(indent..).unwrap_or_default())).collect();
        let has_task = text.lines().any(|line| line.starts_with("task \""));
        if marks[0] == "hcl" && !marks.contains(&"part") && has_task {
            found.push(text);
        }
    }
    found
}

#[test]
fn every_task_file_in_a_document_is_valid() {
    let folders = ["", "docs", "docs/providers"].map(|f| top().join(f)).into_iter();
    let providers = fs::read_dir(top().join("providers")).unwrap().flatten().map(|e| e.path());
    let examples = fs::read_dir(top().join("examples")).unwrap().flatten().map(|e| e.path());
    let mut checked = 0;
    let mut wrong = Vec::new();
    for folder in folders.chain(providers).chain(examples).filter(|f| f.is_dir()) {
        let pages = fs::read_dir(folder).unwrap().flatten().map(|e| e.path());
        for page in pages.filter(|p| p.extension().is_some_and(|e| e == "md")) {
            for text in task_files(&fs::read_to_string(&page).unwrap()) {
                checked += 1;
                // What a page reads from the environment is not set here.
                let names = text.split("env(\"").skip(1).filter_map(|rest| rest.split('"').next());
                let project = names
                    .fold(Project::with(&text), |project, name| project.env(name, "a-value-of-it"));
                let done = project.dstream(&["validate"]);
                if done.code != 0 {
                    wrong.push(format!("{}:\n{}{}", page.display(), done.stdout, done.stderr));
                }
            }
        }
    }
    assert!(checked >= 12, "{checked} task files are found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_test_program_looks_like_a_provider_beside_dstream() {
    for package in fs::read_dir(top().join("crates")).unwrap().flatten() {
        let Ok(programs) = fs::read_dir(package.path().join("src/bin")) else { continue };
        for program in programs.flatten() {
            let name = program.file_name().to_string_lossy().into_owned();
            let provider = ["dstream-in-", "dstream-out-", "dstream-transform-"];
            assert!(!provider.iter().any(|p| name.starts_with(p)), "crates/…/{name}");
        }
    }
}
