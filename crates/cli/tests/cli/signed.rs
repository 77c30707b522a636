//! Signed providers: published with a key, locked with their signer, refused without.

use dstream_servers::OciRegistry;

use crate::registry::{fails, push_with, runs, settings, task_file};
use crate::support::{IN_COUNT, OUT_LINES, Project, V2_INPUT, V2_OUTPUT};

/// A key that `cosign generate-key-pair` made, and another; the passwords are `open sesame` and none.
const COSIGN: &str = include_str!("keys/cosign.key");
const COSIGN_PUBLIC: &str = include_str!("keys/cosign.pub");
const PLAIN: &str = include_str!("keys/plain.key");
const PLAIN_PUBLIC: &str = include_str!("keys/plain.pub");

fn trust(registry: &OciRegistry, rest: &str) -> String {
    format!("\n  trust \"{}/acme/*\" {{\n    {rest}\n  }}\n", registry.host())
}

/// Both providers signed with the same key, and who trusts it.
fn signed() -> (OciRegistry, Project) {
    let registry = OciRegistry::start();
    let project = Project::new("");
    project.write("cosign.key", COSIGN);
    project.write("plain.key", PLAIN);
    project.write("keys/acme.pub", COSIGN_PUBLIC);
    project.write("keys/other.pub", PLAIN_PUBLIC);
    let by = ["--sign-key", "cosign.key"];
    push_with(&project, &registry, "in-count", "v1.2.0", V2_INPUT, IN_COUNT, &by);
    push_with(&project, &registry, "out-lines", "v0.3.1", V2_OUTPUT, OUT_LINES, &by);
    project.write("dstream.hcl", &task_file(&registry, "~> 1.0", &trust(&registry, KEY)));
    (registry, project)
}

const KEY: &str = r#"public_key = "keys/acme.pub""#;

#[test]
fn who_signed_is_planned_locked_listed_and_shown() {
    let (registry, project) = signed();
    settings().bind(|| {
        insta::assert_snapshot!("signed_plan", project.show(&["plan", "count"]));
        insta::assert_snapshot!("signed_init", project.show(&["init"]));
        insta::assert_snapshot!("signed_lock_file", project.read(".dstream.lock.hcl"));
        insta::assert_snapshot!("signed_list", project.show(&["provider", "list"]));
        insta::assert_snapshot!("signed_verify", project.show(&["provider", "verify"]));
        let reference = format!("{}/acme/dstream-in-count:v1.2.0", registry.host());
        insta::assert_snapshot!("signed_show", project.show(&["provider", "show", &reference]));
    });
    runs(&project, &["run", "--locked", "count"]);
}

#[test]
fn what_nobody_signed_whom_the_project_trusts_is_neither_locked_nor_run() {
    let (registry, project) = signed();
    let other = trust(&registry, r#"public_key = "keys/other.pub""#);
    project.write("dstream.hcl", &task_file(&registry, "~> 1.0", &other));
    settings().bind(|| {
        insta::assert_snapshot!("signed_by_another", project.show(&["init"]));
    });
    fails(&project, &["plan", "count"], &["nobody whom `trust` names has signed it"]);
    fails(&project, &["run", "count"], &["nobody whom `trust` names has signed it"]);
    assert_eq!(project.read(".dstream.lock.hcl"), "");
    // One of several is enough.
    let both = trust(&registry, r#"public_key = ["keys/other.pub", "keys/acme.pub"]"#);
    project.write("dstream.hcl", &task_file(&registry, "~> 1.0", &both));
    runs(&project, &["run", "count"]);
}

#[test]
fn a_rule_that_is_newer_than_the_lock_file_counts_for_what_is_locked() {
    let (registry, project) = signed();
    project.write("dstream.hcl", &task_file(&registry, "~> 1.0", ""));
    runs(&project, &["init"]);
    assert!(!project.read(".dstream.lock.hcl").contains("signer"));
    project.write("dstream.hcl", &task_file(&registry, "~> 1.0", &trust(&registry, KEY)));
    fails(&project, &["run", "--locked", "count"], &["no signer is noted", "`dstream init` asks"]);
    runs(&project, &["init"]);
    assert!(project.read(".dstream.lock.hcl").contains("signer {"));
    runs(&project, &["run", "--locked", "count"]);
    // And without a registry, for as long as the lock file says it.
    drop(registry);
    runs(&project, &["run", "--locked", "count"]);
}

#[test]
fn an_upgrade_to_what_somebody_else_signed_needs_a_persons_word() {
    let (registry, project) = signed();
    runs(&project, &["init"]);
    let before = project.read(".dstream.lock.hcl");
    let newer = IN_COUNT.replace("1.2.0", "1.3.0");
    let script = format!("{V2_INPUT}\n# newer\n");
    let by = ["--sign-key", "plain.key"];
    push_with(&project, &registry, "in-count", "v1.3.0", &script, &newer, &by);
    let both = trust(&registry, r#"public_key = ["keys/acme.pub", "keys/other.pub"]"#);
    project.write("dstream.hcl", &task_file(&registry, "~> 1.0", &both));
    settings().bind(|| {
        insta::assert_snapshot!("signed_by_somebody_else", project.show(&["init", "--upgrade"]));
    });
    assert_eq!(project.read(".dstream.lock.hcl"), before);
    runs(&project, &["run", "--locked", "count"]);
    runs(&project, &["init", "--upgrade", "--accept-signer"]);
    assert!(project.read(".dstream.lock.hcl").contains("v1.3.0"));
}

#[test]
fn a_lock_file_that_leads_elsewhere_than_the_task_file_says_is_refused() {
    let (registry, project) = signed();
    runs(&project, &["init"]);
    let lock = project.read(".dstream.lock.hcl");
    project.write(".dstream.lock.hcl", &lock.replace("\"v0.3.1\"", "\"v0.3.0\""));
    fails(
        &project,
        &["run", "--locked", "count"],
        &["is locked at v0.3.0, and v0.3.1 is asked for"],
    );
    project.write(".dstream.lock.hcl", &lock);
    let reference = format!("{}/acme/dstream-out-lines:v0.3.1", registry.host());
    let digest = format!("sha256:{}", "0".repeat(64));
    let pinned = format!("{}/acme/dstream-out-lines@{digest}", registry.host());
    let task = project.read("dstream.hcl").replace(&reference, &pinned);
    project.write("dstream.hcl", &task);
    project.write(".dstream.lock.hcl", &lock.replace(&reference, &pinned));
    fails(&project, &["run", "--locked", "count"], &["and sha256:000000000000 is asked for now"]);
}

#[test]
fn a_rule_that_is_for_nothing_is_told() {
    let (registry, project) = signed();
    let slip = trust(&registry, KEY).replace("/acme/*", "/acne/*");
    let both = format!("{}{slip}", trust(&registry, KEY));
    project.write("dstream.hcl", &task_file(&registry, "~> 1.0", &both));
    let shown = runs(&project, &["init"]);
    assert!(shown.contains("/acne/*\"` is for no provider of this file"), "{shown}");
}

#[test]
fn a_closed_network_has_the_signatures_too() {
    let (registry, project) = signed();
    runs(&project, &["init"]);
    runs(&project, &["provider", "mirror", "mirror"]);
    let inside = OciRegistry::start();
    let to = format!("{}/mirror", inside.host());
    runs(&project, &["provider", "push", "--from", "mirror", "--to", &to]);
    let outside = registry.host();
    drop(registry);
    std::fs::remove_dir_all(project.real("[ROOT]/.cache")).unwrap();
    let block = format!("dstream {{\n  registry \"{outside}\" {{\n    mirror = \"{to}\"\n  }}\n");
    let task = project.read("dstream.hcl").replace("dstream {\n", &block);
    project.write("dstream.hcl", &task);
    runs(&project, &["run", "--locked", "count"]);
    let (code, document) = project.json(&["provider", "verify"]);
    assert_eq!((code, &document["providers"][0]["signature"]), (0, &"good".into()));
}

#[test]
fn keys_and_rules_that_cannot_be_used_say_what_is_wrong() {
    let (registry, project) = signed();
    let reference = format!("{}/acme/dstream-in-count:v1.2.0", registry.host());
    project.described("in-count", V2_INPUT, IN_COUNT);
    let push = |key: &str, says: &[&str]| {
        fails(&project, &["provider", "push", &reference, "./in-count", "--sign-key", key], says);
    };
    push("nothing.key", &["cannot read the key nothing.key"]);
    push("keys/acme.pub", &["is no private key in PEM", "cosign generate-key-pair"]);
    push("env://NO_KEY", &["there is no variable NO_KEY"]);
    let locked = ["provider", "push", &reference, "./in-count", "--sign-key", "cosign.key"];
    fails(&project, &locked, &["locked with a password", "set COSIGN_PASSWORD"]);
    let wrong = |rest: &str, says: &str| {
        project.write("dstream.hcl", &task_file(&registry, "~> 1.0", &trust(&registry, rest)));
        fails(&project, &["init"], &[says]);
    };
    wrong(r#"public_key = "keys/none.pub""#, "cannot read the public key");
    wrong(r#"public_key = "plain.key""#, "a public key cannot be used");
    wrong("require_signature = true", "must say whose signature counts");
    wrong(r#"identity = "a@b.c""#, "`identity` and `issuer` belong together");
    wrong("identity = \"a\"\n issuer = \"b\"\n trusted_root = \"plain.key\"", "trusted root");
}
