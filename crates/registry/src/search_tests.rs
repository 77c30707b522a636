//! What a name leads to.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

fn program(folder: &Path, name: &str) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join(format!("{name}{EXE_SUFFIX}"));
    fs::write(&path, "#!/bin/sh\n").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    path
}

struct Machine {
    root: tempfile::TempDir,
    search: SearchPath,
}

fn machine() -> Machine {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let search =
        SearchPath::new(Some(&at("bin/dstream")), &at("providers"), &[at("usr"), at("opt")]);
    Machine { root, search }
}

#[test]
fn the_folder_of_dstream_comes_before_the_project_and_that_before_path() {
    let Machine { root, search } = machine();
    let at = |name: &str| root.path().join(name);
    let last = program(&at("opt"), "dstream-in-file");
    assert_eq!(search.find(Role::Input, "file").unwrap(), last);
    let project = program(&at("providers"), "dstream-in-file");
    assert_eq!(search.find(Role::Input, "file").unwrap(), project);
    let beside = program(&at("bin"), "dstream-in-file");
    assert_eq!(search.find(Role::Input, "file").unwrap(), beside);
    assert!(search.find(Role::Output, "file").is_err());
}

#[test]
fn a_name_that_is_not_there_says_where_it_was_looked_for_and_what_is_there() {
    let Machine { root, search } = machine();
    program(&root.path().join("opt"), "dstream-out-postgres");
    program(&root.path().join("providers"), "dstream-out-file");
    let error = search.find(Role::Output, "postgrse").unwrap_err();
    assert_eq!(error.to_string(), "there is no output provider `postgrse` on this machine");
    let help = error.help();
    assert_eq!(help[0], "did you mean `postgres`?");
    assert_eq!(help[1], "output providers that are there: file, postgres");
    assert!(help[2].contains("dstream-out-postgrse") && help[2].contains("PATH"), "{}", help[2]);
    assert_eq!(help[2].matches("PATH").count(), 1);
}

#[test]
fn a_path_in_the_place_of_a_name_is_refused_with_the_right_setting() {
    let Machine { search, .. } = machine();
    for bad in ["./read.sh", "..", "", "a b"] {
        let error = search.find(Role::Input, bad).unwrap_err();
        assert!(matches!(error, NameError::Invalid { .. }), "{bad}: {error}");
    }
    let help = search.find(Role::Input, "./read.sh").unwrap_err().help();
    assert!(help[0].contains("provider_path = \"./read.sh\""), "{}", help[0]);
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_executed_is_passed_over_for_one_that_can() {
    let Machine { root, search } = machine();
    fs::create_dir_all(root.path().join("bin")).unwrap();
    fs::write(root.path().join("bin/dstream-in-file"), "").unwrap();
    let error = search.find(Role::Input, "file").unwrap_err();
    assert!(error.to_string().contains("not executable"), "{error}");
    let later = program(&root.path().join("usr"), "dstream-in-file");
    assert_eq!(search.find(Role::Input, "file").unwrap(), later);
    let names: Vec<_> = search.available(Role::Input).into_iter().map(|a| a.path).collect();
    assert_eq!(names, [later]);
}
