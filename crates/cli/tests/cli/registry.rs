//! Providers from a real registry: locked, pulled, run, moved, spoiled.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use dstream_servers::{OciRegistry, RegistrySetup};

use crate::support::{IN_COUNT, OUT_LINES, Project, V2_INPUT, V2_OUTPUT, pretty};

/// A project that takes its input by version and its output by tag, and a registry that has both.
fn published() -> (OciRegistry, Project) {
    let registry = OciRegistry::start();
    let project = Project::new(&task_file(&registry, "~> 1.0", ""));
    push(&project, &registry, "in-count", "v1.2.0", V2_INPUT, IN_COUNT);
    push(&project, &registry, "out-lines", "v0.3.1", V2_OUTPUT, OUT_LINES);
    (registry, project)
}

/// `trust` are blocks of the `dstream` block.
pub(crate) fn task_file(registry: &OciRegistry, version: &str, trust: &str) -> String {
    let host = registry.host();
    format!(
        r#"dstream {{
  required_providers {{
    count = {{ source = "{host}/acme/dstream-in-count", version = "{version}" }}
  }}
{trust}}}

task "count" {{
  input {{
    provider = "count"
    config {{
      max = 3
    }}
  }}
  output {{
    provider_ref = "{host}/acme/dstream-out-lines:v0.3.1"
    config {{
      path = "lines.txt"
    }}
  }}
}}
"#
    )
}

/// Publishes a script for this platform and one for another; it is gone from the machine afterwards.
fn push(
    project: &Project,
    registry: &OciRegistry,
    name: &str,
    tag: &str,
    script: &str,
    described: &str,
) {
    push_with(project, registry, name, tag, script, described, &[]);
}

/// The same with more arguments. The password of a key is what the tests' locked key has.
pub(crate) fn push_with(
    project: &Project,
    registry: &OciRegistry,
    name: &str,
    tag: &str,
    script: &str,
    described: &str,
    more: &[&str],
) {
    project.described(name, script, described);
    let reference = format!("{}/acme/dstream-{name}:{tag}", registry.host());
    let other = format!("plan9_mips=./{name}");
    let program = format!("./{name}");
    let args = [&["provider", "push", &reference, &program, &other], more].concat();
    let output = project.command(&args).env("COSIGN_PASSWORD", "open sesame").output().unwrap();
    assert!(output.status.success(), "{}", project.shown(&args, &output));
    for file in [name.to_owned(), format!("{name}.json")] {
        std::fs::remove_file(project.folder().join(file)).unwrap();
    }
}

/// Addresses and digests differ from run to run.
pub(crate) fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"127\.0\.0\.1:\d+", "registry.test:5000");
    settings.add_filter(r"sha256:[0-9a-f]{64}", "sha256:[DIGEST]");
    settings.add_filter(r"sha256:[0-9a-f]{12}", "sha256:[SHORT]");
    settings.add_filter(r"blobs/sha256/[0-9a-f]{64}", "blobs/sha256/[DIGEST]");
    settings.add_filter(r"in [0-9.]+ m?s", "in [TIME]");
    settings.add_filter(r"[0-9.,]+/s", "[RATE]");
    settings.add_filter(r"(linux|darwin)_(amd64|arm64)", "this_platform");
    settings
}

pub(crate) fn runs(project: &Project, args: &[&str]) -> String {
    let output = project.command(args).output().unwrap();
    let shown = project.shown(args, &output);
    assert!(output.status.success(), "{shown}");
    shown
}

pub(crate) fn fails(project: &Project, args: &[&str], says: &[&str]) -> String {
    let output = project.command(args).output().unwrap();
    let shown = project.shown(args, &output);
    assert!(!output.status.success(), "{shown}");
    for word in says {
        assert!(shown.contains(word), "no `{word}` in {shown}");
    }
    shown
}

/// Where the cache has a program.
fn cached(project: &Project, provider: &str) -> std::path::PathBuf {
    let (_, document) = project.json(&["provider", "pull"]);
    let pulled = document["pulled"].as_array().unwrap().iter();
    let one = pulled.clone().find(|p| p["provider"].as_str().unwrap().contains(provider)).unwrap();
    project.real(one["program"].as_str().unwrap())
}

#[test]
fn a_task_is_planned_locked_pulled_and_run_from_a_registry() {
    let (_registry, project) = published();
    settings().bind(|| {
        insta::assert_snapshot!("registry_plan", project.show(&["plan", "count"]));
        insta::assert_snapshot!("registry_plan_json", pretty(project.json(&["plan", "count"])));
        assert_eq!(project.read(".dstream.lock.hcl"), "", "a plan writes nothing");
        insta::assert_snapshot!("registry_init", project.show(&["init"]));
        insta::assert_snapshot!("registry_lock_file", project.read(".dstream.lock.hcl"));
        insta::assert_snapshot!("registry_run", project.show(&["run", "--locked", "count"]));
        insta::assert_snapshot!("registry_list", project.show(&["provider", "list"]));
    });
    assert_eq!(project.read("lines.txt").lines().count(), 3);
    assert!(project.show(&["plan", "count"]).contains("What it promises"));
}

#[test]
fn what_is_not_locked_is_refused_where_that_was_asked_for_and_locked_elsewhere() {
    let (_registry, project) = published();
    fails(
        &project,
        &["run", "--locked", "count"],
        &["is not in the lock file", "`dstream init` locks it"],
    );
    fails(&project, &["validate"], &["is not in the lock file"]);
    assert_eq!(project.read(".dstream.lock.hcl"), "");
    runs(&project, &["run", "count"]);
    assert!(project.read(".dstream.lock.hcl").contains("dstream-in-count"));
    runs(&project, &["run", "--locked", "count"]);
}

#[test]
fn a_newer_version_is_taken_only_where_it_is_asked_for() {
    let (registry, project) = published();
    runs(&project, &["init"]);
    let before = project.read(".dstream.lock.hcl");
    let newer = IN_COUNT.replace("1.2.0", "1.3.0");
    push(&project, &registry, "in-count", "v1.3.0", &format!("{V2_INPUT}\n# newer\n"), &newer);
    runs(&project, &["init"]);
    runs(&project, &["run", "--locked", "count"]);
    assert_eq!(project.read(".dstream.lock.hcl"), before);
    assert!(project.show(&["provider", "list"]).contains("v1.2.0   v1.3.0"));
    settings().bind(|| {
        insta::assert_snapshot!("registry_upgrade", project.show(&["init", "--upgrade"]));
    });
    assert!(project.read(".dstream.lock.hcl").contains("v1.3.0"));
    // And what is asked for now may exclude what is locked.
    project.write("dstream.hcl", &task_file(&registry, "< 1.3", ""));
    fails(
        &project,
        &["run", "count"],
        &["locked at v1.3.0, and < 1.3 is asked for", "init --upgrade"],
    );
    runs(&project, &["init", "--upgrade"]);
    assert!(project.read(".dstream.lock.hcl").contains("v1.2.0"));
    project.write("dstream.hcl", &task_file(&registry, ">= 2", ""));
    fails(&project, &["init", "--upgrade"], &["has no version >= 2", "v1.2.0, v1.3.0"]);
}

#[test]
fn a_tag_that_was_moved_is_refused_until_a_person_takes_the_new_one() {
    let (registry, project) = published();
    runs(&project, &["init"]);
    let evil = V2_INPUT.replace("n <= 3", "n <= 4");
    push(&project, &registry, "in-count", "v1.2.0", &evil, IN_COUNT);
    settings().bind(|| {
        insta::assert_snapshot!("registry_moved", project.show(&["init"]));
    });
    runs(&project, &["run", "--locked", "count"]);
    assert_eq!(project.read("lines.txt").lines().count(), 3, "what is locked runs");
    let key = format!("{}/acme/dstream-in-count", registry.host());
    settings().bind(|| {
        insta::assert_snapshot!("registry_lock", project.show(&["provider", "lock", &key]));
    });
    runs(&project, &["init"]);
}

#[test]
fn a_program_that_was_changed_in_the_cache_is_pulled_anew_and_without_a_registry_refused() {
    let (mut registry, project) = published();
    runs(&project, &["init"]);
    let program = cached(&project, "in-count");
    let spoil = || {
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(&program, "#!/bin/sh\ntouch evil\n").unwrap();
    };
    spoil();
    let shown = runs(&project, &["run", "count"]);
    assert!(shown.contains("has been changed since it was pulled"), "{shown}");
    assert_eq!(project.read("lines.txt").lines().count(), 3);
    registry.kill();
    runs(&project, &["run", "count"]);
    spoil();
    fails(&project, &["run", "count"], &["cannot be reached", "has been changed"]);
    assert!(!project.folder().join("evil").exists());
    registry.resume();
    runs(&project, &["run", "count"]);
}

#[test]
fn a_disk_that_is_full_is_said_and_the_next_attempt_goes_on_where_there_is_room() {
    let (registry, project) = published();
    let large = format!("{V2_INPUT}\nexit\n{}", "# a comment\n".repeat(300_000));
    let newer = IN_COUNT.replace("1.2.0", "1.4.0");
    push(&project, &registry, "in-count", "v1.4.0", &large, &newer);
    // A file system of its own, of one megabyte, in a name space of its own: no rights are needed.
    let script = r#"mount -t tmpfs -o size=1m tmpfs "$XDG_CACHE_HOME" && "$0" init
        code=$?; cp -r "$XDG_CACHE_HOME/dstream" "$KEPT"; exit $code"#;
    let mut command = project.command(&[]);
    let dstream = command.get_program().to_owned();
    let (small, kept) = (project.folder().join("small"), project.folder().join("kept"));
    std::fs::create_dir(&small).unwrap();
    std::fs::create_dir(&kept).unwrap();
    let mut inside = std::process::Command::new("unshare");
    inside.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]).arg(dstream);
    inside.current_dir(project.folder()).stdin(Stdio::null()).env_clear();
    inside.env("PATH", "/usr/bin:/bin").env("XDG_CACHE_HOME", &small).env("KEPT", &kept);
    let output = inside.output().unwrap();
    let shown = project.shown(&["init"], &output);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(shown.contains("No space left on device"), "{shown}");
    assert!(shown.contains("make room there"), "{shown}");
    // What had come is gone on with in a roomier place.
    command.args(["init"]).env("XDG_CACHE_HOME", &kept);
    let begun = std::fs::read_dir(kept.join("dstream/partial")).unwrap().count();
    assert!(begun > 0, "{shown}");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", project.shown(&["init"], &output));
    assert_eq!(std::fs::read_dir(kept.join("dstream/partial")).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_published_is_refused_with_the_reason() {
    let (registry, project) = published();
    project.described("in-count", V2_INPUT, IN_COUNT);
    project.script("silent", "#!/bin/sh\nexit 1\n");
    let at = |tag: &str| format!("{}/acme/dstream-in-count:{tag}", registry.host());
    let refused = |args: &[&str], says: &[&str]| {
        let all: Vec<&str> = ["provider", "push"].iter().chain(args).copied().collect();
        fails(&project, &all, says)
    };
    refused(
        &[&at("v2.0.0"), "./in-count"],
        &["the tag is v2.0.0, and in-count says that it is version 1.2.0"],
    );
    refused(&[&at("v1"), "./silent"], &["must answer `describe`"]);
    refused(
        &[&at("v1"), "plan9_mips=./in-count"],
        &["can be asked what it is", "--description FILE"],
    );
    refused(&[&at("v1"), "linux-amd64=./in-count"], &["begins with no platform"]);
    refused(&[&at("v1"), "./nothing"], &["there is no file ./nothing"]);
    refused(&[&at("v1"), "./in-count", "./in-count"], &["two binaries"]);
    refused(&["acme/dstream-in-count:v1", "./in-count"], &["names no registry"]);
    let by_digest = format!("{}/acme/x@sha256:{}", registry.host(), "a".repeat(64));
    refused(&[&by_digest, "./in-count"], &["needs a tag"]);
}

#[test]
fn what_is_stored_by_login_opens_a_registry_until_logout() {
    let registry =
        OciRegistry::start_with(&RegistrySetup { password: true, ..RegistrySetup::default() });
    let host = registry.host();
    let project = Project::new("");
    project.described("in-count", V2_INPUT, IN_COUNT);
    let reference = format!("{host}/acme/dstream-in-count:v1.2.0");
    let push = ["provider", "push", &reference, "./in-count"];
    fails(&project, &push, &["refuses access", &format!("dstream provider login {host}")]);
    let login = |password: &str| {
        project.write("password", password);
        let mut command =
            project.command(&["provider", "login", &host, "--user", "dev", "--password-stdin"]);
        command
            .stdin(std::fs::File::open(project.folder().join("password")).unwrap())
            .output()
            .unwrap()
    };
    let wrong = login("wrong\n");
    assert!(!wrong.status.success(), "a wrong password is not stored");
    fails(&project, &push, &["refuses access"]);
    assert!(login("secret\n").status.success());
    runs(&project, &push);
    let shown = runs(&project, &["provider", "show", &reference]);
    assert!(shown.contains("in-count 1.2.0") && shown.contains("this number"), "{shown}");
    runs(&project, &["provider", "logout", &host]);
    fails(&project, &["provider", "show", &reference], &["refuses access"]);
}

#[test]
fn cleaning_keeps_what_the_project_has_locked() {
    let (registry, project) = published();
    runs(&project, &["init"]);
    let stray = format!("{}/acme/dstream-stray:v1.2.0", registry.host());
    project.described("in-count", &format!("{V2_INPUT}\n# stray\n"), IN_COUNT);
    runs(&project, &["provider", "push", &stray, "./in-count"]);
    runs(&project, &["provider", "pull", &stray]);
    let (_, cleaned) = project.json(&["provider", "clean", "--unused-days", "0"]);
    assert_eq!(cleaned["removed"], 1, "{cleaned}");
    runs(&project, &["run", "--locked", "count"]);
}

#[test]
fn a_closed_network_runs_the_same_files_from_a_mirror_that_a_folder_filled() {
    let (registry, project) = published();
    runs(&project, &["init"]);
    settings().bind(|| {
        insta::assert_snapshot!("registry_mirror", project.show(&["provider", "mirror", "mirror"]));
    });
    let inside = OciRegistry::start();
    let to = format!("{}/mirror", inside.host());
    let shown = runs(&project, &["provider", "push", "--from", "mirror", "--to", &to]);
    assert!(shown.contains(&format!("pushed {to}/acme/dstream-in-count:v1.2.0")), "{shown}");
    // Another machine: no cache, no way to the open registry.
    let outside = registry.host();
    drop(registry);
    std::fs::remove_dir_all(project.real("[ROOT]/.cache")).unwrap();
    fails(&project, &["run", "--locked", "count"], &["cannot be reached"]);
    let block = format!("dstream {{\n  registry \"{outside}\" {{\n    mirror = \"{to}\"\n  }}\n");
    let task = project.read("dstream.hcl").replace("dstream {\n", &block);
    project.write("dstream.hcl", &task);
    let lock = project.read(".dstream.lock.hcl");
    runs(&project, &["init"]);
    runs(&project, &["run", "--locked", "count"]);
    assert_eq!(project.read(".dstream.lock.hcl"), lock);
    assert_eq!(project.read("lines.txt").lines().count(), 3);
}

#[test]
fn what_is_packaged_is_what_is_pushed_later() {
    let registry = OciRegistry::start();
    let project = Project::new("");
    project.described("in-count", V2_INPUT, IN_COUNT);
    let reference = format!("{}/acme/dstream-in-count:v1.2.0", registry.host());
    fails(&project, &["provider", "push", "--from", "dist"], &["dist holds no providers"]);
    let packaged = project.json(&["provider", "package", "dist", &reference, "./in-count"]).1;
    runs(&project, &["provider", "push", "--from", "dist"]);
    let (_, shown) = project.json(&["provider", "show", &reference]);
    assert_eq!(shown["digest"], packaged["digest"]);
    let pushed = project.json(&["provider", "push", &reference, "./in-count"]).1;
    assert_eq!(pushed["digest"], packaged["digest"]);
    fails(
        &project,
        &["provider", "push", "--from", "dist", "ghcr.io/acme/x:v1"],
        &["is not there"],
    );
    fails(&project, &["provider", "push", &reference], &["no binary to push"]);
}

#[test]
fn verify_finds_a_moved_tag_and_a_changed_program() {
    let (mut registry, project) = published();
    fails(&project, &["provider", "verify"], &["not locked"]);
    runs(&project, &["init"]);
    let states = |project: &Project| {
        let (code, document) = project.json(&["provider", "verify"]);
        let one = &document["providers"][0];
        (code, one["tag"].as_str().unwrap().to_owned(), one["program"].as_str().unwrap().to_owned())
    };
    let is = |code: i32, tag: &str, program: &str| (code, tag.to_owned(), program.to_owned());
    assert_eq!(states(&project), is(0, "same", "same"));
    let program = cached(&project, "in-count");
    std::fs::remove_file(&program).unwrap();
    assert_eq!(states(&project), is(0, "same", "not pulled"));
    std::fs::write(&program, "changed").unwrap();
    assert_eq!(states(&project), is(1, "same", "changed"));
    push(&project, &registry, "in-count", "v1.2.0", &format!("{V2_INPUT}\n#\n"), IN_COUNT);
    assert_eq!(states(&project), is(1, "moved", "changed"));
    registry.kill();
    assert_eq!(states(&project), is(1, "unknown", "changed"));
}

#[test]
fn a_catalogue_of_a_folder_is_published_and_searched() {
    let registry = OciRegistry::start();
    let project = Project::new("");
    project.write("descriptions/in-count.json", IN_COUNT);
    project.write("descriptions/out-lines.json", OUT_LINES);
    let build = ["provider", "catalogue", "build", "descriptions", "--source", "ghcr.io/acme"];
    let output = project.command(&build).output().unwrap();
    assert!(output.status.success(), "{}", project.shown(&build, &output));
    project.write("catalogue.json", std::str::from_utf8(&output.stdout).unwrap());
    let reference = format!("{}/acme/catalogue:latest", registry.host());
    runs(&project, &["provider", "catalogue", "push", &reference, "catalogue.json"]);
    let search = |words: &[&str]| {
        let all: Vec<&str> = ["provider", "search", "--catalogue", &reference]
            .iter()
            .chain(words)
            .copied()
            .collect();
        project.show(&all)
    };
    settings().bind(|| insta::assert_snapshot!("registry_search", search(&["counts"])));
    assert!(search(&["output", "LINES"]).contains("ghcr.io/acme/dstream-out-lines"));
    assert!(search(&["nothing"]).contains("No provider has these words."));
    fails(&project, &["provider", "search", "x"], &["no catalogue to look in", "catalogues ="]);
    project.write("dstream.hcl", &format!("dstream {{\n  catalogues = [\"{reference}\"]\n}}\n"));
    assert!(project.show(&["provider", "search", "counts"]).contains("in-count"));
    // A provider is no catalogue, and the other way round.
    project.described("in-count", V2_INPUT, IN_COUNT);
    let provider = format!("{}/acme/dstream-in-count:v1.2.0", registry.host());
    runs(&project, &["provider", "push", &provider, "./in-count"]);
    fails(&project, &["provider", "search", "--catalogue", &provider], &["no catalogue"]);
    fails(
        &project,
        &["provider", "pull", &reference],
        &["is no provider", "vnd.dstream.catalogue"],
    );
}

#[test]
fn a_version_that_speaks_another_protocol_is_refused_with_one_that_does_not() {
    let (registry, project) = published();
    let later =
        IN_COUNT.replace("1.2.0", "1.9.0").replace("\"protocol\": [2]", "\"protocol\": [3]");
    assert_ne!(later, IN_COUNT.replace("1.2.0", "1.9.0"));
    push(&project, &registry, "in-count", "v1.9.0", &format!("{V2_INPUT}\n# later\n"), &later);
    fails(
        &project,
        &["init"],
        &["in-count 1.9.0 speaks protocol version 3", "dstream-in-count v1.2.0 speaks one of them"],
    );
}
